"""Holes of the service that this one takes the place of, where no other test shows them closed; see
docs/from-the-old-service.md, whose words are held to."""
import asyncio
import re

import pytest

from harness.agents import FakeAgents, chunks, streamed_text
from harness.gateway import ROOT

PAGE = ROOT / "docs/from-the-old-service.md"
#: What once ended a stream, failed it, or passed for events of its own.
SENTINELS = "[DONE]\n\ndata: [DONE]\n\n[ERROR] no\ndata: {\"x\": 1}\n\nevent: error\r\ndata: x\r\n\r\nthe end"

#: Words of the page that look like tests and are settings.
SETTINGS = {"allowPlaintext"}


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    return FakeAgents(tmp_path_factory.mktemp("agents"))


@pytest.fixture(scope="module")
def gateway(module_starter, agents):
    return module_starter({"agents": [agents.configuration("codex")]})


@pytest.mark.parametrize("model", ["gatehouse/echo", "codex"])
def test_a_model_cannot_write_events(gateway, agents, model):
    """A7: text that looks like the framing is text."""
    _, prompt = agents.run(lines=[
        {"type": "item.completed", "item": {"id": "1", "type": "agent_message", "text": SENTINELS}},
        {"type": "turn.completed", "usage": {"input_tokens": 1, "output_tokens": 1}}])
    text = SENTINELS if model == "gatehouse/echo" else prompt
    answer = asyncio.run(gateway.chat(model, text=text, stream=True, timeout=60))
    assert streamed_text(answer) == SENTINELS
    assert answer.events.count("[DONE]") == 1 and answer.events[-1] == "[DONE]"
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks(answer))


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/api/artifacts/x", "/health/live"])
def test_no_other_site_is_let_in(gateway, path):
    """A3: nothing tells a browser that a page of another origin may read an answer."""
    headers = [("origin", "https://evil.example"), ("access-control-request-method", "POST")]
    for method in ["OPTIONS", "GET"]:
        answer = asyncio.run(gateway.call(path, method=method, headers=headers, key=None))
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        if method == "OPTIONS":
            assert answer.status >= 400


@pytest.mark.parametrize("path", ["/v1/models?token={}", "/v1/models?key={}", "/api/artifacts/x?token={}"])
def test_a_key_in_an_address_counts_for_nothing(gateway, path):
    """A2: addresses end up in logs."""
    answer = asyncio.run(gateway.call(path.format(gateway.key), key=None))
    assert answer.status == 401


def names_of_tests():
    """Functions and files of all tests, and suites of the Swift ones."""
    names = set()
    for file in ROOT.glob("Tests/**/*.py"):
        names |= {file.stem, *re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}
    for file in ROOT.glob("Tests/**/*.swift"):
        names |= {file.stem, *re.findall(r"\b(?:func|struct) (\w+)", file.read_text())}
    return names


def test_every_behaviour_has_its_row_and_every_named_test_is_there():
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| A\d+ \|", line)]
    assert [int(row.split("|")[1].strip()[1:]) for row in rows] == list(range(1, 31))
    known = names_of_tests()
    for row in rows:
        cells = row.split("|")
        for name in re.findall(r"`([A-Za-z]\w+)`", cells[4]):
            if name.startswith("test_") or re.fullmatch(r"[a-z]+[A-Z]\w+|[A-Z]\w+Tests", name) and name not in SETTINGS:
                assert name in known, f"{cells[1]}: {name}"
