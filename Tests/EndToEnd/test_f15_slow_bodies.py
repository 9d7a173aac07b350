"""F15: a thousand callers who send slowly: bodies of calls, and uploads."""

import asyncio
import selectors
import socket
import threading
import time

import pytest

from harness.crowd import raise_limit
from harness.gateway import eventually

SENDERS, SIZE = 1000, 40 << 10
#: Bytes that each sends a second.
RATE = 10 << 10


class SlowSenders:
    """Connections on which a request's body comes in small pieces, on a thread of their own."""

    def __init__(self, gateway, count, request):
        self.request = request
        self.head = self.request.index(b"\r\n\r\n") + 4
        self.port, self.count = gateway.port, count
        self.statuses, self.sent = [], 0
        self.thread = threading.Thread(target=self.run)

    def run(self):
        selector, places = selectors.DefaultSelector(), {}
        for _ in range(self.count):
            one = socket.create_connection(("127.0.0.1", self.port), 20)
            one.sendall(self.request[: self.head])
            places[one] = self.head
            selector.register(one, selectors.EVENT_READ)
        piece, began, turn = RATE // 5, time.monotonic(), 0
        while any(place < len(self.request) for place in places.values()):
            for one, place in places.items():
                if place < len(self.request):
                    try:
                        one.sendall(self.request[place : place + piece])
                    except OSError:
                        places[one] = len(self.request)
                        continue
                    places[one] = place + piece
            turn += 1
            self.sent = turn * piece * self.count
            time.sleep(max(0, began + turn / 5 - time.monotonic()))
        self.collect(selector)

    def collect(self, selector):
        while selector.get_map():
            for key, _ in selector.select(20):
                try:
                    text = key.fileobj.recv(1 << 16)
                except ConnectionError:
                    text = b""
                self.statuses.append(int(text[9:12]) if text else None)
                selector.unregister(key.fileobj)
                key.fileobj.close()
        selector.close()


def call(gateway):
    message = {"role": "user", "content": "x" * SIZE}
    return gateway.request("/v1/chat/completions", {"model": "fault/whole", "user": "slow", "messages": [message]})


def upload(gateway):
    body = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n' + b"x" * SIZE + b"\r\n--x--\r\n"
    head = (
        f"POST /api/upload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {gateway.key}\r\n"
        f"content-type: multipart/form-data; boundary=x\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.parametrize("what, status", [(call, 200), (upload, 201)], ids=["calls", "uploads"])
def test_f15_a_thousand_slow_bodies(start, faultd, what, status):
    """Memory is what they have sent and little more, and others are served as if nobody else was there."""
    allowed = raise_limit(2 * SENDERS + 500)
    if allowed < SENDERS + 500:
        pytest.skip(f"needs {SENDERS + 500} open files, and {allowed} are allowed (ulimit -Hn)")
    gateway = start({"providers": [faultd.provider()], "files": {"minFree": 0}})
    for _ in range(20):
        asyncio.run(gateway.chat("fault/whole"))
    before, highest, delays = gateway.resident(), 0, []
    senders = SlowSenders(gateway, SENDERS, what(gateway))
    senders.thread.start()
    while senders.thread.is_alive():
        began = time.monotonic()
        assert asyncio.run(gateway.call("/health/live")).status == 200
        delays.append(time.monotonic() - began)
        highest = max(highest, gateway.resident() - before)
        senders.thread.join(0.05)
    delays.sort()
    print(
        f"{highest / SENDERS / 1024:.0f} KiB for each of {SENDERS} bodies of {SIZE >> 10} KiB; health p50 "
        f"{delays[len(delays) // 2] * 1000:.1f} ms, p99 {delays[int(len(delays) * 0.99)] * 1000:.1f} ms, {len(delays)} asked"
    )
    assert senders.statuses == [status] * SENDERS
    assert highest / SENDERS <= 128 << 10


@pytest.mark.parametrize("where", ["head", "body"])
def test_f15_who_is_too_slow_is_refused(start, faultd, where):
    """408 at the end of `server.timeouts`, and nothing of it reaches the upstream."""
    gateway = start({"providers": [faultd.provider()], "server": {"timeouts": {"header": "1s", "body": "1s"}}})
    user = faultd.user()
    body = {"model": "fault/whole", "user": user, "messages": [{"role": "user", "content": "x" * 1000}]}
    data = gateway.request("/v1/chat/completions", body)
    cut = 30 if where == "head" else data.index(b"\r\n\r\n") + 40
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as one:
        one.sendall(data[:cut])
        text = b""
        while piece := one.recv(1 << 16):
            text += piece
    assert text.startswith(b"HTTP/1.1 408") and b'"request_timeout"' in text
    assert faultd.entries(user) == []


def test_f15_what_was_begun_and_left_is_given_back(start, faultd):
    gateway = start({"providers": [faultd.provider()]})
    body = {"model": "fault/whole", "messages": [{"role": "user", "content": "x" * (2 << 20)}]}
    data = gateway.request("/v1/chat/completions", body)
    before = gateway.resident()
    for _ in range(60):
        one = socket.create_connection(("127.0.0.1", gateway.port), 20)
        one.sendall(data[: len(data) - 100])
        one.close()
    eventually(lambda: gateway.resident() - before < 48 << 20, what="memory of bodies that never came whole")
    assert asyncio.run(gateway.chat("fault/whole")).status == 200
