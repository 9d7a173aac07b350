"""F6: a stream that ends cleanly although something is missing is told as broken off; nothing is made up."""

import asyncio
import json

import pytest

from harness.callers import CALLERS

SSE = "text/event-stream"


def chunk(delta, reason=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


HELLO = chunk({"role": "assistant", "content": "Hello"}) + chunk({"content": " you"})
USAGE = b'data: {"id":"c","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":70,' \
        b'"completion_tokens":20,"total_tokens":90}}\n\n'
DONE = b"data: [DONE]\n\n"
#: What came, and whether a caller may take it for whole.
ENDINGS = {
    "nothing behind the words": (HELLO, False),
    "a reason and no terminator": (HELLO + chunk({}, "stop"), False),
    "usage and no terminator": (HELLO + chunk({}, "stop") + USAGE, False),
    "half a terminator": (HELLO + chunk({}, "stop") + b"data: [DO", False),
    "a terminator inside an event": (HELLO + chunk({"content": "[DONE]"}), False),
    # Some vendors never tell a reason: the terminator is what makes a stream whole.
    "a terminator and no reason": (HELLO + DONE, True),
    "a reason and no usage": (HELLO + chunk({}, "stop") + DONE, True),
    "everything": (HELLO + chunk({}, "stop") + USAGE + DONE, True),
}


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    faultd.teach({name.replace(" ", "-"): (body, SSE, 200) for name, (body, _) in ENDINGS.items()})
    return module_starter({"providers": [faultd.provider()]})


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", ENDINGS)
def test_f6_only_a_whole_stream_ends_well(gateway, name, caller):
    one, model = CALLERS[caller], f"fault/{name.replace(' ', '-')}"
    body = {**one.fields(model, True), **one.conversation("Hello")}
    response = asyncio.run(gateway.call(one.path(model, True), body, headers=one.headers))
    assert response.status == 200 and response.is_whole
    found = one.read(response)
    record = gateway.access(response.headers["x-request-id"])
    if ENDINGS[name][1]:
        assert (found.terminators, found.ends_with_error) == (1, False)
        # Passed on as it came; where another dialect must have a reason, it is the ordinary one.
        told = b'"stop"' in ENDINGS[name][0] or caller != "openai.chat"
        assert len(found.reasons) == (1 if told else 0)
        assert record["outcome"] == "completed"
        return
    assert found.ends_with_error and found.code == "upstream_truncated"
    assert found.terminators == 0
    # Within one dialect the upstream's own reason has been passed on; another dialect's is never invented.
    assert not found.reasons or b'"stop"' in ENDINGS[name][0]
    assert record["outcome"] == "failed" and record["error_code"] == "upstream_truncated"


def test_f6_a_whole_answer_without_a_reason_has_none(gateway, faultd):
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": None}]}
    faultd.teach({"no-reason": (json.dumps(body).encode(), "application/json", 200)})
    response = asyncio.run(gateway.chat("fault/no-reason"))
    if response.status == 200:
        assert response.json()["choices"][0]["finish_reason"] is None
    else:
        assert response.error["code"].startswith("upstream_")
