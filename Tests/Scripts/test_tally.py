"""Reports of the runners are added up without losing a failure."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "lib" / "tally.py"


def tally(*paths):
    result = subprocess.run([sys.executable, SCRIPT, *paths], capture_output=True, text=True, check=True)
    return tuple(map(int, result.stdout.split()))


def test_cases_are_counted_over_all_files(tmp_path):
    one, two = tmp_path / "one.xml", tmp_path / "two.xml"
    one.write_text('<testsuites><testsuite tests="9"><testcase name="a"/><testcase name="b"><failure/></testcase>'
                   '</testsuite></testsuites>')
    two.write_text('<testsuite><testcase name="c"><skipped/></testcase><testcase name="d"><error/></testcase></testsuite>')
    assert tally(one, two) == (1, 2, 1)


def test_a_report_cut_short_is_a_failure_and_a_missing_one_is_nothing(tmp_path):
    cut = tmp_path / "cut.xml"
    cut.write_text('<testsuite><testcase name="a"/>')
    assert tally(cut) == (0, 1, 0)
    assert tally(tmp_path / "none.xml") == (0, 0, 0)
