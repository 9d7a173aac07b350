"""scripts/lib/mutants.py: that its list still fits the sources. What the simulator makes of it takes half an hour."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))

import mutants  # noqa: E402


@pytest.mark.parametrize("mutant", mutants.mutants(), ids=lambda mutant: mutant.name)
def test_the_lines_of_a_mutant_are_in_the_sources_once(mutant):
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutant.old and mutant.new and mutant.changed(text) != text


def test_lines_that_are_not_there_or_twice_are_refused():
    mutant = mutants.Mutant("F | a bug\n- one\n- two\n+ three")
    assert mutant.changed("zero\n    one\n    two\nfour") == "zero\nthree\nfour"
    for text in ("one\nother", "one\ntwo\none\ntwo"):
        with pytest.raises(ValueError):
            mutant.changed(text)
