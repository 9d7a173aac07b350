"""The server: connections, the requests that came, and who left before the end."""

import asyncio
import base64
import itertools
import json
import socket
import string
import threading
import urllib.parse
from dataclasses import dataclass, field

from . import anthropic_messages, bedrock, cohere, gemini, mistral, ollama, openai_chat, openai_responses
from .script import Answer, Delta, Refused, WORDS, answer

#: The upstreams by the first word of the path.
WIRES = {
    "compatible": openai_chat.Compatible(),
    "openai": openai_chat.OpenAI(),
    "mistral": mistral.Mistral(),
    "responses": openai_responses.Responses(),
    "anthropic": anthropic_messages.Anthropic(),
    "gemini": gemini.Gemini(),
    "bedrock": bedrock.Bedrock(),
    "cohere": cohere.Cohere(),
    "ollama": ollama.Ollama(),
}


#: The scenarios that answer with words alone, however they end; a number may follow.
PLAIN = ("cut", "endless", "fault", "silent", "early", "refused", "late", "garbled", "bytes", "gone", "short")


@dataclass
class Request:
    """One that came."""

    upstream: str
    path: str
    headers: dict
    body: dict
    raw: bytes = b""
    #: `None` when it was refused.
    seen: object = None
    refusal: str | None = None
    answer: object = None
    number: str = ""
    #: The first bytes of the answer are out.
    answered: threading.Event = field(default_factory=threading.Event)
    #: The client closed before the answer's end.
    left: threading.Event = field(default_factory=threading.Event)


