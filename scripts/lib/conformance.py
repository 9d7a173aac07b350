"""Makes docs/conformance.md of what the tests wrote down. scripts/conformance runs it.

    conformance.py ROOT DIR [--check]

DIR holds law-*.json, rules.json and wires.json (Tests/GatehouseCoreTests/Corpus) and matrix.json
(Tests/EndToEnd/test_matrix.py). Writes the page; with --check it compares the page with the committed one instead. Ends
with 1 when a promise is broken: a law below 99 %, a failure without a reason, a hole in the matrix, a test that
Tests/peers.json names and the tree does not have.
"""

import json
import re
import sys
from pathlib import Path

LEAST_SHARE = 99
LAWS = ["request", "answer", "splits", "stream", "own", "parts", "signatures", "crossing", "prefix", "schemas"]
#: Upstreams that are no models of a vendor.
PLAIN = ("agent", "gatehouse/echo")
TITLES = {
    "request": "Requests",
    "answer": "Whole answers",
    "splits": "Any byte split",
    "stream": "Streams",
    "own": "Written again",
    "parts": "Part by part",
    "signatures": "Seals",
    "crossing": "Into each caller's dialect",
    "prefix": "Caches are met",
    "schemas": "Schemas for Gemini",
}
INTRODUCTION = """# Conformance

`scripts/conformance` writes this page from what the tests find; `scripts/test` fails when it is not up to date. Do not edit
it by hand.

- **Laws** hold for each recording of the shared corpus (`../shared/traffic`, real traffic of forty providers, no part of
  the repository). A cell is *held / checked*. What does not hold is listed below its table with the reason; what cannot be
  checked is listed further down with the reason. An exception that holds again fails the tests.
- **The matrix** has the official client libraries pass the same scenarios against each kind of upstream. `pass` is what it
  says. A number is a note: what cannot be had there, what happens instead, and that this is tested.
- **What peers got wrong** has a row for each report of users of other gateways: the tests that prove it does not happen
  here, or the reason why it cannot.
"""


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
    yield ""


def by_reason(rows):
    """Lists of ids by reason, both in order."""
    found = {}
    for row in rows:
        found.setdefault(row["reason"], set()).add(row["id"])
    return [(reason, sorted(ids)) for reason, ids in sorted(found.items())]


