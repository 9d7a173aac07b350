"""The cells of the matrix: its upstreams, what cannot be had and why, and the report that GATEHOUSE_CONFORMANCE asks for."""

import json
import pathlib
import sys
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Support"))

from modeld import Modeld  # noqa: E402

__all__ = ["Modeld", "UPSTREAMS", "Excuse", "Report", "excuse", "provider"]

#: Name: the provider's kind, the formats it speaks (`None` for its own), the path of its base URL, and a real model.
UPSTREAMS = {
    "compatible": ("openai-compatible", None, "/v1", "some-model"),
    "openai": ("openai", "openai.chat", "/v1", "gpt-5.1"),
    "responses": ("openai", "openai.responses", "/v1", "gpt-5.1"),
    "anthropic": ("anthropic", None, "/v1", "claude-sonnet-4-5"),
    "gemini": ("gemini", None, "/v1beta", "gemini-3-pro-preview"),
    "bedrock": ("bedrock", None, "", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    "cohere": ("cohere", None, "/v2", "command-a-reasoning-08-2025"),
    "mistral": ("mistral", None, "/v1", "magistral-medium-latest"),
    "ollama": ("ollama", "ollama.chat", "/v1", "qwen3"),
}
#: The client that speaks an upstream's own format: the gateway passes on what it sends, and adds nothing.
SAME = {
    "compatible": "openai chat",
    "openai": "openai chat",
    "mistral": "openai chat",
    "responses": "openai responses",
    "anthropic": "anthropic",
    "gemini": "google-genai",
}


def provider(name, url):
    """A provider of the configuration."""
    kind, dialect, path, _ = UPSTREAMS[name]
    return {
        "name": name,
        "kind": kind,
        **({"dialects": [dialect]} if dialect else {}),
        **({"region": "us-east-1"} if kind == "bedrock" else {}),
        "baseURL": f"{url}/{name}{path}",
        "keys": [{"name": "main", "value": "AKIDEXAMPLE:secret" if kind == "bedrock" else "sk-upstream"}],
    }


@dataclass(frozen=True)
class Excuse:
    """Why a cell cannot be had, and what is honest then.

    `dropped`: an answer, with exactly these names in `x-gatehouse-dropped-params`; the scenario `goes_on` where the rest of
    it holds. `vendor`: the client's bytes went to a vendor of its own format, which refuses them.
    `remembered`: the client's format has no place for a seal, which the gateway keeps instead. None of these: the client
    itself has no words for it, so there is nothing to be told.
    """

    reason: str
    dropped: tuple = ()
    goes_on: bool = False
    vendor: bool = False
    remembered: bool = False


NO_STOP = "Responses has no stop sequences."
NO_FLAG = "OpenAI's formats have no flag for it: the text alone says so."
NO_FLAG_THERE = "There is no flag for it in this format: the text goes alone, and the answer's headers say so."
DISPLAY = "Thoughts without a seal are for display: they do not go back."
PASSED_ON = "The client's own format: what it sends, the gateway passes on as it is, and the vendor refuses it."

#: Scenario, client, upstream; `*` is any. The first that fits counts.
EXCUSES = {
    ("stop sequences", "openai responses", "responses"): Excuse(NO_STOP, vendor=True),
    ("stop sequences", "openai responses", "*"): Excuse(NO_STOP, dropped=("stop",)),
    ("stop sequences", "*", "responses"): Excuse(NO_STOP, dropped=("stop",)),
    ("image in a tool's result", "openai chat", "openai"): Excuse(
        "OpenAI's chat has no images in results, and this is its own format.", vendor=True
    ),
    ("image in a tool's result", "openai chat", "mistral"): Excuse(
        "Mistral takes no images in results, and this is its own format.", vendor=True
    ),
    ("error from a tool", "openai chat", "*"): Excuse(NO_FLAG),
    ("error from a tool", "openai responses", "*"): Excuse(NO_FLAG),
    **{
        ("error from a tool", "*", upstream): Excuse(NO_FLAG_THERE, dropped=("is_error",))
        for upstream in ("openai", "responses", "mistral", "ollama")
    },
    ("thinking", "openai chat", "mistral"): Excuse(
        "Mistral's thoughts stand among the content, which this client passes on but has no types for."
    ),
    **{
        ("thinking", "google-genai", upstream): Excuse(
            "Gemini's format has no place for another vendor's seal: the gateway keeps it.", remembered=True
        )
        for upstream in ("responses", "anthropic", "bedrock")
    },
    ("thinking", "anthropic", "gemini"): Excuse(
        "Messages have no place for a seal on a call: the gateway keeps it.", remembered=True
    ),
    ("thinking that the client lost", "openai chat", "mistral"): Excuse(
        "Mistral's thoughts stand among the content, which this client passes on but has no types for."
    ),
    ("thinking that the client lost", "openai responses", "responses"): Excuse(PASSED_ON, vendor=True),
    ("thinking that the client lost", "anthropic", "anthropic"): Excuse(PASSED_ON, vendor=True),
    ("thinking that the client lost", "google-genai", "gemini"): Excuse(PASSED_ON, vendor=True),
    **{
        ("long names of tools", SAME[upstream], upstream): Excuse(PASSED_ON, vendor=True)
        for upstream in ("openai", "responses", "mistral", "gemini")
    },
}


def _thinking():
    """What goes missing of thinking: levels and budgets that a vendor has no words for, and thoughts without a seal."""
    words = {
        # Upstream: what it has no words for of chat's effort, of Responses' summary, of budgets.
        "compatible": ((), ("reasoning.summary",), ()),
        "openai": ((), ("reasoning.summary",), ()),
        "mistral": ((), ("reasoning.summary",), ()),
        "cohere": (("reasoning_effort",), ("reasoning_effort", "reasoning.summary"), ()),
        "ollama": ((), ("reasoning.summary",), ("thinking_budget",)),
    }
    for upstream, (efforts, summaries, budgets) in words.items():
        told = {"openai chat": efforts, "openai responses": summaries, "anthropic": budgets, "google-genai": budgets}
        for client, dropped in told.items():
            is_lost = upstream in ("compatible", "mistral") and client != "openai chat"
            reason = "The vendor has no words for " + ", ".join(dropped) + "." if dropped else ""
            if is_lost:
                reason = f"{reason} {DISPLAY}".strip()
            carried = (*dropped, "thinking") if is_lost else dropped
            if carried:
                EXCUSES.setdefault(("thinking", client, upstream), Excuse(reason, carried, goes_on=True))
            if dropped:
                EXCUSES.setdefault(
                    ("thinking that the client lost", client, upstream), Excuse(reason, dropped, goes_on=True)
                )


_thinking()


def excuse(scenario, client, upstream):
    for (one, caller, target), found in EXCUSES.items():
        if one == scenario and caller in (client, "*") and target in (upstream, "*"):
            return found
    return None


class Report:
    """What became of each cell."""

    RANK = ("pass", "explained", "fail")

    def __init__(self):
        self.cells = {}

    def take(self, scenario, params, report):
        """One test's end. Its own property `explained` says what was left out with a word."""
        client, upstream = params["client_name"], params["upstream"]
        told = [f"{value} is left out, and said to be." for name, value in report.user_properties if name == "explained"]
        told += [f"Refused with 400: {value}" for name, value in report.user_properties if name == "refused"]
        found = excuse(scenario, client, upstream)
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.add(client, upstream, scenario, "fail", str(crash.message if crash else report.longrepr).split("\n")[0])
        elif found:
            self.add(client, upstream, scenario, "explained", found.reason)
        elif told:
            for name in told:
                self.add(client, upstream, scenario, "explained", name)
        else:
            self.add(client, upstream, scenario, "pass", "")

    def add(self, client, upstream, scenario, result, note):
        """A cell counts as the worst of its tests: streamed and not, for example."""
        worst, notes = self.cells.setdefault((client, upstream, scenario), ["pass", []])
        if self.RANK.index(result) > self.RANK.index(worst):
            notes.clear()
            self.cells[client, upstream, scenario][0] = worst = result
        if result == worst and note and note not in notes:
            notes.append(note)

    def write(self, folder):
        rows = [
            {"client": client, "upstream": upstream, "scenario": scenario, "result": result, "note": " ".join(notes)}
            for (client, upstream, scenario), (result, notes) in self.cells.items()
        ]
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "matrix.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
