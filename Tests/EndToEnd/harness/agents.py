"""Agents played by Tests/Support/fakecli.py."""

import json
import pathlib
import sys

FAKE = pathlib.Path(__file__).resolve().parents[2] / "Support/fakecli.py"


def agent(name, *arguments, kind="gemini", **more):
    return {"name": name, "kind": kind, "command": [sys.executable, str(FAKE), *map(str, arguments)], **more}


def said(response):
    """The text of an answer or of a stream."""
    if response.headers["content-type"].startswith("application/json"):
        return response.json()["choices"][0]["message"]["content"]
    assert response.events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in response.events[:-1]]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])


def gemini(*lines, **more):
    return {"stdout_lines": [{"type": "init", "session_id": "s", "model": "m"}, *lines], **more}


def text(content):
    return {"type": "message", "role": "assistant", "content": content}