class Modeld:
    """A running upstream on a thread of its own."""

    def __init__(self):
        self.requests, self.connections = [], set()
        self.changed = threading.Condition()
        self._signatures, self._serial = {}, itertools.count(1)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        start = self.loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        self.server = asyncio.run_coroutine_threadsafe(start, self.loop).result(10)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    def stop(self):
        async def close():
            self.server.close()
            for connection in list(self.connections):
                connection.transport.abort()

        asyncio.run_coroutine_threadsafe(close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def sign(self, thoughts):
        """A fresh signature of these thoughts: base64 with every mark that it can have."""
        signature = base64.b64encode(b"\xfb\xff\xbf" + next(self._serial).to_bytes(4)).decode()
        self._signatures[signature] = thoughts
        return signature

    def signed(self, signature):
        """The thoughts that this signature was given to; `None` for a strange one."""
        return self._signatures.get(signature)

    def serial(self):
        return next(self._serial)

    def note(self, request):
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()

    def of(self, number):
        """The requests whose model ends in this number."""
        with self.changed:
            return [request for request in self.requests if request.number == number]

    def wait(self, number, count=1):
        """The requests of `number`, once there are so many."""
        with self.changed:
            come = self.changed.wait_for(lambda: len([one for one in self.requests if one.number == number]) >= count, 10)
        assert come, f"{count} requests of {number} did not come"
        return self.of(number)


class Connection(asyncio.Protocol):
    def __init__(self, server):
        self.server, self.buffer, self.player, self.request = server, b"", None, None

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.connections.add(self)

    def connection_lost(self, error):
        self.server.connections.discard(self)
        if self.player and not self.player.done():
            self.request.left.set()
            self.player.cancel()

    def data_received(self, data):
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        if len(self.buffer) < end + 4 + length:
            return
        body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
        upstream, path = lines[0].split(" ")[1].lstrip("/").split("/", 1)
        self.request = Request(upstream, urllib.parse.unquote(path), headers, json.loads(body) if body else {}, body)
        self.player = self.server.loop.create_task(self.serve(self.request))

    def send(self, status, kind, body=None, headers=""):
        """A head; with `body` the whole response, else the head of a stream."""
        head = f"HTTP/1.1 {status} Status\r\ncontent-type: {kind}\r\n{headers}"
        if status in (429, 503):
            head += "retry-after: 7\r\n"
        frame = "transfer-encoding: chunked" if body is None else f"content-length: {len(body)}"
        self.transport.write(f"{head}{frame}\r\n\r\n".encode() + (body or b""))
        self.request.answered.set()

    def chunk(self, data):
        self.transport.write(b"%x\r\n%s\r\n" % (len(data), data))

    async def serve(self, request):
        wire = WIRES[request.upstream]
        try:
            wire.check_headers(request.headers)
            seen = self.read(wire, request)
            request.seen, request.number = seen, seen.number
            request.answer = played = self.answer_of(seen, wire)
        except Refused as refused:
            request.refusal = str(refused)
            request.number = request.number or wire.model_of(request).rsplit("_", 1)[-1]
            self.server.note(request)
            error = json.dumps(wire.error(refused.status, str(refused))).encode()
            return self.send(refused.status, "application/json", error, wire.error_headers(refused.status))
        self.server.note(request)
        if seen.scenario == "silent":
            return await asyncio.get_running_loop().create_future()
        if seen.stream:
            return await self.stream(wire, seen, played)
        if seen.scenario in ("endless", "cut"):
            if seen.scenario == "cut":
                return self.transport.abort()
            request.answered.set()
            return await asyncio.get_running_loop().create_future()
        body = json.dumps(wire.whole(played, seen, self.server), ensure_ascii=False).encode()
        self.send(200, "application/json", body)

    def read(self, wire, request):
        try:
            return wire.read(request, self.server)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused(f"malformed: {error!r}") from error

    def answer_of(self, seen, wire):
        scenario = seen.scenario
        if scenario[0] == "s" and scenario[1:].isdigit():
            raise Refused(f"as the scenario wants it: {scenario}", int(scenario[1:]))
        if scenario.rstrip(string.digits) in PLAIN:
            return Answer(WORDS)
        return answer(seen, self.server, wire.signs)

    async def stream(self, wire, seen, played):
        self.send(200, wire.stream_kind)
        made = list(wire.stream(played, seen, self.server))
        if plan := self.plan(wire, seen, made):
            return await self.play(*plan)
        words = 0
        for piece in made:
            self.chunk(piece)
            # Each piece in a packet of its own.
            await asyncio.sleep(0)
            words += isinstance(piece, Delta)
            if words == 3 and seen.scenario in ("cut", "endless", "fault"):
                break
        if seen.scenario == "cut":
            return self.transport.close()
        if seen.scenario == "fault":
            self.chunk(wire.broken())
        while seen.scenario == "endless":
            self.chunk(piece)
            await asyncio.sleep(0.01)
        self.transport.write(b"0\r\n\r\n")

    def plan(self, wire, seen, made):
        """What is sent of the pieces `made` in the scenarios of broken streams, and how it ends; `None` in any other.

        A piece that is `None` waits until the client has read those before, which must not share a packet with the rest.
        """
        scenario = seen.scenario
        kind = scenario.rstrip(string.digits)
        first = next((index for index, piece in enumerate(made) if isinstance(piece, Delta)), 0)
        if kind == "early":
            return made[:first], "silence"
        if kind == "refused":
            return [*made[:first], None, wire.broken()], "clean"
        if kind == "late":
            return [*made[: first + 3], None, wire.broken()], "clean"
        if kind == "garbled":
            return [*made[: first + 3], None, wire.garbled(), *made[first + 3 :]], "clean"
        if kind == "bytes":
            return [bytes([byte]) for byte in b"".join(made)], "clean"
        if kind in ("gone", "short"):
            *before, _ = made
            body = b"".join(before)
            return [body[: len(body) * int(scenario.removeprefix(kind)) // 100]], "cut" if kind == "gone" else "clean"
        return None

    async def play(self, pieces, end):
        for piece in pieces:
            if piece is None:
                await self.read_by_client()
            elif piece:
                self.chunk(piece)
                await asyncio.sleep(0)
        if end == "silence":
            return await asyncio.get_running_loop().create_future()
        if end == "cut":
            return self.transport.close()
        self.transport.write(b"0\r\n\r\n")

    async def read_by_client(self):
        """Waits until nothing that was written is in a buffer, ours or the kernel's. The kernel has no event for it."""
        ends = [self.transport.get_extra_info(name) for name in ("sockname", "peername")]
        here, there = (f"{socket.inet_aton(host)[::-1].hex().upper()}:{port:04X}" for host, port in ends)
        while self.transport.get_write_buffer_size() or any(queues(here, there)):
            await asyncio.sleep(0.001)


def queues(here, there):
    """Bytes on the way between two IPv4 sockets of this machine: not yet taken by the other end's kernel, nor by itself."""
    waiting = [0, 0]
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            _, local, remote, _, sizes, *_ = line.split()
            sent, received = sizes.split(":") if ":" in sizes else ("0", "0")
            if (local, remote) == (here, there):
                waiting[0] = int(sent, 16)
            elif (local, remote) == (there, here):
                waiting[1] = int(received, 16)
    return waiting
