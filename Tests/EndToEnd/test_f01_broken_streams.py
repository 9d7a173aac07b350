"""F1: the upstream's connection ends inside a stream, at every byte of its first events and at the end of each.

That such an end is an error event in the caller's dialect, and never a made-up ending, is swept over every byte in
test_faults.py and over every pair of dialects in test_peer_failures.py. Here: what is tried again, and what never is.
"""

import asyncio
import http.client
import json
import os
from dataclasses import replace

import pytest

from harness.wire import crowd

TEXT = "Four score and seven years ago Zürich 🌍"


def keyed(at):
    """A name for one request: another one needs its own."""
    return [("idempotency-key", f"once-{at}-{os.urandom(4).hex()}")]


@pytest.fixture(scope="module")
def stream(faultd):
    """The bytes of the stream that is broken."""
    connection = http.client.HTTPConnection("127.0.0.1", faultd.port)
    connection.request("POST", "/v1/chat/completions", json.dumps({"model": "words", "user": faultd.user()}))
    body = connection.getresponse().read()
    connection.close()
    return body


@pytest.fixture(scope="module")
def positions(stream):
    """Every byte of the first two events, then the end of each event but the last, and a byte on either side."""
    ends = [at + 2 for at in range(len(stream)) if stream[at : at + 2] == b"\n\n"]
    around = [place for end in ends[2:-1] for place in (end - 1, end, end + 1)]
    return [*range(ends[1] + 2), *around]


@pytest.fixture
def begin(start, faultd):
    """Every target has a breaker and a share of the budget: a gateway for each test."""

    def begin_with(positions, fault):
        broken = [f"words~{fault}@{at}" for at in positions]
        return start(
            {
                "providers": [faultd.provider("one"), faultd.provider("two")],
                "models": [
                    {"name": f"at-{at}", "targets": [{"provider": "one", "model": model}],
                     "fallbacks": [{"provider": "two", "model": "words"}]}
                    for at, model in zip(positions, broken)
                ],
            }
        )

    return begin_with


def body_of(faultd, gateway, model, headers):
    user = faultd.user()
    body = {"model": model, "user": user, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    return user, gateway.request("/v1/chat/completions", body, headers=headers)


def text(response):
    chunks = [json.loads(event) for event in response.events if event != "[DONE]"]
    return "".join(one["choices"][0]["delta"].get("content", "") for one in chunks if one.get("choices"))


@pytest.mark.parametrize("fault", ["cut", "rst", "clean"])
def test_f1_a_break_is_mended_unseen_or_told(begin, faultd, positions, fault):
    """Either the caller had nothing and another target serves all of it, or it had something and hears of the end."""
    gateway = begin(positions, fault)
    sent = {at: body_of(faultd, gateway, f"at-{at}", keyed(at)) for at in positions}
    # There are more breaks than the budget of further attempts has tries: what it refuses is told, too.
    played = asyncio.run(crowd(gateway.port, [(at, data) for at, (_, data) in sent.items()], workers=8))
    mended = broken = 0
    for at in positions:
        response, models = played[at], [entry["model"] for entry in faultd.entries(sent[at][0], brief=1)]
        assert response is not None and response.is_whole, at
        if response.status != 200:
            # Nothing was sent, and nothing was left in the budget.
            assert response.error["code"].startswith("upstream_") and len(models) == 1, (at, response.body)
        elif response.events[-1] == "[DONE]":
            assert text(response) == TEXT, f"{at}: two answers in one"
            assert len(models) == 2 and int(response.headers["x-gatehouse-attempts"]) == 2, at
            mended += 1
        else:
            assert "error" in json.loads(response.events[-1]), at
            assert TEXT.startswith(text(without_error(response))), at
            assert len(models) == 1, f"{at}: tried again behind the first byte"
            broken += 1
    assert mended and broken, (mended, broken)


def without_error(response):
    """What came before the last event."""
    return replace(response, body=response.body[: response.body.rstrip().rfind(b"data: ")])


@pytest.mark.parametrize("fault", ["cut", "rst"])
def test_f1_without_a_key_nothing_is_asked_twice(begin, faultd, fault):
    """The upstream had the whole request and may have billed it."""
    positions = [0, 1, 40, 150, 400]
    gateway = begin(positions, fault)
    for at in positions:
        user, data = body_of(faultd, gateway, f"at-{at}", [])
        asyncio.run(crowd(gateway.port, [(at, data)], workers=1))
        assert len(faultd.entries(user, brief=1)) == 1, at


def test_f1_a_broken_connection_does_not_serve_again(start, faultd):
    """A body that was not ended as its framing says leaves nobody knows what on its connection."""
    gateway = start({"providers": [faultd.provider()]})
    faultd.drop()
    connections = []
    for model in ("whole", "whole", "words~stall@500", "whole", "words~clean@300", "whole", "words", "whole"):
        if "stall" in model:
            # The caller leaves in the middle.
            connections.append(asyncio.run(leave(gateway, faultd, model)))
            continue
        user = faultd.user()
        asyncio.run(gateway.chat(f"fault/{model}", stream=model.startswith("words"), user=user))
        connections.append(faultd.entry(user)["connection"])
    first, again, left, fresh, short, after, streamed, last = connections
    assert first == again == left, "good connections are kept"
    assert fresh != left, "one whose answer was left in the middle is not"
    assert short == fresh
    assert streamed == last == after


async def leave(gateway, faultd, model):
    user = faultd.user()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    body = {"model": f"fault/{model}", "user": user, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    writer.write(gateway.request("/v1/chat/completions", body))
    await reader.readuntil(b"Four")
    writer.close()
    return (await asyncio.to_thread(faultd.wait, user, "closed"))["connection"]
