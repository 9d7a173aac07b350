"""F5: bodies that are broken, endless, or oddly cut: limits hold, memory stays flat, and what is good stays byte-exact."""

import asyncio
import json
import random
import threading

import pytest

SSE, JSON = "text/event-stream", "application/json"
TEXT = "Zürich 🌍 日本 \u2028 é"


def chunk(text, reason=None):
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": reason}]}
    return json.dumps(body, ensure_ascii=False).encode()


EVENTS = [chunk(TEXT), chunk(TEXT[::-1]), chunk("", "stop"), b"[DONE]"]


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    return module_starter({"providers": [faultd.provider(), faultd.provider("vendor", kind="anthropic")]})


def ask(gateway, script, stream, path="/v1/chat/completions", **more):
    body = {"model": f"fault/{script}", "stream": stream, "messages": [{"role": "user", "content": "Hi"}], **more}
    return asyncio.run(gateway.call(path, body, timeout=60))


BROKEN = {
    "truncated": b'{"id":"c","choices":[{"index":0,"message":{"content":"hi"}',
    "two values": b'{"choices":[]}{"choices":[]}',
    "trailing comma": b'{"choices":[],}',
    "bare word": b"upstream connect error or disconnect/reset before headers",
    "NUL inside": b'{"choices":[{"index":0,"message":{"content":"a\x00b"},"finish_reason":"stop"}]}',
    "NULs only": bytes(4096),
    "not UTF-8": b'{"choices":[{"index":0,"message":{"content":"\xff\xfe"},"finish_reason":"stop"}]}',
    "overlong": b'{"choices":[{"index":0,"message":{"content":"\xc0\xaf"},"finish_reason":"stop"}]}',
    "surrogate in UTF-8": b'{"choices":[{"index":0,"message":{"content":"\xed\xa0\x80"},"finish_reason":"stop"}]}',
    "cut inside a letter": '{"choices":[{"index":0,"message":{"content":"Zü'.encode()[:-1],
    "UTF-16": '{"choices":[]}'.encode("utf-16"),
    "deep": b"[" * 100_000,
    "deep inside": b'{"choices":' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}",
}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("name", BROKEN)
def test_f5_a_broken_answer_is_an_error(gateway, faultd, name, path):
    script = f"broken-{name.replace(' ', '-')}"
    faultd.teach({script: (BROKEN[name], JSON, 200)})
    response = ask(gateway, script, False, path, **({"max_tokens": 10} if "messages" in path else {}))
    assert (response.status, response.error["code"]) == (502, "upstream_invalid_response")


@pytest.mark.parametrize("name", ["truncated", "trailing comma", "bare word", "NUL inside", "not UTF-8", "overlong", "deep"])
def test_f5_a_broken_event_is_an_error(gateway, faultd, name):
    script = f"event-{name.replace(' ', '-')}"
    body = b"data: " + EVENTS[0] + b"\n\ndata: " + BROKEN[name] + b"\n\ndata: [DONE]\n\n"
    faultd.teach({script: (body, SSE, 200)})
    is_broken_off(ask(gateway, script, True))


def is_broken_off(response):
    """As the last event behind a good one, or as a status: that depends on how much came at once."""
    assert response.is_whole and b"[DONE]" not in response.body
    if response.status == 200:
        json.loads(response.events[0])["choices"]
        assert json.loads(response.events[-1])["error"]["code"] == "upstream_invalid_response"
    else:
        assert (response.status, response.error["code"]) == (502, "upstream_invalid_response")


