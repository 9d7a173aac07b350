"""What users of other gateways reported of calls that break: leaving, cuts, errors in the middle, tokens that are not counted.

Every caller's dialect before every upstream's wire, so that a pair which passes bytes on and one which translates are held to
the same. Tests/peers.json tells which report each test answers.
"""

import asyncio
import json
import socket
import struct

import pytest

from harness.callers import CALLERS, Pair
from harness.matrix import UPSTREAMS, Modeld, provider
from modeld.script import TEXT, USAGE, WORDS

streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
FAULT_KINDS = {"anthropic": "anthropic", "gemini": "gemini"}


@pytest.fixture(scope="module")
def modeld(module_starter):
    server = Modeld()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway(module_starter, modeld, faultd):
    vendors = [faultd.provider(name=f"fault-{name}", kind=kind) for name, kind in FAULT_KINDS.items()]
    wires = [provider(name, modeld.url) for name in UPSTREAMS]
    return module_starter({"providers": [*wires, faultd.provider(), *vendors]})


def pytest_generate_tests(metafunc):
    if "caller" in metafunc.fixturenames:
        metafunc.parametrize("caller", CALLERS)
    if "upstream" in metafunc.fixturenames:
        metafunc.parametrize("upstream", UPSTREAMS)


@pytest.fixture
def pair(gateway, modeld, caller, upstream):
    return Pair(gateway, modeld, caller, upstream)


# Leaving: rows 15 to 19


def hang_up(writer, how):
    if how == "reset":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


async def leave(pair, moment, how):
    """Asks, and hangs up once the upstream has come so far and the caller has read the words."""
    _, stream, answers, words = moment
    reader, writer = await asyncio.open_connection("127.0.0.1", pair.gateway.port)
    writer.write(pair.request(stream, headers=[("x-request-id", f"left-{pair.number}")]))
    (came,) = await asyncio.to_thread(pair.modeld.wait, pair.number)
    if answers:
        assert await asyncio.to_thread(came.answered.wait, 10)
    for word in words:
        await reader.readuntil(word.encode())
    assert not came.left.is_set(), "the upstream's connection ended while the caller was there"
    hang_up(writer, how)
    assert await asyncio.to_thread(came.left.wait, 10), "the upstream goes on without its caller"


#: When: the scenario, whether it is a stream, whether the upstream has begun to answer, what the caller read before.
MOMENTS = {
    "while a whole answer is made": ("silent", False, False, []),
    "before the upstream's head": ("silent", True, False, []),
    "before the first word": ("early", True, True, []),
    "in the middle of a stream": ("endless", True, True, [word.strip() for word in WORDS[:3]]),
}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_who_leaves_ends_the_upstreams_work(pair, moment, how):
    pair.take(MOMENTS[moment][0])
    asyncio.run(leave(pair, MOMENTS[moment], how))
    record = pair.gateway.access(f"left-{pair.number}")
    assert record["outcome"] == "client_gone"
    assert len(pair.come) == 1, "nothing is asked again for somebody who left"


# Streams that break: rows 24 to 30


def cannot_be_taken_for_whole(pair, response):
    """An error at the end, in the caller's dialect, of one of the codes for it; neither terminator nor a second attempt."""
    found = pair.caller.read(response)
    assert response.is_whole, "the caller's own connection must not be what tells it"
    assert found.ends_with_error, response.body[-300:]
    assert found.terminators == 0, response.body[-300:]
    assert TEXT.startswith(found.text)
    assert len(pair.come) == 1, "what was sent is never sent again"
    return found


@pytest.mark.parametrize("share", [0, 30, 60, 90])
@pytest.mark.parametrize("end", ["gone", "short"])
def test_a_stream_that_breaks_off_never_ends_well(pair, end, share):
    """Whether the connection dies or the body ends cleanly in the middle of an event."""
    response = pair.ask(f"{end}{share}", stream=True)
    found = cannot_be_taken_for_whole(pair, response)
    if response.status == 200:
        assert found.code == "upstream_truncated"
    else:
        # Without a byte of a body it is a broken connection, or an empty answer.
        nothing = {"gone": "upstream_unreachable", "short": "upstream_invalid_response"}
        assert response.status == 502 and not found.text
        assert found.code in ("upstream_truncated", nothing[end] if share == 0 else "upstream_truncated")
    if share < 90:
        assert not found.reasons, "a reason for an end that nobody gave"
    assert pair.record(response)["outcome"] != "completed"


