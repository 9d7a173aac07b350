"""Hostile agents: Tests/Support/hostileagent.c, compiled under a name of its own, so that whatever is left of it can be
found wherever it went."""
import itertools
import os
import pathlib
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "Support/hostileagent.c"
_serial = itertools.count()


class HostileAgent:
    """A compiled agent. `configuration(mode)` is an agent that behaves so."""

    def __init__(self, folder):
        compiler = next(filter(None, map(shutil.which, ["cc", "clang", "gcc"])), None)
        if not compiler:
            pytest.skip("no C compiler to make hostile agents with")
        # The kernel keeps 15 characters of a name.
        self.name = f"hostl{os.getpid()}-{next(_serial)}"[:15]
        self.path = pathlib.Path(folder) / self.name
        subprocess.run([compiler, "-O1", "-o", self.path, SOURCE], check=True)

    def configuration(self, mode, name=None, **more):
        return {"name": name or mode, "kind": "custom", "command": [str(self.path), mode], **more}

    def processes(self):
        """Pids of what is left of it anywhere on this machine. Not those that have ended and wait to be collected by
        somebody else than the gateway; `Gateway.children` tells of the gateway's."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                name, fields = pathlib.Path(f"/proc/{pid}/stat").read_text().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            if name == self.name and fields.split()[0] not in "ZX":
                found.append(int(pid))
        return found
