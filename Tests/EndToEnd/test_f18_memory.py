"""F18: memory runs out. Near the limit calls are refused before their bodies are taken, the routes of the operator go on
answering, and nobody is killed."""

import asyncio
import json
import os
import pathlib
import socket
import time

import pytest

from harness.gateway import Gateway, eventually

MEBIBYTE = 1 << 20
LIMIT = 192 * MEBIBYTE
BODY = 8 * MEBIBYTE


class Senders:
    """Connections on which a large body came but for its last bytes."""

    def __init__(self, gateway):
        self.gateway, self.sockets = gateway, []
        body = {"model": "fault/whole", "messages": [{"role": "user", "content": "x" * BODY}]}
        self.request = gateway.request("/v1/chat/completions", body)

    def send(self):
        """One more; whether all but the end of it was taken."""
        one = socket.create_connection(("127.0.0.1", self.gateway.port), 20)
        one.settimeout(20)
        self.sockets.append(one)
        try:
            one.sendall(self.request[:-100])
        except OSError:
            return False
        one.setblocking(False)
        try:
            return not one.recv(1)
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self):
        for one in self.sockets:
            one.close()


def call(gateway):
    return asyncio.run(gateway.chat("fault/whole"))


def press(gateway):
    """Sends bodies until one is refused; more than the memory allows are never taken."""
    senders = Senders(gateway)
    for number in range(2 * LIMIT // BODY):
        if not senders.send() or call(gateway).status != 200:
            return senders
        # What is in use is looked at some times a second.
        time.sleep(0.1)
    pytest.fail("more was taken than there is memory for")


def check(gateway):
    senders = press(gateway)
    try:
        response = eventually(lambda: (now := call(gateway)).status == 503 and now, what="a refusal")
        assert response.error["code"] == "overloaded" and response.headers["retry-after"] == "1"
        for path in ("/health/live", "/health", "/metrics", "/v1/models"):
            assert asyncio.run(gateway.call(path)).status == 200, f"{path} is answered as ever"
        assert gateway.process.poll() is None
    finally:
        senders.close()
    eventually(lambda: call(gateway).status == 200, 20, "served again when there is memory again")


def test_f18_near_the_limit_calls_are_refused(start, faultd):
    gateway = start({"providers": [faultd.provider()], "server": {"limits": {"memory": "192MiB"}}})
    assert call(gateway).status == 200
    check(gateway)
    assert gateway.resident() < LIMIT


@pytest.fixture
def group():
    """A control group with little memory."""
    base = pathlib.Path("/sys/fs/cgroup/memory")
    if not (base / "memory.limit_in_bytes").exists():
        base = pathlib.Path("/sys/fs/cgroup")
    place = base / f"gatehouse-test-{os.getpid()}"
    try:
        place.mkdir()
        name = "memory.limit_in_bytes" if (place / "memory.limit_in_bytes").exists() else "memory.max"
        (place / name).write_text(str(LIMIT))
    except OSError as error:
        if place.exists():
            place.rmdir()
        pytest.skip(f"no control group with a limit of memory can be made here: {error}")
    yield place
    eventually(lambda: not (place / "cgroup.procs").read_text(), what="an empty group")
    place.rmdir()


def test_f18_nobody_is_killed_in_a_small_group(group, faultd, tmp_path):
    """Without a setting the limit of the control group counts, as in a container."""
    prefix = ["sh", "-c", f"echo $$ >{group}/cgroup.procs && exec \"$0\" \"$@\""]
    gateway = Gateway(tmp_path / "gateway", {"providers": [faultd.provider()]}, prefix=prefix)
    try:
        assert call(gateway).status == 200
        check(gateway)
        faultd.drop()
        gateway.stop()
    finally:
        gateway.kill()