#: What an upstream's last event is, when it says no more than that the stream is whole.
ONLY_AN_END = {"compatible": "[DONE]", "openai": "[DONE]", "mistral": "[DONE]", "anthropic": "message_stop"}


@pytest.mark.parametrize("end", ["gone", "short"])
def test_a_stream_without_its_last_event_never_ends_well(pair, end):
    """All text came, and perhaps the reason too; only what makes it whole is missing."""
    response = pair.ask(f"{end}100", stream=True)
    if pair.upstream == "bedrock":
        # The last is the usage; with the reason before it, a body that ends well is whole.
        found = pair.caller.read(response)
        assert (response.status, found.text) == (200, TEXT)
        assert (found.terminators, found.ends_with_error) == ((0, True) if end == "gone" else (1, False))
        return
    found = cannot_be_taken_for_whole(pair, response)
    assert (response.status, found.code, found.text) == (200, "upstream_truncated", TEXT)
    if pair.upstream not in ONLY_AN_END:
        assert not found.reasons


def test_an_event_that_cannot_be_read_is_an_error(pair):
    """The rest would make a whole stream, from which some words had been lost in silence."""
    response = pair.ask("garbled", stream=True)
    found = cannot_be_taken_for_whole(pair, response)
    assert response.status == 200
    assert found.code == "upstream_invalid_response"
    assert found.text == "".join(WORDS[:3]) and not found.reasons


def test_an_error_before_the_first_word_is_a_status(pair):
    """The upstream said 200 and began; the caller has nothing yet, and gets the status of the failure."""
    response = pair.ask("refused", stream=True)
    assert response.status == 502
    assert response.headers["content-type"].startswith("application/json")
    found = cannot_be_taken_for_whole(pair, response)
    assert found.code == "upstream_error"
    record = pair.record(response)
    assert (record["status"], record["error_code"]) == (502, "upstream_error")
    # What an upstream itself counted before it failed is no invention; the error's own text must add nothing.
    assert record.get("output_tokens", 0) == (1 if pair.upstream == "anthropic" else 0)


def test_an_error_after_words_is_the_last_event(pair):
    response = pair.ask("late", stream=True)
    assert response.status == 200
    found = cannot_be_taken_for_whole(pair, response)
    assert found.code in ("upstream_error", "upstream_overloaded")
    assert found.text == "".join(WORDS[:3]) and not found.reasons


@streamed
@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_the_text_of_an_error_is_not_counted(pair, status, stream):
    response = pair.ask(f"s{status}", stream)
    assert response.status in (400, 429, 502, 503)
    record = pair.record(response)
    assert not record.get("input_tokens") and not record.get("output_tokens")
    assert len(pair.come) == 1


OVERLOADED = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
    b'event: ping\ndata: {"type":"ping"}\n\n'
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
)


def ask_fault(gateway, caller, name, script):
    """One stream of a script of faultd's, as this caller reads it."""
    one = CALLERS[caller]
    body = {**one.fields(f"{name}/{script}", True), **one.conversation("Hello")}
    path = one.path(f"{name}/{script}", True)
    response = asyncio.run(gateway.call(path, body, headers=one.headers))
    return response, one.read(response)


def test_an_overload_inside_a_200_is_told_as_such(gateway, faultd, caller):
    faultd.teach({"overloaded": (OVERLOADED, "text/event-stream", 200)})
    response, found = ask_fault(gateway, caller, "fault-anthropic", "overloaded")
    assert (response.status, found.code) == (503, "upstream_overloaded")


def test_a_whole_stream_ends_once(pair):
    response = pair.ask("chat", stream=True)
    found = pair.caller.read(response)
    assert response.status == 200 and response.is_whole
    assert (found.text, len(found.reasons), found.terminators) == (TEXT, 1, 1)
    assert not found.ends_with_error


def test_single_bytes_make_the_same_stream(pair):
    """However an upstream cuts its bytes into chunks, inside letters and line ends too."""
    whole, single = (pair.caller.read(pair.ask(scenario, stream=True)) for scenario in ("chat", "bytes"))
    assert whole.text == TEXT and whole.terminators == 1
    assert single == whole


