"""F14: ten thousand connections that rest and a thousand streams that say nothing, while others want to be served."""

import asyncio
import time

import pytest

from harness.crowd import Crowd, raise_limit
from harness.gateway import eventually
from harness.wire import request_bytes

#: Both ends of a connection, on this machine, are files of two processes.
NEEDED = 10_000 + 1000 + 500
IDLE, STREAMS = 10_000, 1000
LIVE = request_bytes("/health/live")


def stream_request(gateway, model, user="idle"):
    body = {"model": model, "stream": True, "user": user, "messages": [{"role": "user", "content": "Hi"}]}
    return gateway.request("/v1/chat/completions", body)


def timed_calls(gateway, count=50):
    """The seconds that a call on a connection of its own takes, sorted."""

    async def one():
        began = time.monotonic()
        assert (await gateway.chat("fault/whole")).status == 200
        return time.monotonic() - began

    async def all_of_them():
        return sorted([await one() for _ in range(count)])

    return asyncio.run(all_of_them())


@pytest.fixture
def many():
    allowed = raise_limit(2 * NEEDED)
    if allowed < NEEDED:
        pytest.skip(f"needs {NEEDED} open files, and {allowed} are allowed (ulimit -Hn)")


def test_f14_eleven_thousand_at_rest(start, faultd, many):
    """24 KiB each at most; who comes then is served as before; and all of it is given back."""
    gateway = start({"providers": [faultd.provider()], "server": {"limits": {"connections": IDLE + STREAMS + 100}}})
    for _ in range(5):
        timed_calls(gateway)
    before, alone = gateway.resident(), timed_calls(gateway)
    with Crowd(gateway.port) as crowd:
        # Half of them have had an answer and could go on; the others have said nothing yet.
        served = crowd.join(IDLE // 2, LIVE)
        assert all(text.startswith(b"HTTP/1.1 200") for text in crowd.read(served, lambda text: b'"live"' in text))
        crowd.join(IDLE // 2)
        eventually(lambda: connections(gateway) >= IDLE, what="all are connected")
        idle = gateway.resident()
        streams = crowd.join(STREAMS, stream_request(gateway, "fault/words~stall@700"))
        texts = crowd.read(streams, lambda text: b"Four" in text)
        assert all(text.startswith(b"HTTP/1.1 200") for text in texts)
        full = gateway.resident()
        with_all = timed_calls(gateway)
        print(
            f"{(idle - before) / IDLE / 1024:.1f} KiB a resting connection, {(full - idle) / STREAMS / 1024:.1f} KiB a "
            f"resting stream; a call takes {alone[25] * 1000:.1f} ms alone and {with_all[25] * 1000:.1f} ms beside them"
        )
        assert (idle - before) / IDLE <= 24 << 10
        # A stream also has a connection to the upstream.
        assert (full - idle) / STREAMS <= 64 << 10
        # Ten times what is promised for a new connection.
        assert with_all[25] <= 0.5
    eventually(lambda: faultd.open()["busy"] == 0, 20, "the upstream's connections are closed")
    eventually(lambda: connections(gateway) <= 2, what="all are gone")


def connections(gateway):
    return asyncio.run(gateway.call("/health", method="GET")).json()["connections"]


def test_f14_one_too_many_is_told_so(start, faultd):
    """503, and the connection is closed; those that are there are served, and a place that is free again is given."""
    gateway = start({"providers": [faultd.provider()], "server": {"limits": {"connections": 20}}})
    # The connection that asked whether it is alive counts until it has gone.
    eventually(lambda: sum("socket:" in one for one in gateway.descriptors()) <= 2, what="nobody is there")
    gateway.await_alone()
    with Crowd(gateway.port) as crowd:
        first = crowd.join(20, LIVE)
        crowd.read(first, lambda text: b'"live"' in text)
        # The reserve for the operator; test_connection_places has more of it.
        crowd.join(64)
        refused = crowd.read(crowd.join(5, LIVE), lambda text: False)
        for text in refused:
            assert text.startswith(b"HTTP/1.1 503"), text
            assert b'"overloaded"' in text and b"retry-after: " in text.lower() and b"connection: close" in text.lower()
        for one in first:
            one.send(LIVE)
        texts = crowd.read(first, lambda text: b'"live"' in text)
        assert all(text.startswith(b"HTTP/1.1 200") for text in texts), texts
        for one in first[:5]:
            one.close()
        eventually(lambda: asyncio.run(gateway.call("/health/live")).status == 200, what="a free place")
    eventually(lambda: connections(gateway) <= 2, what="all are gone")


@pytest.mark.parametrize("silent", [b"", LIVE], ids=["nothing said", "answered"])
def test_f14_who_rests_too_long_is_closed(start, faultd, silent):
    gateway = start({"providers": [faultd.provider()], "server": {"timeouts": {"idle": "1s", "header": "1s"}}})
    with Crowd(gateway.port) as crowd:
        resting = crowd.join(200, silent)
        texts = crowd.read(resting, lambda text: False, seconds=15)
        assert all(text.startswith(b"HTTP/1.1 200") if silent else text == b"" for text in texts)


def test_f14_a_stream_that_says_nothing_does_not_rest(start, faultd):
    """The limit for resting connections is not one for streams: they have the provider's own."""
    gateway = start({"providers": [faultd.provider()], "server": {"timeouts": {"idle": "1s"}}})
    response = asyncio.run(gateway.chat("fault/words~split@400~drip@600", stream=True))
    assert response.status == 200 and response.events[-1] == "[DONE]"