class Highest:
    """The most memory that a gateway takes while the block runs."""

    def __init__(self, gateway):
        self.gateway, self.over = gateway, threading.Event()

    def __enter__(self):
        self.before = self.highest = self.gateway.resident()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while not self.over.wait(0.005):
            self.highest = max(self.highest, self.gateway.resident())

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    @property
    def grown(self):
        return self.highest - self.before


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_f5_a_hundred_megabytes_are_refused(gateway, faultd, stream):
    """And refused early: the rest is not read, and its connection does not serve again."""
    user = faultd.user()
    with Highest(gateway) as memory:
        response = ask(gateway, "vast", stream, user=user)
    assert (response.status, response.error["code"]) == (502, "upstream_invalid_response")
    assert memory.grown < 128 << 20, f"{memory.grown >> 20} MiB"
    assert faultd.wait(user, "closed")["bytes"] < 80 << 20


def test_f5_a_line_of_64_megabytes_is_an_error(gateway, faultd):
    user = faultd.user()
    with Highest(gateway) as memory:
        is_broken_off(ask(gateway, "line", True, user=user))
    assert memory.grown < 96 << 20, f"{memory.grown >> 20} MiB"
    assert faultd.wait(user, "closed")["bytes"] < 48 << 20


ENDS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


def streams():
    """The same events with every way to end lines, one for all lines or another for each."""
    for name, end in ENDS.items():
        yield name, b"".join(b"data: " + event + end + end for event in EVENTS)
    rng = random.Random(4)
    for number in range(6):
        body = b""
        for event in EVENTS:
            # Not CR behind which LF would begin the next line: together they are one end.
            first, second = rng.choice([(b"\n", b"\r"), (b"\r\n", b"\n"), (b"\r", b"\r\n"), (b"\n", b"\r\n"), (b"\r\n", b"\r")])
            body += rng.choice([b"data: ", b"data:", b": x\ndata: ", b"id: 7\r\ndata: "]) + event + first + second
        yield f"mix {number}", body


STREAMS = dict(streams())


@pytest.mark.parametrize("split", ["", "~split@1", "~split@2", "~awkward@1"], ids=["whole", "bytes", "pairs", "awkward"])
@pytest.mark.parametrize("name", STREAMS)
def test_f5_line_ends_and_cuts_change_nothing(gateway, faultd, name, split):
    """Letters that are cut in two are put together again, byte for byte, however the lines end."""
    script = f"lines-{name.replace(' ', '-')}"
    faultd.teach({script: (STREAMS[name], SSE, 200)})
    response = ask(gateway, script + split, True)
    assert response.status == 200 and response.is_whole
    assert [event.encode() for event in response.events] == EVENTS


@pytest.mark.parametrize("split", ["", "~split@1"], ids=["whole", "bytes"])
def test_f5_translated_letters_are_put_together_too(gateway, faultd, split):
    faultd.teach({"lines-LF": (STREAMS["LF"], SSE, 200)})
    response = ask(gateway, "lines-LF" + split, True, "/v1/messages", max_tokens=10)
    events = [json.loads(event) for event in response.events]
    text = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    assert text == TEXT + TEXT[::-1] and events[-1]["type"] == "message_stop"


def test_f5_no_garbage_ends_the_process(gateway, faultd):
    """Damaged copies of good answers, whole and streamed: each has an answer, and none is a made-up success."""
    rng = random.Random(18)
    whole = b'{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"content":"' + TEXT.encode()
    whole += b'"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
    for number in range(60):
        body = bytearray(whole if number % 2 else STREAMS["LF"])
        for _ in range(rng.randint(1, 8)):
            at = rng.randrange(len(body))
            how = rng.randrange(3)
            if how == 0:
                body[at] = rng.randrange(256)
            elif how == 1:
                del body[at : at + rng.randint(1, 40)]
            else:
                body[at:at] = rng.choice([b"\x00", b"\xff\xfe", b"\r", b"\n\n", b'"', b"}", b"data: ", b"[DONE]"])
        faultd.teach({"damaged": (bytes(body), JSON if number % 2 else SSE, 200)})
        response = ask(gateway, "damaged", not number % 2)
        assert response is not None and response.is_whole, bytes(body)
        assert response.status in (200, 502, 503), bytes(body)