class Page:
    def __init__(self, root, folder):
        self.root, self.folder = root, folder
        self.laws = [self.read(path) for path in sorted(folder.glob("law-*.json"))]
        self.problems = []
        self.scenarios = set()

    @staticmethod
    def read(path):
        return json.loads(path.read_text(encoding="utf-8"))

    def named(self, name, maker):
        """The document `name` of the folder, or a problem."""
        path = self.folder / name
        if path.is_file():
            return self.read(path)
        self.problems.append(f"{name} is not in {self.folder}: {maker} writes it")
        return []

    def text(self):
        parts = [INTRODUCTION, *self.law_tables(), *self.rules(), *self.not_usable(), *self.wires(), *self.matrix(),
                 *self.peers()]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"

    # Laws

    def law_tables(self):
        total = sum(law["total"] for law in self.laws)
        passed = sum(law["passed"] for law in self.laws)
        if not self.laws:
            self.problems.append("there are no laws: run the Swift suites of the corpus with GATEHOUSE_CONFORMANCE set")
            return
        yield "## Laws\n"
        yield f"{passed} of {total} checks hold: {100 * passed / total:.2f} %. At least {LEAST_SHARE} % must.\n"
        for name in sorted({law["law"] for law in self.laws}, key=LAWS.index):
            rows = [law for law in self.laws if law["law"] == name]
            yield f"### {TITLES[name]}\n"
            yield rows[0]["statement"] + "\n"
            yield from self.crossing_table(rows) if "caller" in rows[0] else self.law_table(rows)
            yield from self.holes(rows)

    def law_table(self, rows):
        cells = [(f"`{row['wire']}`", f"{row['passed']} / {row['total']}", len(row["unusable"])) for row in rows]
        yield from table(["Wire", "Holds", "Not usable"], sorted(cells))

    def crossing_table(self, rows):
        callers = sorted({row["caller"] for row in rows})
        cells = {(row["wire"], row["caller"]): f"{row['passed']} / {row['total']}" for row in rows}
        wires = sorted({row["wire"] for row in rows})
        yield from table(
            ["Wire", *(f"to `{caller}`" for caller in callers)],
            [(f"`{wire}`", *(cells.get((wire, caller), "its own") for caller in callers)) for wire in wires])

    def holes(self, rows):
        for row in rows:
            where = f"{row['law']}, {row['wire']}" + (f" to {row['caller']}" if row.get("caller") else "")
            self.problems += [f"{where}: {failure}" for failure in row["failures"]]
            if row["passed"] * 100 < LEAST_SHARE * row["total"]:
                self.problems.append(f"{where}: only {row['passed']} of {row['total']} hold")
        holes = by_reason(hole for row in rows for hole in row["holes"])
        if holes:
            yield "Does not hold for:\n"
            for reason, ids in holes:
                yield f"- {reason}: " + ", ".join(f"`{name}`" for name in ids)
            yield ""

    def rules(self):
        rules = self.named("rules.json", "CrossDialectTests")
        yield "### What a caller's dialect has no words for\n"
        yield ("Applied to an answer before it is compared with what the caller reads. *Answers* tells how many recorded "
               "ones a rule bears on; where none was recorded, one is made up in the test.\n")
        yield from table(
            ["Callers", "Rule", "Answers"],
            [(", ".join(f"`{caller}`" for caller in rule["callers"]), rule["statement"], rule["answers"])
             for rule in rules])

    def not_usable(self):
        yield "### Recordings that are not usable\n"
        for wire in sorted({law["wire"] for law in self.laws}):
            reasons = by_reason(row for law in self.laws if law["wire"] == wire for row in law["unusable"])
            if not reasons:
                continue
            yield f"<details><summary><code>{wire}</code></summary>\n"
            for reason, ids in reasons:
                yield f"- {reason} ({len(ids)}): " + ", ".join(f"`{name}`" for name in ids)
            yield "\n</details>\n"

    def wires(self):
        wires = self.named("wires.json", "WireCorpusTests")
        yield "### Wires of the corpus without laws of their own\n"
        yield from table(
            ["Wire", "Recordings", "Why"], [(f"`{row['wire']}`", row["recordings"], row["reason"]) for row in wires])

    # The matrix

    def matrix(self):
        rows = self.named("matrix.json", "Tests/EndToEnd/test_matrix.py")
        yield "## Clients, upstreams, scenarios\n"
        cells = {(row["client"], row["upstream"], row["scenario"]): row for row in rows}
        if not cells:
            self.problems.append("the matrix has no cells")
        clients, upstreams, scenarios = (sorted({key[place] for key in cells}) for place in range(3))
        self.scenarios = set(scenarios)
        notes = {}
        vendors = [upstream for upstream in upstreams if upstream not in PLAIN]
        for client in clients:
            yield f"### {client}\n"
            yield from table(
                ["Scenario", *vendors],
                [(scenario, *(self.cell(cells, (client, upstream, scenario), notes) for upstream in vendors))
                 for scenario in scenarios])
        yield "### Agents and the built-in model\n"
        yield "Scenarios that need what they do not have, functions of the caller above all, are not asked.\n"
        asked = sorted({(scenario, upstream) for _, upstream, scenario in cells if upstream in PLAIN})
        yield from table(
            ["Scenario", "Upstream", *clients],
            [(scenario, upstream, *(self.cell(cells, (client, upstream, scenario), notes) for client in clients))
             for scenario, upstream in asked])
        if notes:
            yield "### Notes\n"
            # Plain numbers: renderers disagree on footnotes.
            for note, number in notes.items():
                yield f"{number}. {note}"
            yield ""

    def cell(self, cells, key, notes):
        row = cells.get(key)
        result = row["result"] if row else "missing"
        if result == "pass":
            return "pass"
        if result == "explained" and row["note"]:
            return f"note {notes.setdefault(' '.join(row['note'].split()), len(notes) + 1)}"
        self.problems.append(f"matrix, {' x '.join(key)}: {result}" + (f": {row['note']}" if row else ""))
        return f"**{result}**"

    # Peers' failures

    def peers(self):
        document = self.read(self.root / "Tests" / "peers.json")
        yield "## What peers got wrong\n"
        for section in document:
            yield f"### {section['title']}\n"
            yield from table(["Row", "What must not happen", "Proof, or why it cannot"],
                             [(row["row"], row["title"], self.proof(row)) for row in section["rows"]])

    def proof(self, row):
        tests, reason, missing = row.get("tests", []), row.get("reason"), row.get("missing")
        where = f"Tests/peers.json, row {row['row']}"
        if not tests and not reason:
            self.problems.append(f"{where}: neither a test nor a reason")
        if missing:
            self.problems.append(f"{where}: no test yet: {missing}")
        self.problems += [f"{where}: there is no test {name}" for name in tests if not self.exists(name)]
        told = [f"`{name}`" for name in tests] + [reason] * bool(reason)
        return "<br>".join(told + [f"**No test yet:** {missing}"] * bool(missing))

    def exists(self, name):
        """Whether the tree has the test: `file.py::function`, `Suite/function` in Swift, or a scenario `matrix: name`."""
        if name.startswith("matrix: "):
            return name.removeprefix("matrix: ") in self.scenarios
        file, _, function = name.partition("::")
        if function:
            found = list((self.root / "Tests").glob(f"*/{file}"))
            return any(re.search(rf"^def {re.escape(function)}\(", path.read_text(encoding="utf-8"), re.M) for path in found)
        suite, _, function = name.partition("/")
        word = re.escape(function)
        pattern = re.compile(rf"\b(?:struct|class|enum|extension) {re.escape(suite)}\b.*?\bfunc (?:`{word}`|{word})\(", re.S)
        return any(pattern.search(text) for text in self.swift_tests())

    def swift_tests(self):
        if not hasattr(self, "_swift"):
            self._swift = [path.read_text(encoding="utf-8") for path in sorted((self.root / "Tests").rglob("*Tests.swift"))]
        return self._swift


def main(arguments):
    root, folder = Path(arguments[0]), Path(arguments[1])
    page = Page(root, folder)
    text = page.text()
    committed = root / "docs" / "conformance.md"
    if "--check" not in arguments:
        committed.write_text(text, encoding="utf-8")
    elif not committed.is_file() or committed.read_text(encoding="utf-8") != text:
        page.problems.append("docs/conformance.md is not what the tests found: run scripts/conformance and commit the page")
    for problem in page.problems:
        print(problem, file=sys.stderr)
    return 1 if page.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