# Counting: rows 40, 43, 45 to 47

#: The upstreams that tell what was read from a cache, and how much of the output was thought.
TELLS_CACHE = {"compatible", "openai", "responses", "anthropic", "gemini", "bedrock", "cohere"}
TELLS_THOUGHTS = {"compatible", "openai", "responses", "gemini"}


@streamed
def test_the_record_has_the_upstreams_tokens(pair, stream):
    """And the caller reads the same numbers, in the arithmetic of its dialect."""
    response = pair.ask("chat", stream)
    assert response.status == 200
    record = pair.record(response)
    assert (record["input_tokens"], record["output_tokens"]) == (USAGE.input, USAGE.output)
    assert record["cached_input_tokens"] == (USAGE.read if pair.upstream in TELLS_CACHE else 0)
    assert record["reasoning_tokens"] == (USAGE.thoughts if pair.upstream in TELLS_THOUGHTS else 0)
    found = pair.caller.read(response)
    assert found.tokens == (record["input_tokens"], record["output_tokens"])
    assert (found.cached or 0) == record["cached_input_tokens"]


def chat_chunk(delta, reason=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def chat_usage(read, written):
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def last(record, found):
    return (record["input_tokens"], record["output_tokens"]), found.tokens


@pytest.mark.parametrize("place", ["with the last word", "with the reason"])
def test_usage_beside_choices_counts(gateway, faultd, caller, place):
    """There is no event with usage alone; the one that has it has a choice as well."""
    usage = {"usage": chat_usage(70, 20)}
    body = chat_chunk({"role": "assistant", "content": "Hello"})
    body += chat_chunk({"content": " you"}, **(usage if place == "with the last word" else {}))
    body += chat_chunk({}, "stop", **(usage if place == "with the reason" else {})) + b"data: [DONE]\n\n"
    name = f"beside-{place.replace(' ', '-')}"
    faultd.teach({name: (body, "text/event-stream", 200)})
    response, found = ask_fault(gateway, caller, "fault", name)
    assert (response.status, found.text, found.terminators) == (200, "Hello you", 1)
    record = gateway.access(response.headers["x-request-id"])
    assert last(record, found) == ((70, 20), (70, 20))


def anthropic_event(kind, **body):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **body})}\n\n".encode()


def lowered_by_anthropic():
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    first = {"input_tokens": 500, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 0, "output_tokens": 4}
    final = {"input_tokens": 50, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 0, "output_tokens": 20}
    return b"".join(
        [
            anthropic_event("message_start", message={**message, "stop_sequence": None, "usage": first}),
            anthropic_event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            anthropic_event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello you"}),
            anthropic_event("content_block_stop", index=0),
            anthropic_event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=final),
            anthropic_event("message_stop"),
        ]
    )


def lowered_by_gemini():
    counts = [(500, 4, 90), (400, 12, 90), (70, 20, 20)]
    texts = ["Hello", " you", ""]
    events = []
    for (read, written, cached), text in zip(counts, texts):
        usage = {"promptTokenCount": read, "candidatesTokenCount": written, "cachedContentTokenCount": cached}
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
        candidate |= {} if text else {"finishReason": "STOP"}
        body = {"candidates": [candidate], "usageMetadata": {**usage, "totalTokenCount": read + written}}
        events.append(b"data: " + json.dumps(body).encode() + b"\n\n")
    return b"".join(events)


LOWERED = {"anthropic": lowered_by_anthropic, "gemini": lowered_by_gemini}


@pytest.mark.parametrize("vendor", LOWERED)
def test_a_later_count_stands_for_an_earlier_one(gateway, faultd, caller, vendor):
    """Also when it is lower; counts that are repeated with each event are not added up."""
    faultd.teach({f"lowered-{vendor}": (LOWERED[vendor](), "text/event-stream", 200)})
    response, found = ask_fault(gateway, caller, f"fault-{vendor}", f"lowered-{vendor}")
    assert (response.status, found.text, found.terminators) == (200, "Hello you", 1)
    record = gateway.access(response.headers["x-request-id"])
    assert last(record, found) == ((70, 20), (70, 20))
    assert record["cached_input_tokens"] == 20
