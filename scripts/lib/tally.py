"""Adds up JUnit reports: prints `passed failed skipped` for the files named; what is not there counts nothing."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def tally(path):
    """Counts by test case, because the writers of these files do not agree on what their totals hold."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main():
    totals = [0, 0, 0]
    for name in sys.argv[1:]:
        if Path(name).is_file():
            try:
                totals = [sum(pair) for pair in zip(totals, tally(name))]
            except ElementTree.ParseError:
                # A runner that died while it wrote: what it did not finish has failed.
                totals[1] += 1
    print(*totals)


if __name__ == "__main__":
    main()
