"""The house rules that a compiler does not know, checked over the sources. scripts/check runs it.

    rules.py ROOT RULE...     RULE: limits, imports, constructs

Prints a line `file:line: what is wrong` per finding and ends with 1 when there was one.
"""

import re
import subprocess
import sys
from pathlib import Path

from swiftsource import blanked, functions

MAXIMUM_FILE, MAXIMUM_FUNCTION, MAXIMUM_PARAMETERS = 700, 80, 8

CORE, ENGINE, UPSTREAM = "GatehouseCore", "GatehouseEngine", "GatehouseUpstream"
STORE, SERVER = "GatehouseStore", "GatehouseServer"
NIO = {"NIOCore", "NIOPosix", "NIOHTTP1", "NIOTLS", "NIOExtras", "NIOConcurrencyHelpers", "NIOFoundationCompat"}
SYSTEM = {"Synchronization", "Glibc", "Musl", "Darwin", "FoundationEssentials"}
# What each target may import; docs/architecture.md has the reasons.
WALLS = {
    CORE: {"NIOCore", "HTTPTypes", "Collections", "DequeModule", "OrderedCollections", "HeapModule"},
    ENGINE: {CORE, "NIOCore", "Logging", "Metrics", "CoreMetrics", "Tracing"} | SYSTEM,
    UPSTREAM: {CORE, "CShim", "NIOSSL", "Subprocess", "SystemPackage", "Crypto", "CryptoExtras"} | NIO | SYSTEM,
    STORE: {CORE, "CShim", "CMagic", "GRDB", "GRDBSQLite", "CPQ", "NIOSSL", "Crypto"} | NIO | SYSTEM,
    SERVER: {CORE, ENGINE, "CShim", "CWebAssets", "NIOSSL", "HTTPTypes", "NIOHTTPTypes", "NIOHTTPTypesHTTP1",
             "Hummingbird", "HummingbirdCore", "Logging", "ServiceLifecycle"} | NIO | SYSTEM,
    "gatehouse": {CORE, ENGINE, UPSTREAM, STORE, SERVER, "ArgumentParser", "Yams", "ServiceLifecycle", "UnixSignals",
                  "Logging", "Metrics", "NIOSSL"} | NIO | SYSTEM,
}

# Files outside the tests that may start a task of their own, with the reason. Never more than three.
UNSTRUCTURED_TASKS: dict[str, str] = {}

FORBIDDEN = [
    (r"\btry!", "try!: handle the error"),
    (r"\bas!", "as!: use as?"),
    (r"\bfatalError\s*\(", "fatalError: nothing from outside may end the process"),
    (r"\bpreconditionFailure\s*\(", "preconditionFailure: nothing from outside may end the process"),
    (r"\b(?:public|open)\s+(?:\w+\s+)*(?:func|var|let|struct|class|enum|protocol|actor|init|extension|import)\b",
     "public: what crosses targets is package"),
    (r"\bimport\s+(?:\w+\s+)?(?:Foundation|FoundationNetworking|FoundationXML)\b",
     "full Foundation: it links ICU; use FoundationEssentials where nothing else will do"),
    (r"\bDispatchQueue\.global\b", "a global queue: use the event loop or a thread pool"),
]
TASK = re.compile(r"(?<![.\w])Task\s*(?:<[^{}()]*>)?\s*(?:\([^{}()]*\))?\s*\{|\bTask\.(?:detached|immediate\w*)\b")
UNSAFE = re.compile(r"@unchecked\s+Sendable|nonisolated\(unsafe\)")
GUARD = re.compile(r"sendable|guard|lock|mutex|loop|confined|immutable|never changes|atomic|thread", re.IGNORECASE)
PENDING = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b")
CORE_NEVER = [
    (r"\b(?:async|await)\b", "async in Core outside of Ports/"),
    (r"\b(?:ContinuousClock|SuspendingClock|NIODeadline\.now|DispatchTime|clock_gettime)\b", "a clock in Core"),
    (r"\b(?:SystemRandomNumberGenerator|randomElement|shuffled)\b|\.random\s*\(", "randomness in Core"),
]


class Source:
    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.is_swift = path.suffix == ".swift"
        self.code = blanked(self.text) if self.is_swift else self.text
        self.is_test = self.path.startswith("Tests/")
        parts = self.path.split("/")
        self.target = parts[1] if parts[0] == "Sources" else None

    def line(self, offset):
        return self.code.count("\n", 0, offset) + 1


def sources(root):
    """Every source file under version control or about to be."""
    listing = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True).stdout
    for name in sorted(filter(None, listing.split("\0"))):
        path = Path(root, name)
        is_source = path.suffix in {".swift", ".c", ".h", ".py", ".sh"} or path.parent.name in {"scripts", ".ci"}
        if is_source and path.is_file() and not path.is_symlink():
            yield Source(root, path)


def limits(source):
    count = source.text.count("\n")
    if count > MAXIMUM_FILE:
        yield 1, f"{count} lines; at most {MAXIMUM_FILE}"
    if not source.is_swift:
        return
    for function in functions(source.code):
        if function.lines > MAXIMUM_FUNCTION:
            yield function.line, f"{function.name} has {function.lines} lines; at most {MAXIMUM_FUNCTION}"
        if function.parameters > MAXIMUM_PARAMETERS:
            yield function.line, f"{function.name} has {function.parameters} parameters; at most {MAXIMUM_PARAMETERS}"


def imports(source):
    allowed = WALLS.get(source.target)
    if allowed is None or not source.is_swift:
        return
    pattern = re.compile(r"^[ \t]*(?:@\w+[ \t]+)*(?:\w+[ \t]+)?import[ \t]+"
                         r"(?:(?:struct|class|enum|protocol|func|var|let|typealias)[ \t]+)?(\w+)", re.MULTILINE)
    for match in pattern.finditer(source.code):
        if match.group(1) not in allowed:
            yield source.line(match.start()), f"{source.target} must not import {match.group(1)}"


def constructs(source):
    for match in PENDING.finditer(source.text):
        yield source.line(match.start()), f"{match.group()}: finish it or make an issue of it"
    if not source.is_swift:
        return
    for pattern, message in FORBIDDEN:
        for match in re.finditer(pattern, source.code):
            yield source.line(match.start()), message
    if not source.is_test and source.path not in UNSTRUCTURED_TASKS:
        for match in TASK.finditer(source.code):
            yield source.line(match.start()), "an unstructured task: use a task group"
    lines = source.text.split("\n")
    for match in UNSAFE.finditer(source.code):
        line = source.line(match.start())
        if not GUARD.search(comment(lines, line)):
            yield line, f"{match.group()} without a comment that names what guards it"
    if source.target == CORE and "/Ports/" not in source.path:
        for pattern, message in CORE_NEVER:
            for match in re.finditer(pattern, source.code):
                yield source.line(match.start()), message


def comment(lines, number):
    """The comment on a line (counted from 1) and the comment lines and attributes right above it."""
    found = [lines[number - 1].partition("//")[2]]
    index = number - 2
    while index >= 0 and lines[index].strip().startswith(("//", "@")):
        found.append(lines[index])
        index -= 1
    return "\n".join(found)


RULES = {"limits": limits, "imports": imports, "constructs": constructs}


def main():
    root, names = sys.argv[1], sys.argv[2:]
    count = 0
    for source in sources(root):
        for name in names:
            for line, message in RULES[name](source):
                print(f"{source.path}:{line}: {message}")
                count += 1
    if len(UNSTRUCTURED_TASKS) > 3:
        print("scripts/lib/rules.py: more than three files may start tasks of their own")
        count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
