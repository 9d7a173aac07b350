"""Puts bugs into copies of the engine, one after the other: the simulator must find each. scripts/soak --mutants runs it.

    mutants.py [WORD...]     only mutants whose description holds one of the words

Tests/Simulator/mutants.txt has the mutants. The copy and its build are kept in .build-mutants; a mutant takes about a
minute. Ends with 1 when one of them lived.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".build-mutants"
TREE = HOME / "tree"
LIST = ROOT / "Tests/Simulator/mutants.txt"
SEEDS = ("3000", "60000")
BUILD_LIMIT, RUN_LIMIT = 1800, 300


class Mutant:
    """`FILE | WHAT IS WRONG` and, below, the lines to be replaced behind `-` and those in their place behind `+`."""

    def __init__(self, block):
        lines = block.split("\n")
        self.file, self.name = (part.strip() for part in lines[0].split("|", 1))
        self.old = [line[2:] for line in lines[1:] if line.startswith("- ")]
        self.new = [line[2:] for line in lines[1:] if line.startswith("+ ")]

    def changed(self, text):
        """The text with the bug in it. The lines must be there once, whatever their indentation."""
        pattern = r"\n".join(r"[ \t]*" + re.escape(line.strip()) for line in self.old)
        found = list(re.finditer(rf"^{pattern}$", text, re.MULTILINE))
        if len(found) != 1:
            raise ValueError(f"'{self.name}': its lines are in {self.file} {len(found)} times")
        return text[:found[0].start()] + "\n".join(self.new) + text[found[0].end():]

    def apply(self):
        path = TREE / self.file
        path.write_text(self.changed(path.read_text(encoding="utf-8")), encoding="utf-8")

    def restore(self):
        shutil.copyfile(ROOT / self.file, TREE / self.file)


def mutants():
    text = "\n".join(line for line in LIST.read_text(encoding="utf-8").split("\n") if not line.startswith("#"))
    return [Mutant(block) for block in re.split(r"\n{2,}", text.strip())]


def copy_tree():
    """Brings the copy up to date without touching what has not changed, so that it is not built again."""
    HOME.mkdir(exist_ok=True)
    for name in ("Sources/GatehouseCore", "Sources/GatehouseEngine", "Tests/Simulator"):
        wanted = {path.relative_to(ROOT) for path in (ROOT / name).rglob("*") if path.is_file()}
        for path in wanted:
            copy_file(path)
        for path in list((TREE / name).rglob("*")):
            if path.is_file() and path.relative_to(TREE) not in wanted:
                path.unlink()
    for name in ("Package.swift", "Package.resolved"):
        if (ROOT / name).exists():
            copy_file(Path(name))


def copy_file(path):
    source, target = ROOT / path, TREE / path
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def build():
    return subprocess.run(
        ["swift", "build", "--package-path", TREE, "--scratch-path", HOME / "build", "--configuration", "release",
         "--product", "gatehouse-simulator"],
        env={**os.environ, "GATEHOUSE_SIMULATOR": "only"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=BUILD_LIMIT, check=False)


def simulate(seeds):
    """What the simulator says of so many worlds: `None` when it finds nothing."""
    command = [HOME / "build/release/gatehouse-simulator", "--seeds", seeds, "--jobs", str(os.cpu_count() or 1)]
    try:
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=RUN_LIMIT,
                             check=False)
    except subprocess.TimeoutExpired:
        return "hangs"
    if run.returncode == 0:
        return None
    found = re.search(r"FAIL seed (\d+): ([a-z-]+)", run.stdout)
    return f"{found.group(2)} (seed {found.group(1)})" if found else "crashes"


def trial(mutant):
    mutant.apply()
    try:
        result = build()
        if result.returncode != 0:
            errors = [line for line in result.stdout.split("\n") if "error:" in line]
            return "does not build: " + (errors[0] if errors else "?"), False
        for seeds in SEEDS:
            found = simulate(seeds)
            if found:
                return found, True
        return "LIVES", False
    finally:
        mutant.restore()


def main():
    words = sys.argv[1:]
    chosen = [mutant for mutant in mutants() if not words or any(word in mutant.name for word in words)]
    copy_tree()
    print("Building the engine without a bug", flush=True)
    result = build()
    if result.returncode != 0:
        print(result.stdout[-4000:])
        return 1
    if found := simulate(SEEDS[0]):
        print(f"Without a bug in it, the simulator finds {found}")
        return 1
    dead = 0
    for mutant in chosen:
        began = time.monotonic()
        found, is_dead = trial(mutant)
        dead += is_dead
        print(f"{'found' if is_dead else 'ALIVE':6} {mutant.name:64} {found:48} {time.monotonic() - began:4.0f} s",
              flush=True)
    print(f"mutants: {dead} found, {len(chosen) - dead} alive")
    return 0 if dead == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
