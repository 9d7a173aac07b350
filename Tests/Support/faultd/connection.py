"""Connections of clients: requests are parsed by hand and scripts are played on the raw socket."""

import asyncio
import json
import re
import socket
import struct
import time
import urllib.parse

from play import Play
from scripts import find_script


class Connection(asyncio.Protocol):
    """One connection of a client, plain or behind TLS."""

    def __init__(self, server):
        self.server, self.buffer, self.entry, self.player = server, b"", None, None
        self.drain, self.lost = asyncio.Event(), asyncio.Event()
        self.drain.set()
        self.is_control = self.is_retired = False

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = self.server.opened(self)

    def pause_writing(self):
        self.drain.clear()

    def resume_writing(self):
        self.drain.set()

    def eof_received(self):
        self.gone("fin")
        return False

    def connection_lost(self, error):
        self.gone("rst" if isinstance(error, ConnectionError) else "fin")

    def gone(self, how):
        """The peer has left, or we have."""
        if self.lost.is_set():
            return
        self.lost.set()
        self.drain.set()
        self.server.closed(self, how)
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
        if not self.transport.is_reading():
            self.transport.abort()
        elif self.player is None or self.player.done():
            self.transport.close()

    @property
    def is_ending(self):
        """It is being closed, or will be at once: what it had to send is out."""
        return self.transport.is_closing() or (self.is_retired and self.entry and self.entry["sent"] is not None)

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
        # Gemini has the model in the path.
        named = re.search(r"/models/([^:/]+):", urllib.parse.unquote(url.path))
        asked = str(fields.get("model", named[1] if named else "whole")) if isinstance(fields, dict) else "whole"
        model = self.server.stands_for(asked)
        self.entry = self.server.record(self, target, headers, body, fields, asked)
        try:
            name, *operations = model.split("~")
            plan = dict(operation.split("@", 1) for operation in operations)
            await Play(self, find_script(name), plan, self.server.upstream(model, plan)).run()
        finally:
            self.server.over(self.entry)

    async def write(self, data):
        # A transport that has failed takes what it is given in silence, and its loss is told later.
        if self.lost.is_set() or self.transport.is_closing():
            raise asyncio.CancelledError
        self.transport.write(data)
        self.entry["bytes"] += len(data)
        await self.drain.wait()

    def sent(self):
        """The whole answer, or all that there will be of it, is out."""
        self.entry["sent"] = time.monotonic()
        self.server.note()

    def reset(self):
        """Ends the connection with RST."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
