"""docs/conformance.md is made of what the tests wrote down, and a promise that is broken is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "lib" / "conformance.py"
LAW = {"law": "crossing", "wire": "a", "caller": "b", "statement": "Says the same.", "total": 200, "passed": 199,
       "holes": [{"id": "one", "reason": "wrong on purpose"}], "unusable": [{"id": "two", "reason": "an error"}],
       "failures": []}
CELL = {"client": "openai", "upstream": "gemini", "scenario": "chat", "result": "pass", "note": ""}
PEERS = [{"title": "Cuts", "rows": [{"row": "24", "title": "A cut is told.", "tests": ["test_x.py::test_cut", "Cuts/are told", "matrix: chat"]},
                                    {"row": "25", "title": "No ledger.", "reason": "no ledger yet"}]}]


@pytest.fixture
def tree(tmp_path):
    """A repository and a folder of findings in which every promise is kept."""
    for folder in ("docs", "found", "Tests/EndToEnd", "Tests/Core"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "Tests/EndToEnd/test_x.py").write_text("def test_cut():\n    pass\n")
    (tmp_path / "Tests/Core/CutTests.swift").write_text("struct Cuts {\n    @Test func `are told`() {}\n}\n")
    write(tmp_path)
    return tmp_path


def write(tree, law=LAW, matrix=(CELL,), peers=PEERS):
    (tree / "found/law-crossing-a-b.json").write_text(json.dumps(law))
    (tree / "found/rules.json").write_text(json.dumps([{"callers": ["b"], "statement": "Folded.", "answers": 3}]))
    (tree / "found/wires.json").write_text(json.dumps([{"wire": "c", "recordings": 2, "reason": "Not spoken."}]))
    (tree / "found/matrix.json").write_text(json.dumps(list(matrix)))
    (tree / "Tests/peers.json").write_text(json.dumps(peers))


def run(tree, *options):
    result = subprocess.run([sys.executable, SCRIPT, tree, tree / "found", *options], capture_output=True, text=True)
    return result.returncode, result.stderr


def page(tree):
    return (tree / "docs/conformance.md").read_text()


def test_every_number_and_every_reason_is_on_the_page(tree):
    assert run(tree) == (0, "")
    for words in ("| `a` | 199 / 200 |", "- wrong on purpose: `one`", "- an error (1): `two`", "Folded.", "Not spoken.",
                  "| chat | pass |", "`Cuts/are told`", "no ledger yet"):
        assert words in page(tree)


def test_the_page_is_the_same_each_time(tree):
    run(tree)
    first = page(tree)
    run(tree)
    assert page(tree) == first and run(tree, "--check") == (0, "")


def test_a_page_of_another_day_is_told_with_what_to_run(tree):
    run(tree)
    write(tree, law={**LAW, "total": 201, "passed": 200})
    status, told = run(tree, "--check")
    assert status == 1 and "run scripts/conformance" in told


@pytest.mark.parametrize("law, told", [
    ({**LAW, "total": 50, "passed": 49}, "only 49 of 50 hold"),
    ({**LAW, "failures": ["three: text is other"]}, "three: text is other"),
])
def test_a_law_that_is_broken_fails(tree, law, told):
    write(tree, law=law)
    status, words = run(tree)
    assert status == 1 and told in words


def test_an_explained_cell_is_a_note_with_its_reason(tree):
    write(tree, matrix=[{**CELL, "result": "explained", "note": "takes no images: 400"}])
    assert run(tree) == (0, "")
    assert "| chat | note 1 |" in page(tree) and "1. takes no images: 400" in page(tree)


@pytest.mark.parametrize("cells", [
    [CELL, {**CELL, "upstream": "cohere", "scenario": "vision"}],
    [{**CELL, "result": "explained"}],
    [{**CELL, "result": "fail", "note": "other text"}],
    [],
])
def test_a_hole_in_the_matrix_fails(tree, cells):
    write(tree, matrix=cells)
    status, told = run(tree)
    assert status == 1 and "matrix" in told


@pytest.mark.parametrize("row, told", [
    ({"row": "9", "title": "x", "tests": ["test_x.py::test_gone"]}, "there is no test test_x.py::test_gone"),
    ({"row": "9", "title": "x", "tests": ["Cuts/gone"]}, "there is no test Cuts/gone"),
    ({"row": "9", "title": "x", "tests": ["matrix: gone"]}, "there is no test matrix: gone"),
    ({"row": "9", "title": "x", "reason": "y", "missing": "a cut"}, "no test yet: a cut"),
    ({"row": "9", "title": "x"}, "neither a test nor a reason"),
])
def test_a_row_without_proof_fails(tree, row, told):
    write(tree, peers=[{"title": "y", "rows": [row]}])
    status, words = run(tree)
    assert status == 1 and told in words
