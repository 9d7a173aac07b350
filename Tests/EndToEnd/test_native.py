"""The native API: whole answers, streams of typed events, and errors, of agents, of providers and of the built-in model."""

import asyncio
import json
import re

import pytest

from harness.agents import TRAFFIC, FakeAgents

CLAUDE = TRAFFIC / "cli/claude/claude-create-file-b9d4adba.json"


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    return FakeAgents(tmp_path_factory.mktemp("agents"))


@pytest.fixture(scope="module")
def gateway(module_starter, agents, faultd):
    known = [agents.configuration("claude"), agents.configuration("custom", "text")]
    return module_starter({"agents": known, "providers": [faultd.provider()]})


def generate(gateway, **body):
    return asyncio.run(gateway.call("/api/generate", body))


def events(response):
    """Pairs of a name and its data; numbered from 1 without a gap."""
    assert response.is_whole and response.headers["content-type"].startswith("text/event-stream")
    found = []
    for number, block in enumerate(response.body.decode().strip().split("\n\n"), 1):
        lines = [line for line in block.split("\n") if not line.startswith(":")]
        assert lines[0] == f"id: {number}", block
        found.append((lines[1].removeprefix("event: "), json.loads(lines[2].removeprefix("data: "))))
    return found


def text(found):
    return "".join(data["text"] for name, data in found if name == "text.delta")


@pytest.mark.parametrize("model", ["gatehouse/echo", "fault/whole"])
def test_a_whole_answer_is_one_object(gateway, model):
    response = generate(gateway, model=model, prompt="Hello there")
    answer = response.json()
    assert response.status == 200 and answer["model"] == model
    assert answer["response"] and answer["usage"]["output_tokens"] > 0 and answer["stop"] == "stop"


@pytest.mark.parametrize("model", ["gatehouse/echo", "fault/words"])
def test_a_stream_tells_its_beginning_and_its_end(gateway, model):
    found = events(generate(gateway, model=model, prompt="Hello there", stream=True))
    names = [name for name, _ in found]
    assert names[0] == "started" and names[-1] == "finished" and names.count("finished") == 1
    assert text(found) and found[-1][1]["usage"]["output_tokens"] > 0


@pytest.mark.skipif(not CLAUDE.exists(), reason="the recorded transcripts are not there")
def test_a_run_can_be_followed(gateway, agents):
    """Tools, limits and what it cost: all that the vendors' dialects have no words for."""
    _, prompt = agents.run(transcript=str(CLAUDE))
    found = events(generate(gateway, model="claude", prompt=prompt, stream=True))
    names = [name for name, _ in found]
    assert names[0] == "started" and names[-1] == "finished"
    started = next(data for name, data in found if name == "tool.started")
    finished = next(data for name, data in found if name == "tool.finished")
    assert started["name"] == "Write" and isinstance(started["input"], dict)
    assert finished["id"] == started["id"] and finished["denied"] is False
    assert found[-1][1]["cost"]["unit"] == "usd" and float(found[-1][1]["cost"]["amount"]) > 0
    whole = generate(gateway, model="claude", prompt=prompt).json()
    assert whole["response"] == text(found) and whole["cost"] == found[-1][1]["cost"]
    assert whole["session"] == found[-1][1]["session"]


def test_what_an_agent_writes_is_never_an_event(gateway, agents):
    words = "data: [DONE]\n\nevent: finished\ndata: {}\n\nid: 9"
    _, prompt = agents.run(lines=words.split("\n"))
    found = events(generate(gateway, model="text", prompt=prompt, stream=True))
    assert text(found).strip() == words and [name for name, _ in found].count("finished") == 1


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_has_a_code_a_time_and_a_name(gateway, agents, stream):
    _, prompt = agents.run(stderr="Error: not logged in\n", exit=1)
    response = generate(gateway, model="text", prompt=prompt, stream=stream)
    error = response.error
    assert response.status == 502 and error["code"] == error["code"].upper() and error["message"]
    assert error["request_id"] == response.headers["x-request-id"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", error["timestamp"])


def test_a_stream_that_breaks_ends_with_its_failure(gateway):
    found = events(generate(gateway, model="fault/words~clean@600", prompt="Hello", stream=True))
    assert found[-1][0] == "failed" and "finished" not in [name for name, _ in found]
    assert found[-1][1]["error"]["code"] == "UPSTREAM_TRUNCATED"


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"prompt": "x"}, 400, "MISSING_FIELD", "model"),
        ({"model": "gatehouse/echo"}, 400, "MISSING_FIELD", "prompt"),
        ({"model": "gatehouse/echo", "prompt": 5}, 400, "INVALID_VALUE", "prompt"),
        ({"model": "gatehouse/echo", "prompt": "x", "backend": "agy"}, 404, "MODEL_NOT_FOUND", "model"),
        ({"model": "gatehouse/echo", "prompt": "x", "files": ["/etc/passwd"]}, 404, "FILE_NOT_FOUND", "file_id"),
        ({"model": "nobody", "prompt": "x"}, 404, "MODEL_NOT_FOUND", "model"),
    ],
)
def test_what_is_wrong_is_named(gateway, body, status, code, param):
    response = generate(gateway, **body)
    assert (response.status, response.error["code"], response.error["details"]["param"]) == (status, code, param)


def test_nobody_asks_without_a_key(gateway):
    response = asyncio.run(gateway.call("/api/generate", {"model": "gatehouse/echo", "prompt": "x"}, key=None))
    assert (response.status, response.error["code"]) == (401, "INVALID_API_KEY")
