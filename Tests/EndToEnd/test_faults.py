"""A provider that breaks off, hangs or babbles at any byte: never a made-up ending."""

import asyncio
import json

import pytest

from harness.gateway import eventually
from harness.wire import crowd

BODY = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    b'{"role":"assistant","content":"Z\xc3\xbcrich"},"finish_reason":null}]}\n\n'
    b": keep-alive\n\n"
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    b'{"content":" \\"[DONE]\\""},"finish_reason":null}]}\r\n\r\n'
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},'
    b'"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":'
    b'{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
    b"data: [DONE]\n\n"
)
#: From here on the terminator is there.
WHOLE_FROM = BODY.index(b"[DONE]\n\n") + len(b"[DONE]\n")
REASON_AT = BODY.index(b'"finish_reason":"stop"')
EVENT_ENDS = [index + 2 for index in range(len(BODY)) if BODY[index : index + 2] == b"\n\n"] + [
    BODY.index(b"\r\n\r\n") + 4
]
ANSWER = (
    b'{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}'
)
CLOSED_CODES = {
    "upstream_truncated",
    "upstream_invalid_response",
    "upstream_error",
    "upstream_unreachable",
    "upstream_timeout",
}


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    faultd.teach({"story": (BODY, "text/event-stream", 200), "answer": (ANSWER, "application/json", 200)})
    quick = {"connect": "500ms", "firstByte": "500ms", "idle": "300ms", "total": "20s"}
    return module_starter(
        {"providers": [faultd.provider(timeouts=quick), faultd.provider("vendor", kind="gpustack", timeouts=quick)]}
    )


def play(gateway, models, stream, workers=32):
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True}
    requests = [(model, gateway.request("/v1/chat/completions", {"model": model, **body})) for model in models]
    return asyncio.run(crowd(gateway.port, requests, workers))


def broken(response, at, code=None):
    """What is wrong with the end of a broken stream; `at` is the first byte that did not come as recorded."""
    if response is None:
        return "no response at all"
    if not response.is_whole:
        return "the connection broke instead of ending with an error"
    if response.status != 200:
        error = response.error
        if response.status not in (502, 504) or error["code"] not in CLOSED_CODES:
            return f"{response.status} {error}"
        return None if code in (None, error["code"]) else f"code {error['code']}"
    if not response.events:
        return "an empty stream"
    last = json.loads(response.events[-1]) if response.events[-1] != "[DONE]" else {}
    if "error" not in last:
        return f"ends with {response.events[-1]!r}"
    if code not in (None, last["error"]["code"]) or last["error"]["code"] not in CLOSED_CODES:
        return f"code {last['error']['code']}"
    good = response.body[: response.body.rfind(b"data: ")]
    if not BODY.startswith(good):
        return f"bytes that were never sent: {good[-80:]!r}"
    if len(good) > at:
        return "more than came"
    return None


def report(problems):
    assert not problems, f"{len(problems)} places:\n" + "\n".join(f"{name}: {what}" for name, what in problems[:20])


@pytest.mark.parametrize("fault", ["cut", "rst", "clean"])
def test_an_end_at_any_byte_is_an_error(gateway, fault):
    positions = range(0, WHOLE_FROM - 1)
    played = play(gateway, [f"fault/story~{fault}@{at}" for at in positions], stream=True)
    # After a reset what is still in flight may be lost, so only the other two tell how much must arrive.
    code = None if fault == "rst" else "upstream_truncated"
    problems = []
    for at in positions:
        response = played[f"fault/story~{fault}@{at}"]
        expected = code if code and response and response.status == 200 else None
        if problem := broken(response, at, expected):
            problems.append((at, problem))
        elif fault != "rst" and response.status == 200:
            good = response.body[: response.body.rfind(b"data: ")]
            if len(good) < max([end for end in EVENT_ENDS if end <= at], default=0):
                problems.append((at, "an event that came was not passed on"))
    report(problems)


