"""Further ports, whose connections fail before a request can: `POST /__listen` with a JSON object.

    {"kind": "plain"}       as the first port                        {"kind": "deaf"}      accepts, and reads nothing
    {"kind": "h2"}          greets with HTTP/2's settings            {"kind": "full"}      its queue is full: no connection is made
    {"kind": "tls"}         as the first port, behind TLS            {"kind": "silent"}    takes the TLS greeting, answers nothing
    {"kind": "cut", "at": N}    FIN after N bytes of its part of the handshake
    {"kind": "alert"}       a fatal alert in the middle of a stream  {"kind": "tls-h2"}    HTTP/2 behind TLS, whatever was agreed
    {"kind": "no-protocol"} refuses the handshake: no common application protocol

Those with TLS take "certificate" and "key", paths of PEM files; `tls` also "version": "1.0".
"""

import asyncio
import socket
import ssl

from connection import Connection
from scripts import words_stream

#: SETTINGS, as a server of HTTP/2 begins.
SETTINGS = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
NO_APPLICATION_PROTOCOL = b"\x15\x03\x03\x00\x02\x02\x78"
#: A record that no key made.
GARBAGE = b"\x17\x03\x03\x00\x40" + bytes(64)


async def begin(server, wanted):
    """Listens; gives what must be kept, and the port."""
    kind = wanted["kind"]
    if kind == "full":
        return full()
    context = security(wanted) if "certificate" in wanted else None
    makers = {
        "plain": lambda: Connection(server),
        "tls": lambda: Connection(server),
        "deaf": Deaf,
        "silent": Silent,
        "h2": lambda: Greeting(SETTINGS),
        "no-protocol": lambda: Answering(NO_APPLICATION_PROTOCOL),
        "cut": lambda: ByHand(context, cut=wanted["at"]),
        "alert": lambda: ByHand(context, alert=True),
        "tls-h2": lambda: ByHand(context, greeting=SETTINGS),
    }
    options = {"ssl": context} if kind == "tls" else {}
    listener = await server.loop.create_server(makers[kind], "127.0.0.1", 0, backlog=1024, **options)
    return listener, listener.sockets[0].getsockname()[1]


def full():
    """A port with as many connections in its queue as it takes, so that no further one is ever made."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(listener.getsockname())
        waiting.append(one)
    return (listener, waiting), listener.getsockname()[1]


def security(wanted):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(wanted["certificate"], wanted["key"])
    if wanted.get("version") == "1.0":
        # OpenSSL speaks it only below its own level of security.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    return context


class Deaf(asyncio.Protocol):
    """Reads nothing, and does not notice when the peer has gone."""

    def connection_made(self, transport):
        transport.pause_reading()
        self.transport = transport


class Silent(asyncio.Protocol):
    """Reads, and has nothing to say."""


class Greeting(asyncio.Protocol):
    """Says something before it was asked."""

    def __init__(self, greeting):
        self.greeting = greeting

    def connection_made(self, transport):
        transport.write(self.greeting)


class Answering(asyncio.Protocol):
    """Has one answer to everything, and closes."""

    def __init__(self, answer):
        self.answer = answer

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(self.answer)
        self.transport.close()


class ByHand(asyncio.Protocol):
    """TLS whose records pass through our hands."""

    def __init__(self, context, cut=None, alert=False, greeting=b""):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.cut, self.alert, self.greeting = cut, alert, greeting
        self.is_open, self.request = False, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.incoming.write(data)
        try:
            if not self.is_open:
                self.tls.do_handshake()
                self.is_open = True
                self.tls.write(self.greeting)
            self.request += self.tls.read(1 << 16)
            if self.alert and b"\r\n\r\n" in self.request:
                return self.break_off()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.flush()
            return self.transport.close()
        self.flush()

    def flush(self):
        data = self.outgoing.read()
        if self.cut is not None:
            self.transport.write(data[: self.cut])
            return self.transport.close()
        self.transport.write(data)

    def break_off(self):
        """The first half of a stream, then what a peer says to a record that it cannot read."""
        body = words_stream()[:700]
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self.tls.write(head + b"%x\r\n%s\r\n" % (len(body), body))
        self.flush()
        self.incoming.write(GARBAGE)
        try:
            self.tls.read(1)
        except ssl.SSLError:
            pass
        self.flush()
        self.transport.close()
