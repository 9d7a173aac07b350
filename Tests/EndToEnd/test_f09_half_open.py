"""F9: the upstream vanishes without a word. In a network of the test's own, whose link is cut."""

import asyncio
import json
import re
import subprocess
import time

import pytest

from harness.faults import Faultd
from harness.gateway import Gateway, eventually
from harness.network import FAR, Network
from harness.wire import read_body, read_head


@pytest.fixture
def network():
    network = Network()
    yield network
    network.leave()


@pytest.fixture
def faultd(network):
    server = Faultd(host=FAR, prefix=network.inside)
    yield server
    network.mend()
    server.stop()


@pytest.fixture
def begin(network, faultd, tmp_path):
    gateways = []

    def start(**timeouts):
        provider = faultd.provider(allowPlaintext=True, timeouts={"connect": "1s", "idle": "1s", "firstByte": "1s", **timeouts})
        gateways.append(Gateway(tmp_path / f"gateway{len(gateways)}", {"providers": [provider]}))
        return gateways[-1]

    yield start
    for gateway in gateways:
        # What was cut may still be waited for by the kernel.
        gateway.kill()


def sockets(gateway):
    """The timers that the kernel has on the connections to upstreams."""
    text = subprocess.run(["ss", "-tnoH", "dst", FAR], capture_output=True, text=True, check=True).stdout
    return text.splitlines()


def test_f9_a_stream_whose_upstream_vanishes_is_broken_off(network, begin, faultd):
    gateway, user = begin(), faultd.user()

    async def watch():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        body = {"model": "fault/endless", "user": user, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        writer.write(gateway.request("/v1/chat/completions", body))
        response = await read_head(reader)
        assert response.status == 200
        network.cut()
        began = time.monotonic()
        async with asyncio.timeout(30):
            await read_body(reader, response)
        writer.close()
        return response, time.monotonic() - began

    response, seconds = asyncio.run(watch())
    assert response.is_whole and "[DONE]" not in response.events
    assert json.loads(response.events[-1])["error"]["code"] == "upstream_timeout"
    assert seconds < 10, "its limit of silence is a second"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_f9_an_answer_that_never_comes_is_a_504(network, begin, faultd, stream):
    gateway, user = begin(), faultd.user()

    async def watch():
        task = asyncio.create_task(gateway.chat("fault/never", stream=stream, user=user))
        await asyncio.to_thread(faultd.wait, user, "received")
        network.cut()
        return await task

    response = asyncio.run(watch())
    assert (response.status, response.error["code"]) == (504, "upstream_timeout")


def test_f9_no_connection_can_be_made(network, begin, faultd):
    gateway = begin()
    network.cut()
    began = time.monotonic()
    response = asyncio.run(gateway.chat("fault/whole"))
    assert response.status in (502, 504)
    assert time.monotonic() - began < 10, "its limit is a second"


def test_f9_the_kernel_watches_connections_that_rest(begin, faultd):
    """Keep-alive after 15 s of silence: a peer that has vanished is found out before the next call needs it."""
    gateway = begin()
    assert asyncio.run(gateway.chat("fault/whole")).status == 200
    lines = sockets(gateway)
    assert lines
    for line in lines:
        seconds = re.search(r"timer:\(keepalive,([\d.]+)(sec|ms|min)", line)
        assert seconds and (seconds[2] == "ms" or seconds[2] == "sec" and float(seconds[1]) <= 15), line


@pytest.mark.parametrize("keyed", [False, True], ids=["no key", "a key"])
def test_f9_a_dead_connection_costs_one_silent_try(network, begin, faultd, keyed, tmp_path):
    """The upstream was restarted while the link was down: its connections are dead, and nobody was told.

    The request on such a connection may be sent again unseen when the caller allows it, or when nothing of it can have been
    served; without that it is one 502, and not one for each dead connection.
    """
    gateway = begin()
    assert asyncio.run(gateway.chat("fault/whole")).status == 200
    network.cut()
    faultd.process.kill()
    faultd.process.wait()
    network.mend()
    fresh = Faultd("--port", faultd.port, host=FAR, prefix=network.inside)
    try:
        headers = [("idempotency-key", "once")] if keyed else []
        statuses = [asyncio.run(gateway.chat("fault/whole", headers=headers)).status for _ in range(3)]
        assert statuses[1:] == [200, 200], statuses
        assert statuses[0] in ((200,) if keyed else (200, 502)), statuses
    finally:
        fresh.stop()


def test_f9_a_connection_that_sends_into_nothing_is_given_up(network, begin, faultd):
    """TCP's own limit for what is not acknowledged is half a minute, not a quarter of an hour."""
    gateway, user = begin(firstByte="10m", idle="10m", total="20m"), faultd.user()

    async def watch():
        task = asyncio.create_task(gateway.chat("fault/never", user=user, timeout=90))
        await asyncio.to_thread(faultd.wait, user, "received")
        network.cut()
        began = time.monotonic()
        response = await task
        return response, time.monotonic() - began

    response, seconds = asyncio.run(watch())
    assert (response.status, response.error["code"]) == (502, "upstream_unreachable")
    # Keep-alive: 15 s of silence, then probes for as long as the limit is.
    assert seconds < 60
