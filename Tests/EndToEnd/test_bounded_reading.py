"""Responses that never end what they have begun: a head, a line, a chunk's size, trailers. Each is cut off early and
nothing piles up (F5)."""

import asyncio
import contextlib

import pytest

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
#: What comes first, and what then comes without end.
ENDLESS = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "field name": (OK, b"x"),
    "field value": (OK + b"x: ", b"y"),
    "fields": (OK, b"x: y\r\n"),
    "interim responses": (b"", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"),
    "chunk size": (CHUNKED, b"0"),
    "chunk extension": (CHUNKED + b"1;", b"x"),
    "trailer": (CHUNKED + b"0\r\nx: ", b"y"),
    "trailers": (CHUNKED + b"0\r\n", b"x: y\r\n"),
    "another protocol": (b"", b"220 mail.example ESMTP ready\r\n"),
}
#: A body that never ends.
BODIES = {
    "chunks": (CHUNKED, b"400\r\n" + b" " * 1024 + b"\r\n"),
    "tiny chunks": (CHUNKED, b"1\r\n \r\n" * 200),
    "until it closes": (OK + b"\r\n", b" " * 1024),
    "a promised length": (OK + b"content-length: 9000000000000000\r\n\r\n", b" " * 1024),
}
PIECE = 64 << 10


class Flood:
    """A server that sends what it is told for as long as somebody reads."""

    def __init__(self, first, rest):
        self.first, self.rest = first, rest * max(1, PIECE // len(rest))
        #: Bytes that were taken from each connection.
        self.sent = []

    async def serve(self, reader, writer):
        sent = 0
        with contextlib.suppress(ConnectionError):
            await reader.read(PIECE)
            writer.write(self.first)
            while sent < 1 << 30:
                writer.write(self.rest)
                sent += len(self.rest)
                await writer.drain()
        self.sent.append(sent)
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self):
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()


def flooded(start, first, rest, count):
    """Responses to so many calls at once, how much of each flood was taken, and by how much the memory grew."""
    flood = Flood(first, rest)

    async def act():
        async with flood.running() as port:
            provider = {"name": "flood", "kind": "openai-compatible", "baseURL": f"http://127.0.0.1:{port}/v1"}
            gateway = await asyncio.to_thread(start, {"providers": [provider]})
            await gateway.chat("gatehouse/echo")
            before = gateway.resident()
            responses = await asyncio.gather(*(gateway.chat("flood/m") for _ in range(count)))
            return responses, gateway.resident() - before

    responses, growth = asyncio.run(act())
    return responses, flood.sent, growth


@pytest.mark.parametrize("what", ENDLESS)
def test_what_never_ends_is_cut_off(start, what):
    responses, sent, growth = flooded(start, *ENDLESS[what], count=8)
    codes = [(response.status, response.error["code"]) for response in responses]
    assert codes == [(502, "upstream_invalid_response")] * 8
    # What is read is at most a few pieces; the rest is what the system's buffers hold.
    assert max(sent) < 16 << 20
    assert growth < 8 << 20


@pytest.mark.parametrize("what", BODIES)
def test_a_body_without_end_is_cut_off(start, what):
    responses, sent, growth = flooded(start, *BODIES[what], count=2)
    codes = [(response.status, response.error["code"]) for response in responses]
    assert codes == [(502, "upstream_invalid_response")] * 2
    # 32 MiB are taken, and what the buffers hold; a tiny chunk is mostly frame.
    assert max(sent) < (400 if what == "tiny chunks" else 64) << 20
    assert growth < 160 << 20
