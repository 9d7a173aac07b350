"""The checker of the house rules finds what it is for, and nothing in what only looks like it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts" / "lib"
sys.path.insert(0, str(SCRIPTS))

from swiftsource import blanked, functions  # noqa: E402


def findings(tmp_path, name, text, rule):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    result = subprocess.run(
        [sys.executable, SCRIPTS / "rules.py", tmp_path, rule], capture_output=True, text=True, check=False)
    lines = result.stdout.splitlines()
    assert result.returncode == (1 if lines else 0), result.stderr
    return lines


@pytest.mark.parametrize("code", [
    "let a = try! f()", "let a = b as! C", "func f() { fatalError(\"x\") }", "func f() { Task { await g() } }",
    "func f() { Task(priority: .high) { } }", "func f() { Task.detached { } }", "public struct A {}",
    "public let a = 1", "import Foundation", "final class A: @unchecked Sendable {}", "/// TO" "DO later\nlet a = 1",
])
def test_forbidden_constructs_are_found(tmp_path, code):
    assert len(findings(tmp_path, "Sources/GatehouseEngine/A.swift", code + "\n", "constructs")) == 1


@pytest.mark.parametrize("code", [
    "// try! and as! and fatalError(", 'let a = "try! Task { public let"', 'let a = #"a " as! "#',
    "group.addTask { await f() }", "let a: Task<Void, Never>? = nil", "import FoundationEssentials",
    "// Sendable because the lock guards it.\nfinal class A: @unchecked Sendable {}", "/* a /* try! */ as! */",
    'let a = """\n    fatalError("x")\n    """',
])
def test_what_only_looks_like_it_is_not(tmp_path, code):
    assert findings(tmp_path, "Sources/GatehouseEngine/A.swift", code + "\n", "constructs") == []


def test_code_within_interpolations_counts(tmp_path):
    code = 'let a = "text \\(try! f("(")) more"\n'
    assert len(findings(tmp_path, "Sources/GatehouseEngine/A.swift", code, "constructs")) == 1


@pytest.mark.parametrize(("target", "module", "allowed"), [
    ("GatehouseCore", "NIOCore", True), ("GatehouseCore", "Glibc", False), ("GatehouseEngine", "NIOPosix", False),
    ("GatehouseUpstream", "GatehouseEngine", False), ("GatehouseServer", "GatehouseStore", False),
    ("gatehouse", "GatehouseStore", True),
])
def test_walls(tmp_path, target, module, allowed):
    code = f"package import {module}\n"
    assert (findings(tmp_path, f"Sources/{target}/A.swift", code, "imports") == []) == allowed


def test_core_is_synchronous_but_for_its_ports(tmp_path):
    code = "protocol A { func f() async }\n"
    assert findings(tmp_path, "Sources/GatehouseCore/Ports/A.swift", code, "constructs") == []
    assert len(findings(tmp_path, "Sources/GatehouseCore/A.swift", code, "constructs")) == 1


def test_long_files_and_functions_and_lists(tmp_path):
    assert len(findings(tmp_path, "Sources/A/A.swift", "//\n" * 701, "limits")) == 1
    body = "    let a = 1\n" * 79
    assert len(findings(tmp_path, "Sources/A/A.swift", "func f() {\n" + body + "}\n", "limits")) == 1
    assert findings(tmp_path, "Sources/A/A.swift", "func f() {\n" + body[14:] + "}\n", "limits") == []
    parameters = ", ".join(f"a{n}: [Int: (Int, Int)]" for n in range(9))
    assert len(findings(tmp_path, "Sources/A/A.swift", f"init({parameters}) {{}}\n", "limits")) == 1


def test_the_extent_of_functions():
    code = blanked('''
        protocol P { func none() -> Int; init(a: Int) }
        extension P {
            func generic<A: B<C>>(_ a: A = "}", b: (Int, Int) -> Void) throws(E) -> [A] where A: Q {
                let pattern = /[}"]{2}/
                return [a]
            }
            subscript(a: Int) -> Int { a }
        }
    ''')
    assert [(f.name, f.line, f.lines, f.parameters) for f in functions(code)] == [
        ("generic", 4, 4, 2), ("subscript", 8, 1, 1)]
