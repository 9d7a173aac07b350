"""The upstreams of the matrix, and what is told of its cells when GATEHOUSE_CONFORMANCE asks for it."""

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Support"))

from modeld import Modeld  # noqa: E402

__all__ = ["Modeld", "UPSTREAMS", "Report"]

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


class Report:
    """What became of each cell."""

    def __init__(self):
        self.cells = {}

    def add(self, client, upstream, scenario, result, note=""):
        """A cell counts as the worst of its tests: streamed and not, for example."""
        rank = ["pass", "explained", "fail"]
        known = self.cells.get((client, upstream, scenario), ("pass", ""))
        if rank.index(result) >= rank.index(known[0]):
            self.cells[client, upstream, scenario] = (result, note or known[1])

    def write(self):
        folder = os.environ.get("GATEHOUSE_CONFORMANCE")
        if not folder or not self.cells:
            return
        rows = [
            {"client": client, "upstream": upstream, "scenario": scenario, "result": result, "note": note}
            for (client, upstream, scenario), (result, note) in self.cells.items()
        ]
        path = pathlib.Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        (path / "matrix.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
