#!/usr/bin/env python3
"""An OpenAI-shaped upstream that fails on purpose, and the oracle of what it was sent. Standard library only.

    faultd.py [--port N]        prints `faultd PORT` when it listens on loopback

What happens to `POST /v1/chat/completions` (or any other POST below `/v1/`) is said by the request's `model`:

    SCRIPT[~OPERATION@N]...     for example `words`, `words~cut@117~frame@close`, `story~rst@0`

A script is a whole response. These are built in; a test adds its own with `POST /__script`:

    words       a stream of eight words with usage and [DONE]       whole      the same as one JSON body
    endless     a stream that never ends, an event every 20 ms      never      takes the request and never answers
    torrent     the same with events of 60 kB; with drip@0 as fast as they are taken
    noisy       comments and an interim 103 response before words   huge       a JSON body that is 48 MiB long
    s<NNN>      an error with this status, whose body looks like it held secrets
    html, empty, error200, badtype                                  answers with status 200 that are none

Operations on the body, in bytes:

    cut@N       FIN after N bytes, framing broken        rst@N       RST after N bytes
    clean@N     a well-framed end after N bytes          stall@N     silence after N bytes, connection open
    garble@N    byte N is replaced by 0xFF               split@N     pieces of N bytes, each sent on its own
    drip@MS     MS milliseconds after each piece         awkward@1   pieces that end in the worst places
    wait@MS     MS milliseconds before the head          head@N      FIN after N bytes of the head
    frame@HOW   chunked (streams), length (others), close; with `close` a cut is a clean end
    after@MS    the connection is closed MS milliseconds after the whole response

The oracle: `GET /__ledger[?user=U][&brief=1]`, `GET /__open`, `GET /__wait?user=U&event=received|sent|closed&timeout=S`
(answers when it has happened), `POST /__drop` (closes connections as soon as they rest), `DELETE /__ledger`. A request
is known by its `user` field. Times are those of CLOCK_MONOTONIC, which all processes of a host share.
"""

import argparse
import asyncio
import base64
import gc
import json
import re
import socket
import struct
import time
import urllib.parse

SECRET = "sk-upstream-SECRET-canary-0123456789 at /etc/provider/secret.yaml on 10.9.8.7"
WORDS = ["Four", " score", " and", " seven", " years", " ago", " Zürich", " 🌍"]


def chunk(delta, reason=None, **more):
    body = {
        "id": "chatcmpl-faultd",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "faultd-1",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }
    body.update(more)
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


USAGE = {"prompt_tokens": 11, "completion_tokens": 8, "total_tokens": 19}


def words_stream():
    parts = [chunk({"role": "assistant", "content": ""})] + [chunk({"content": word}) for word in WORDS]
    return b"".join([*parts, chunk({}, "stop"), chunk({}, choices=[], usage=USAGE), b"data: [DONE]\n\n"])


def whole_answer():
    return json.dumps(
        {
            "id": "chatcmpl-faultd",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "faultd-1",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "".join(WORDS)}, "finish_reason": "stop"}
            ],
            "usage": USAGE,
        }
    ).encode()


def error_body():
    return json.dumps({"error": {"message": SECRET, "type": "server_error", "param": None, "code": SECRET}}).encode()


class Script:
    """A response: its status, its headers, its body and what comes before."""

    def __init__(self, body, status=200, headers=(), kind="application/json", before=b"", endless=None):
        self.body, self.status, self.kind, self.before, self.endless = body, status, kind, before, endless
        self.headers = list(headers)

    @property
    def is_stream(self):
        return self.kind.startswith("text/event-stream")


SSE = "text/event-stream; charset=utf-8"
SCRIPTS = {
    "words": Script(words_stream(), kind=SSE),
    "whole": Script(whole_answer()),
    "endless": Script(chunk({"role": "assistant", "content": ""}), kind=SSE, endless=chunk({"content": " on"})),
    "torrent": Script(chunk({"role": "assistant", "content": ""}), kind=SSE, endless=chunk({"content": "x" * 60_000})),
    "noisy": Script(
        b": warming up\n\n: still\n\n" + words_stream(),
        kind=SSE,
        before=b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n",
    ),
    "huge": Script(b'{"choices":[{"index":0,"message":{"content":"' + b"x" * (48 << 20) + b'"}}]}'),
    "html": Script(b"<html><title>Welcome</title>" + SECRET.encode() + b"</html>", kind="text/html"),
    "empty": Script(b""),
    "error200": Script(error_body()),
    "badtype": Script(whole_answer(), kind="application/octet-stream"),
    "never": None,
}


