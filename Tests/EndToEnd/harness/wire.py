"""HTTP/1.1 on raw sockets, which tells whether a response was whole and keeps every byte of it."""
import asyncio
import json
from dataclasses import dataclass, field


@dataclass
class Response:
    status: int = 0
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    #: The body ended as its framing says.
    is_whole: bool = False

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json()["error"]

    @property
    def events(self):
        """The payloads of `data:` events, `[DONE]` included, as text. Lines end as the standard allows."""
        payloads = []
        text = self.body.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
        for block in text.split("\n\n"):
            lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:")]
            if lines:
                payloads.append("\n".join(lines))
        return payloads


def request_bytes(path, body=None, *, method=None, key=None, headers=()):
    """One request. `body` may be bytes, or what becomes JSON."""
    payload = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1", "host: localhost"]
    if key:
        lines.append(f"authorization: Bearer {key}")
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(payload)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + payload


async def read_head(reader):
    """The status and headers of the next final response; `None` when the connection ends before."""
    while True:
        try:
            text = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        lines = text.decode("latin-1").split("\r\n")
        response = Response(status=int(lines[0].split(" ")[1]))
        for line in lines[1:-2]:
            name, value = line.split(":", 1)
            response.headers[name.lower()] = value.strip()
        if response.status >= 200:
            return response


async def read_body(reader, response):
    """The rest of the response; it breaks off without an exception."""
    try:
        if response.headers.get("transfer-encoding") == "chunked":
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                response.body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
            response.is_whole = True
        elif "content-length" in response.headers:
            response.body = await reader.readexactly(int(response.headers["content-length"]))
            response.is_whole = True
        else:
            response.body = await reader.read()
            response.is_whole = True
    except asyncio.IncompleteReadError as error:
        response.body += error.partial
    except ConnectionError:
        pass
    return response


async def exchange(port, data, timeout=30):
    """Sends bytes on a connection of its own and reads one response; `None` when there is none."""
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 26)
        try:
            try:
                writer.write(data)
                await writer.drain()
            except ConnectionError:
                pass
            response = await read_head(reader)
            return await read_body(reader, response) if response else None
        finally:
            writer.close()


class Client:
    """A connection that is used again and again."""

    def __init__(self, port):
        self.port, self.reader, self.writer = port, None, None

    async def call(self, data, timeout=30):
        async with asyncio.timeout(timeout):
            for attempt in range(2):
                if self.writer is None:
                    self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 26)
                try:
                    self.writer.write(data)
                    await self.writer.drain()
                except ConnectionError:
                    pass
                response = await read_head(self.reader)
                if response is None and attempt == 0:
                    self.close()
                    continue
                break
            if response is None:
                return None
            await read_body(self.reader, response)
            if response.headers.get("connection") == "close" or not response.is_whole:
                self.close()
            return response

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None


async def crowd(port, requests, workers=16, timeout=60):
    """Runs `requests`, pairs of a name and bytes, on a few connections; yields nothing twice and keeps the order."""
    results, queue = {}, list(reversed(requests))

    async def work():
        client = Client(port)
        while queue:
            name, data = queue.pop()
            results[name] = await client.call(data, timeout)
        client.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
    return results
