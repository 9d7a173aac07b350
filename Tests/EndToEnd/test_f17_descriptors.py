"""F17: no more files may be opened. Those who are served stay served, the process lives and does not spin, and it is as before
when there is room again."""

import asyncio
import os
import pathlib
import resource
import socket
import time

import pytest

from harness.crowd import Crowd
from harness.gateway import eventually
from harness.wire import request_bytes

LIVE = request_bytes("/health/live")


def leave_room(gateway, count):
    """Lets the gateway open so many files more than it has open now: the limit is one of numbers, and low ones may be free."""
    used = {int(name) for name in os.listdir(f"/proc/{gateway.process.pid}/fd")}
    number = [one for one in range(len(used) + count + 1) if one not in used][count]
    resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (number, 20_000))


def processor_seconds(gateway):
    fields = pathlib.Path(f"/proc/{gateway.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def call_bytes(gateway, model="fault/whole"):
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    return gateway.request("/v1/chat/completions", body)


def ask(connection, data):
    connection.sendall(data)
    text = b""
    while b"\r\n\r\n" not in text:
        piece = connection.recv(1 << 16)
        if not piece:
            break
        text += piece
    return int(text[9:12]) if text else None


def test_f17_no_room_for_connections(start, faultd):
    gateway = start({"providers": [faultd.provider()]})
    gateway.await_host()
    # One upstream connection is there, and serves those who are there.
    assert asyncio.run(gateway.chat("fault/whole")).status == 200
    with Crowd(gateway.port) as crowd:
        first = crowd.join(10, LIVE)
        crowd.read(first, lambda text: b'"live"' in text)
        leave_room(gateway, 8)
        waiting = crowd.join(60, LIVE)
        for one in first:
            one.settimeout(20)
        assert [ask(one, LIVE) for one in first] == [200] * 10, "who is connected stays served"
        assert ask(first[0], call_bytes(gateway)) in (200, 502, 503)
        began, used, size = time.monotonic(), processor_seconds(gateway), gateway.log_file.stat().st_size
        # A stretch of time is what is measured here: a loop that spins would use all of it.
        time.sleep(2)
        assert processor_seconds(gateway) - used < 0.7 * (time.monotonic() - began), "it spins"
        assert gateway.log_file.stat().st_size - size < 20_000, "it floods its log"
        assert gateway.process.poll() is None
        resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (4096, 20_000))
        for one in first:
            one.close()
        # Those who waited are served, or were told.
        texts = crowd.read(waiting, lambda text: b"\r\n\r\n" in text)
        assert all(text[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 503", b"") for text in texts)
    eventually(lambda: asyncio.run(gateway.call("/health/live")).status == 200, what="served again")
    assert asyncio.run(gateway.chat("fault/whole")).status == 200


def test_f17_no_room_for_upstreams(start, faultd):
    """A call that cannot reach its upstream fails with an error of its own, and the next does not."""
    gateway = start({"providers": [faultd.provider()]})
    gateway.await_host()
    faultd.drop()
    eventually(lambda: sum("socket:" in one for one in gateway.descriptors()) <= 2, what="nobody is there")
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as one:
        assert ask(one, LIVE) == 200
        failures = 0
        for _ in range(20):
            # What was open at the start may be closed meanwhile: there is no room again each time.
            leave_room(gateway, 0)
            status = ask(one, call_bytes(gateway))
            if status is None:
                pytest.fail("the connection was closed instead of an answer")
            assert status in (200, 502, 503)
            failures += status != 200
            drain(one)
            faultd.drop()
            eventually(lambda: faultd.open()["open"] == 0, what="no connection to the provider")
        assert failures >= 10
        resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (4096, 20_000))
        assert ask(one, call_bytes(gateway)) == 200


def drain(connection):
    """What of the body came behind the head."""
    connection.setblocking(False)
    try:
        while connection.recv(1 << 16):
            pass
    except BlockingIOError:
        pass
    connection.settimeout(20)


def test_f17_no_room_for_agents(start, faultd):
    """Pipes that cannot be made are an error, not a trap."""
    gateway = start({"providers": [faultd.provider()], "agents": [{"name": "fake", "kind": "custom", "command": "/bin/cat"}]})
    gateway.await_host()
    assert asyncio.run(gateway.chat("fake")).status == 200
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as one:
        assert ask(one, LIVE) == 200
        for room in range(0, 12):
            leave_room(gateway, room)
            status = ask(one, call_bytes(gateway, "fake"))
            assert status in (200, 502, 503, 504), f"with room for {room}"
            drain(one)
            resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (4096, 20_000))
        assert ask(one, call_bytes(gateway, "fake")) == 200