def find_script(name):
    if re.fullmatch(r"s[3-5]\d\d", name):
        status = int(name[1:])
        extra = {429: [("retry-after", "7")], 503: [("retry-after", "9")], 302: [("location", "http://127.0.0.1:1/")]}
        return Script(error_body(), status=status, headers=extra.get(status, []))
    return SCRIPTS[name] if name in SCRIPTS else Script(b'{"error":{"message":"no such model"}}', status=404)


def awkward_cuts(body):
    """Places inside tokens that a careless reader takes for whole: in UTF-8, line ends, names, escapes."""
    cuts = {1, 2, len(body) - 1, len(body) - 2}
    for match in re.finditer(rb"[\x80-\xff]|\r\n?|\n|\\.|data:|\[DONE\]|\"usage\"", body):
        cuts.update((match.start(), match.start() + 1, match.end()))
    return sorted(cut for cut in cuts if 0 < cut < len(body))


class Connection(asyncio.Protocol):
    """One connection of a client: parses requests by hand and plays scripts on the raw socket."""

    def __init__(self, server):
        self.server, self.buffer, self.entry, self.player = server, b"", None, None
        self.drain, self.lost = asyncio.Event(), asyncio.Event()
        self.drain.set()
        self.is_control = self.is_retired = False

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.open.add(self)

    def pause_writing(self):
        self.drain.clear()

    def resume_writing(self):
        self.drain.set()

    def eof_received(self):
        self.gone()
        return False

    def connection_lost(self, error):
        self.gone()

    def gone(self):
        """The peer has left, or we have."""
        self.server.open.discard(self)
        self.lost.set()
        self.drain.set()
        if self.entry and self.entry["closed"] is None:
            self.entry["closed"] = time.monotonic()
            self.server.note()
        if self.player:
            self.player.cancel()

    def data_received(self, data):
        self.buffer += data
        while self.player is None or self.player.done():
            request = self.next_request()
            if request is None:
                return
            self.player = self.server.loop.create_task(self.serve(*request))
            self.player.add_done_callback(self.finished)

    def finished(self, task):
        if not task.cancelled() and task.exception():
            self.transport.abort()
            raise task.exception()
        if self.is_retired:
            self.transport.close()
        elif self.buffer and not self.lost.is_set():
            self.data_received(b"")

    def retire(self):
        """Closes the connection, or lets it end with the response that is being sent."""
        self.is_retired = True
        if self.player is None or self.player.done():
            self.transport.close()

    def next_request(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        if len(self.buffer) < end + 4 + length:
            return None
        body = self.buffer[end + 4 : end + 4 + length]
        self.buffer = self.buffer[end + 4 + length :]
        method, target = lines[0].split(" ")[:2]
        return method, target, headers, body

    async def serve(self, method, target, headers, body):
        url = urllib.parse.urlsplit(target)
        if url.path.startswith("/__"):
            self.is_control = True
            answer = await self.server.control(method, url.path, dict(urllib.parse.parse_qsl(url.query)), body)
            payload = json.dumps(answer).encode()
            self.transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                % (len(payload), payload)
            )
            return
        try:
            fields = json.loads(body)
        except ValueError:
            fields = {}
        self.entry = self.server.record(target, headers, body, fields)
        # Gemini has the model in the path.
        named = re.search(r"/models/([^:/]+):", urllib.parse.unquote(url.path))
        name, *operations = str(fields.get("model", named[1] if named else "whole")).split("~")
        plan = dict(operation.split("@", 1) for operation in operations)
        await Play(self, find_script(name), plan).run()

    async def write(self, data):
        if self.lost.is_set():
            raise asyncio.CancelledError
        self.transport.write(data)
        self.entry["bytes"] += len(data)
        await self.drain.wait()

    def reset(self):
        """Ends the connection with RST."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Play:
    """One script with its operations, played on one connection."""

    def __init__(self, connection, script, plan):
        self.connection, self.script, self.plan = connection, script, plan

    def number(self, name):
        return int(self.plan[name]) if name in self.plan else None

    async def run(self):
        connection, script = self.connection, self.script
        if (wait := self.number("wait")) is not None:
            await asyncio.sleep(wait / 1000)
        if script is None:
            return await connection.lost.wait()
        body = bytearray(script.body)
        if (at := self.number("garble")) is not None:
            body[at] = 0xFF
        frame = self.plan.get("frame", "chunked" if script.is_stream else "length")
        head = self.head(frame, len(body))
        if (at := self.number("head")) is not None:
            await connection.write(head[:at])
            return connection.transport.close()
        stop = next(((name, self.number(name)) for name in ("cut", "rst", "clean", "stall") if name in self.plan), None)
        # The head leaves together with the first bytes, as a real server's does.
        await self.send(head, bytes(body[: stop[1]] if stop else body), frame)
        await self.end(stop, frame)

    def head(self, frame, length):
        script = self.script
        lines = [f"HTTP/1.1 {script.status} Status"]
        lines += [f"{name}: {value}" for name, value in script.headers]
        if script.kind:
            lines.append(f"content-type: {script.kind}")
        lines.append(
            {
                "chunked": "transfer-encoding: chunked",
                "length": f"content-length: {length}",
                "close": "connection: close",
            }[frame]
        )
        return script.before + ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def send(self, head, body, frame):
        drip, pieces = self.number("drip"), self.pieces(body)
        if not pieces:
            await self.connection.write(head)
        for piece in pieces:
            framed = b"%x\r\n%s\r\n" % (len(piece), piece) if frame == "chunked" else piece
            await self.connection.write(head + framed)
            head = b""
            if drip:
                await asyncio.sleep(drip / 1000)
            elif len(pieces) > 1:
                await asyncio.sleep(0)
        while self.script.endless and "clean" not in self.plan:
            piece = self.script.endless
            await self.connection.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await asyncio.sleep((20 if drip is None else drip) / 1000)

    def pieces(self, body):
        if (size := self.number("split")) is not None:
            cuts = list(range(size, len(body), size))
        elif "awkward" in self.plan:
            cuts = awkward_cuts(body)
        else:
            cuts = []
        edges = [0, *cuts, len(body)]
        return [body[start:end] for start, end in zip(edges, edges[1:]) if end > start]

    async def end(self, stop, frame):
        connection = self.connection
        kind = stop[0] if stop else "clean"
        connection.entry["sent"] = time.monotonic()
        connection.server.note()
        if kind == "stall":
            return await connection.lost.wait()
        if kind == "rst":
            # What was written must have left before the reset throws it away.
            await asyncio.sleep(0.005)
            return connection.reset()
        if kind == "clean" and frame == "chunked":
            await connection.write(b"0\r\n\r\n")
        if kind == "cut" or frame == "close":
            return connection.transport.close()
        if (after := self.number("after")) is not None:
            await asyncio.sleep(after / 1000)
            connection.transport.close()


class Faultd:
    """All connections, the scripts and the ledger."""

    def __init__(self, loop):
        self.loop, self.open, self.ledger, self.changed = loop, set(), [], asyncio.Event()

    def note(self):
        self.changed.set()
        self.changed = asyncio.Event()

    def record(self, target, headers, body, fields):
        user = fields.get("user") if isinstance(fields, dict) else None
        entry = {
            "user": user,
            "target": target,
            "headers": headers,
            "body": body.decode("utf-8", "replace"),
            "model": fields.get("model") if isinstance(fields, dict) else None,
            "received": time.monotonic(),
            "sent": None,
            "closed": None,
            "bytes": 0,
        }
        self.ledger.append(entry)
        self.note()
        return entry

    def entries(self, query):
        wanted = query.get("user")
        found = [entry for entry in self.ledger if wanted is None or entry["user"] == wanted]
        if "brief" in query:
            found = [{key: entry[key] for key in ("user", "model", "received", "sent", "closed")} for entry in found]
        return found

    async def control(self, method, path, query, body):
        if path == "/__ledger" and method == "DELETE":
            self.ledger.clear()
            return {}
        if path == "/__ledger":
            return self.entries(query)
        if path == "/__open":
            data = [connection for connection in self.open if not connection.is_control]
            return {"open": len(data), "busy": sum(1 for one in data if one.player and not one.player.done())}
        if path == "/__drop":
            for connection in list(self.open):
                if not connection.is_control:
                    connection.retire()
            return {}
        if path == "/__script":
            self.learn(json.loads(body))
            return {}
        if path == "/__wait":
            return await self.wait(query)
        return {"error": "unknown"}

    def learn(self, scripts):
        for name, script in scripts.items():
            SCRIPTS[name] = Script(
                base64.b64decode(script["body"]), script.get("status", 200), script.get("headers", ()), script["kind"]
            )

    async def wait(self, query):
        deadline = time.monotonic() + float(query.get("timeout", 10))
        while True:
            found = [entry for entry in self.entries({"user": query["user"]}) if entry[query["event"]] is not None]
            left = deadline - time.monotonic()
            if found or left <= 0:
                return {"entry": found[-1] if found else None}
            changed = self.changed
            try:
                await asyncio.wait_for(changed.wait(), left)
            except asyncio.TimeoutError:
                pass


async def main():
    # A pause of ours would be taken for one of the gateway's.
    gc.disable()
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    loop = asyncio.get_running_loop()
    faultd = Faultd(loop)
    server = await loop.create_server(lambda: Connection(faultd), "127.0.0.1", parser.parse_args().port, backlog=4096)
    print("faultd", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
