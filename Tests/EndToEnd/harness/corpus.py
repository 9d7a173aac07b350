"""Recorded exchanges of OpenAI's chat and completions wire."""

import functools
import json
import re
from dataclasses import dataclass

WIRES = {"openai.chat": "/v1/chat/completions", "openai.completions": "/v1/completions"}
#: Providers that have a row of their own in the gateway, by their name in the corpus.
KINDS = {
    "openai",
    "groq",
    "mistral",
    "deepseek",
    "openrouter",
    "together",
    "xai",
    "cerebras",
    "perplexity",
    "huggingface",
    "baseten",
    "alibaba",
    "zai",
    "venice",
    "ollama",
    "llamacpp",
    "gpustack",
}
#: Kinds whose streams may end without [DONE].
WITHOUT_DONE = {"perplexity", "gpustack"}
#: Kinds that do not know `stream_options`.
WITHOUT_STREAM_OPTIONS = {"mistral"}


@dataclass(frozen=True)
class Recording:
    id: str
    provider: str
    path: str
    streams: bool
    request: dict
    status: int
    kind: str
    body: bytes

    @property
    def asks_for_usage(self):
        return bool((self.request.get("stream_options") or {}).get("include_usage"))


def _load(folder, line):
    data = json.loads((folder / line["file"]).read_text())
    response = data["response"]
    if "body_text" in response:
        body = response["body_text"].encode("utf-8", "surrogatepass")
    else:
        body = json.dumps(response["body"], ensure_ascii=False).encode("utf-8", "surrogatepass")
    kind = {"sse": "text/event-stream; charset=utf-8", "text": "text/plain"}.get(response["kind"], "application/json")
    request = (data.get("request") or {}).get("body")
    if not isinstance(request, dict):
        text = (
            {"prompt": "Hello"}
            if line["wire"] == "openai.completions"
            else {"messages": [{"role": "user", "content": "Hello"}]}
        )
        request = {"model": line["model"] or "unknown", **text}
    request = {"model": "unknown", **request}
    if line["streaming"] and not request.get("stream"):
        request["stream"] = True
    return Recording(
        line["id"],
        line["provider"],
        WIRES[line["wire"]],
        bool(request.get("stream")),
        request,
        response["status"],
        kind,
        body,
    )


@functools.cache
def recordings(folder):
    """All of them, in the order of the index."""
    lines = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    return [_load(folder, line) for line in lines if line["type"] == "http" and line["wire"] in WIRES]


def providers(folder, faultd):
    """The configuration's providers: one for each of the corpus."""
    names = sorted({recording.provider for recording in recordings(folder)})
    return [faultd.provider(name, kind=name if name in KINDS else "openai-compatible") for name in names]


def events(body):
    """The events of a stream with their bytes: (bytes with the empty line, payload or None)."""
    found, start = [], 0
    for match in re.finditer(rb"(?:\r\n|\n|\r(?!\n)){2}", body):
        found.append(_event(body[start : match.end()]))
        start = match.end()
    if start < len(body):
        found.append(_event(body[start:]))
    return found


def _event(block):
    lines = [line[5:].removeprefix(b" ") for line in re.split(rb"\r\n|\n|\r", block) if line.startswith(b"data:")]
    return block, b"\n".join(lines) if lines else None


NULL_USAGE = re.compile(rb',\s*"usage"\s*:\s*null|"usage"\s*:\s*null\s*,\s*')


def is_usage_only(payload):
    """An event that is there for the usage alone."""
    if payload is None or payload.strip() == b"[DONE]":
        return False
    event = json.loads(payload)
    return event.get("choices") == [] and isinstance(event.get("usage"), dict)


def as_hidden(body):
    """What a caller gets who did not ask for the usage: without the events for it alone, and without null members."""
    kept = [block for block, payload in events(body) if not is_usage_only(payload)]
    return NULL_USAGE.sub(b"", b"".join(kept))
