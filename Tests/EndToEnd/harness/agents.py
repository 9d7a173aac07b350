"""Fake agents: Tests/Support/scriptedcli.py under the names of the known CLIs, and what it noted of its runs."""
import json
import os
import pathlib
import re

from .gateway import ROOT, eventually
from .sandbox import why_no_sandbox

SCRIPTEDCLI = pathlib.Path(__file__).resolve().parents[2] / "Support/scriptedcli.py"
TRAFFIC = ROOT.parent / "shared/traffic"
KINDS = ["gemini", "claude", "codex", "copilot", "agy", "opencode", "qwen", "cursor-agent", "llm", "pi", "aider"]


class FakeAgents:
    """A folder of executables, to be put on PATH or configured."""

    def __init__(self, base):
        self.base = pathlib.Path(base)
        self.bin = self.base / "bin"
        self.runs = self.base / "runs"
        self.bin.mkdir(parents=True)
        self.runs.mkdir()
        self.count = 0
        for name in [*KINDS, "mine"]:
            (self.bin / name).symlink_to(SCRIPTEDCLI)

    @property
    def path(self):
        return f"{self.bin}:/usr/local/bin:/usr/bin:/bin"

    def configuration(self, kind, name=None, **more):
        """An agent of the configuration; `custom` ones are plain text unless told otherwise.

        It is sandboxed as agents are by default, and may write into this folder. Where there are no sandboxes it runs
        without one: tests of the sandbox itself are skipped there, all others still mean something.
        """
        command = [str(self.bin / "mine")] if kind == "custom" else str(self.bin / kind)
        if why_no_sandbox():
            place = {"sandbox": "off"}
        else:
            place = {"write": [str(self.base)], "read": [str(path) for path in [TRAFFIC] if path.exists()]}
        return {"name": name or kind, "kind": kind, "command": command, **place, **more}

    def run(self, **todo):
        """A new run: its mark, and the prompt that makes an agent do it."""
        self.count += 1
        mark = f"run-{self.count}"
        return mark, "scripted: " + json.dumps({"mark": mark, **todo})

    def gate(self):
        """A named pipe to hold a run at; open it for writing to let it go on."""
        self.count += 1
        path = self.base / f"gate-{self.count}"
        os.mkfifo(path)
        return str(path)

    def notes(self, mark, seconds=10):
        """What a run noted, awaited."""
        file = self.runs / f"{mark}.json"
        eventually(file.exists, seconds, f"notes of {mark}")
        return json.loads(file.read_text())

    def has_run(self, mark):
        return (self.runs / f"{mark}.json").exists()


def alive(notes):
    """The processes of a run that are still there. A pid that another process got since does not count."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        folder = pathlib.Path("/proc", pid)
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            inner = re.search(r"^NSpid:.*\t(\d+)$", (folder / "status").read_text(), re.MULTILINE)
            if notes["pids"].get(inner[1]) != int(fields[19]) or fields[0] in "ZX":
                continue
            if os.readlink(folder / "ns/pid") == notes["namespace"]:
                found.append(int(pid))
        except OSError:
            continue
    return found


def chunks(response):
    """The JSON events of a stream, without `[DONE]`."""
    return [json.loads(event) for event in response.events if event != "[DONE]"]


def streamed_text(response):
    """The text of a stream's deltas."""
    return "".join(choice["delta"].get("content") or ""
                   for chunk in chunks(response) for choice in chunk.get("choices", []))


def finish_reasons(response):
    return [choice["finish_reason"] for chunk in chunks(response) for choice in chunk.get("choices", [])
            if choice.get("finish_reason")]
