"""Requests that are no requests, sent on plain sockets."""

import asyncio
import socket
import threading
import time

from .wire import read_body, read_head


def raw(gateway, data, half_close=False, timeout=20):
    """Sends bytes and reads all responses that come until the gateway closes: their list, and the seconds until then.

    On a plain socket: what came before a reset must be seen although sending has failed.
    """
    received, answered = bytearray(), 0.0
    with socket.create_connection(("127.0.0.1", gateway.port), timeout) as connection:
        sender = threading.Thread(target=send, args=(connection, data, half_close))
        sender.start()
        try:
            while part := connection.recv(1 << 16):
                received += part
                answered = time.monotonic()
        except ConnectionError:
            pass
        closed = time.monotonic()
        sender.join()
    return asyncio.run(parse(bytes(received))), closed - answered if answered else 0


def send(connection, data, half_close):
    try:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass


async def parse(data):
    reader = asyncio.StreamReader(limit=1 << 24)
    reader.feed_data(data)
    reader.feed_eof()
    responses = []
    while response := await read_head(reader):
        responses.append(await read_body(reader, response))
    return responses


def head(*lines, body=b""):
    return b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\r\n\r\n" + body