def test_a_body_that_ends_with_the_connection_is_an_error_too(gateway):
    """Without chunks and length a cut looks like an end; only the terminator tells."""
    positions = range(0, WHOLE_FROM - 1)
    played = play(gateway, [f"fault/story~cut@{at}~frame@close" for at in positions], stream=True)
    report([(at, problem) for at in positions if (problem := broken(played[f"fault/story~cut@{at}~frame@close"], at))])


def test_a_vendor_without_terminator_needs_every_reason(gateway):
    """Its streams are whole by `finish_reason`, so a cut before it is an error, and one inside a later event too."""
    positions = range(0, WHOLE_FROM - 1)
    played = play(gateway, [f"vendor/story~clean@{at}" for at in positions], stream=True)
    after_reason = min(end for end in EVENT_ENDS if end > REASON_AT)
    problems = []
    for at in positions:
        response = played[f"vendor/story~clean@{at}"]
        if at >= after_reason and at in EVENT_ENDS:
            if response.status != 200 or response.body != BODY[:at] or not response.is_whole:
                problems.append((at, f"was whole, came {response.body[-80:]!r}"))
        elif at < after_reason - 1:
            if problem := broken(response, at):
                problems.append((at, problem))
        elif b"[DONE]\n" in response.body:
            problems.append((at, "a made-up [DONE]"))
    report(problems)


def test_silence_at_any_byte_is_an_error(gateway, faultd):
    positions = range(0, WHOLE_FROM - 1, 3)
    models = [f"fault/story~stall@{at}" for at in positions]
    played = play(gateway, models, stream=True, workers=160)
    problems = []
    for at in positions:
        response = played[f"fault/story~stall@{at}"]
        if problem := broken(response, at, "upstream_timeout"):
            problems.append((at, problem))
    report(problems)
    assert faultd.open()["busy"] == 0, "connections to a silent provider are closed"


def test_garbage_at_any_byte_is_an_error_or_harmless(gateway):
    """0xFF is in no UTF-8 text: inside an event it is an error, elsewhere it makes nothing up."""
    positions = range(0, len(BODY))
    played = play(gateway, [f"fault/story~garble@{at}" for at in positions], stream=True)
    problems = []
    for at in positions:
        response = played[f"fault/story~garble@{at}"]
        garbled = BODY[:at] + b"\xff" + BODY[at + 1 :]
        if response.status == 200 and response.events and response.events[-1] == "[DONE]":
            if response.body.rstrip(b"\r\n") != garbled.rstrip(b"\r\n") and not garbled.startswith(response.body):
                problems.append((at, f"a whole answer of other bytes: {response.body[-80:]!r}"))
            if b"\xff" in b"".join(line for line in response.body.split(b"\n") if line.startswith(b"data:")):
                problems.append((at, "an event that is not UTF-8"))
        elif response.status == 200:
            last = json.loads(response.events[-1]).get("error", {}) if response.events else {}
            if last.get("code") not in CLOSED_CODES:
                problems.append((at, f"ends with {response.events[-1:]!r}"))
            elif not garbled.startswith(response.body[: response.body.rfind(b"data: ")]):
                problems.append((at, "bytes that were never sent"))
        elif response.error["code"] not in CLOSED_CODES:
            problems.append((at, f"{response.status} {response.error}"))
    report(problems)


@pytest.mark.parametrize("fault", ["cut", "rst", "stall", "garble"])
def test_a_whole_answer_is_whole_or_an_error(gateway, fault):
    positions = range(0, len(ANSWER), 1 if fault != "stall" else 4)
    models = [f"fault/answer~{fault}@{at}" for at in positions]
    played = play(gateway, models, stream=False, workers=32 if fault != "stall" else 64)
    problems = []
    for at in positions:
        response = played[f"fault/answer~{fault}@{at}"]
        if response.status == 200:
            problems.append((at, f"200 {response.body!r}"))
        elif response.error["code"] not in CLOSED_CODES or not response.is_whole:
            problems.append((at, f"{response.status} {response.error}"))
        elif fault == "stall" and (response.status, response.error["code"]) != (504, "upstream_timeout"):
            problems.append((at, f"{response.status} {response.error}"))
    report(problems)


