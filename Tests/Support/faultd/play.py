"""One script with its operations, played on one connection."""

import asyncio

from scripts import Script, awkward_cuts, failing

FULL = Script(b'{"error":{"message":"no room","type":"overloaded"}}', status=503, headers=[("retry-after", "1")])


class Play:
    """A play ends when its response is out, or its connection is lost."""

    def __init__(self, connection, script, plan, upstream):
        self.connection, self.script, self.plan, self.upstream = connection, script, plan, upstream

    def number(self, name):
        return int(self.plan[name]) if name in self.plan else None

    async def run(self):
        upstream = self.upstream
        if self.plan.get("refuse", "\0") in self.connection.entry["key"]:
            self.script, self.plan = failing(int(self.plan.get("down", 429))), {}
            return await self.serve()
        if upstream.is_plain:
            return await self.serve()
        if upstream.fails():
            if upstream.down == 0:
                return self.connection.reset()
            self.script = failing(upstream.down)
        elif upstream.is_full:
            self.script, self.plan = FULL, {}
            return await self.serve()
        await upstream.enter()
        try:
            await self.serve()
        finally:
            upstream.leave()

    async def serve(self):
        connection, script = self.connection, self.script
        if (wait := self.number("wait")) is not None:
            await asyncio.sleep(wait / 1000)
        if script is None:
            return await connection.lost.wait()
        body = script.body
        if (at := self.number("garble")) is not None:
            body = body[:at] + b"\xff" + body[at + 1 :]
        frame = "raw" if script.raw else self.plan.get("frame", "chunked" if script.is_stream else "length")
        head = b"" if script.raw else self.head(frame)
        if (at := self.number("head")) is not None:
            await connection.write(head[:at])
            return connection.transport.close()
        ends = ("cut", "rst", "clean", "stall", "deaf")
        stop = next(((name, self.number(name)) for name in ends if name in self.plan), None)
        # The head leaves together with the first bytes, as a real server's does.
        await self.send(head, body[: stop[1]] if stop else body, frame)
        if not stop or (stop[0] != "clean" and script.is_endless):
            await self.repeat(frame)
        await self.end(stop, frame)

    def head(self, frame):
        script = self.script
        lines = [f"HTTP/1.1 {script.status} Status"]
        lines += [f"{name}: {value}" for name, value in script.headers]
        if script.kind:
            lines.append(f"content-type: {script.kind}")
        lines.append(
            {
                "chunked": "transfer-encoding: chunked",
                "length": f"content-length: {script.length}",
                "close": "connection: close",
            }[frame]
        )
        return script.before + ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def send(self, head, body, frame):
        drip, pieces = self.number("drip"), self.pieces(body)
        if not pieces:
            await self.connection.write(head)
        self.connection.entry["begun"] = bool(pieces) and self.script.is_stream and self.script.status == 200
        for piece in pieces:
            await self.connection.write(head + framed(piece, frame))
            head = b""
            if drip:
                await asyncio.sleep(drip / 1000)
            elif len(pieces) > 1:
                await asyncio.sleep(0)

    async def repeat(self, frame):
        script, drip, left = self.script, self.number("drip"), self.script.count
        while left is None or left > 0:
            await self.connection.write(framed(script.unit, frame))
            if left is None:
                await asyncio.sleep((20 if drip is None else drip) / 1000)
            else:
                left -= 1
        if script.tail:
            await self.connection.write(framed(script.tail, frame))

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
        connection.sent()
        if kind == "deaf":
            # Nobody is at the other end any more, who could close or hear.
            connection.transport.pause_reading()
        if kind in ("stall", "deaf"):
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


def framed(piece, frame):
    return b"%x\r\n%s\r\n" % (len(piece), piece) if frame == "chunked" else piece