@pytest.mark.parametrize("stream", [False, True])
def test_a_head_that_breaks_off_is_an_error(gateway, stream):
    script = "story" if stream else "answer"
    positions = range(0, 60)
    models = [f"fault/{script}~head@{at}" for at in positions]
    played = play(gateway, models, stream)
    problems = []
    for at in positions:
        response = played[f"fault/{script}~head@{at}"]
        if response.status != 502 or response.error["code"] not in CLOSED_CODES:
            problems.append((at, f"{response.status} {response.body!r}"))
    report(problems)


def chat(gateway, model, **options):
    return asyncio.run(gateway.chat(model, **options))


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_never_answers(gateway, faultd, stream):
    user = faultd.user()
    response = chat(gateway, "fault/never", stream=stream, user=user)
    assert (response.status, response.error["code"]) == (504, "upstream_timeout")
    assert faultd.wait(user, "closed")


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_is_not_there(start, stream):
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        gateway = start(
            {"providers": [{"name": "gone", "kind": "openai-compatible", "baseURL": f"http://127.0.0.1:{port}"}]}
        )
        response = chat(gateway, "gone/model", stream=stream)
    assert (response.status, response.error["code"]) == (502, "upstream_unreachable")
    assert str(port) not in response.body.decode()


def test_what_came_first_may_be_slow_and_odd(gateway):
    """Interim responses, comments before the first event, and single bytes are no faults."""
    noisy = chat(gateway, "fault/noisy", stream=True)
    assert noisy.status == 200
    assert noisy.events[-1] == "[DONE]"
    slow = chat(gateway, "fault/story~split@40~drip@5", stream=True, stream_options={"include_usage": True})
    assert slow.body == BODY


def test_an_answer_of_endless_size_is_refused(gateway):
    before = gateway.resident()
    response = chat(gateway, "fault/huge")
    assert response.status == 502
    assert response.error["code"] == "upstream_invalid_response"
    assert gateway.resident() - before < 160 << 20


def test_an_event_of_endless_size_is_refused(gateway, faultd):
    faultd.teach({"giant": (b"data: {" + b'"a":"' + b"x" * (20 << 20), "text/event-stream", 200)})
    response = chat(gateway, "fault/giant", stream=True)
    assert (response.status, response.error["code"]) == (502, "upstream_invalid_response")


def test_a_stale_connection_is_not_an_error(gateway, faultd):
    """A provider may close a resting connection at any moment; the next call takes a fresh one."""
    faultd.drop()
    for _ in range(40):
        assert chat(gateway, "fault/whole~after@0").status == 200
        eventually(lambda: faultd.open()["open"] == 0, what="the provider's goodbye")
    assert chat(gateway, "fault/whole").status == 200
    faultd.drop()
    eventually(lambda: faultd.open()["open"] == 0, what="the provider's goodbye")
    assert chat(gateway, "fault/whole").status == 200


@pytest.mark.parametrize("code", [302, 401, 403, 429, 500, 503])
def test_nothing_of_an_error_body_leaks(gateway, faultd, code):
    user = faultd.user()
    response = chat(gateway, f"fault/s{code}", user=user)
    shown = response.body + repr(response.headers).encode()
    for canary in (b"SECRET", b"/etc/provider", b"10.9.8.7", b"sk-"):
        assert canary not in shown
    assert len(faultd.entries(user)) == 1, "one attempt, and no redirect is followed"
    record = gateway.access(response.headers["x-request-id"])
    assert "SECRET" not in json.dumps(record)
    assert record["error_code"] == response.error["code"]
