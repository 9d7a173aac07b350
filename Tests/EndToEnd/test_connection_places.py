"""More connections than there are places: calls are refused, the operator can still look, and nothing piles up."""

import asyncio
import json
import os
import re

import pytest

from harness.crowd import Crowd
from harness.gateway import eventually
from harness.wire import request_bytes

LIVE = request_bytes("/health/live")
PLACES, RESERVE = 20, 64


@pytest.fixture
def gateway(start, faultd):
    return start({"providers": [faultd.provider()], "server": {"limits": {"connections": PLACES}}})


def call(gateway):
    body = {"model": "fault/whole", "messages": [{"role": "user", "content": "Hi"}]}
    return gateway.request("/v1/chat/completions", body)


def refused(text):
    head = text.partition(b"\r\n\r\n")[0].lower()
    return head.startswith(b"http/1.1 503") and b"retry-after: " in head and b"connection: close" in head


def ended(_):
    """Reads until the connection ends."""
    return False


def full(gateway, crowd):
    """Takes all places with connections that are served."""
    first = crowd.join(1)
    eventually(lambda: count(gateway, crowd, first) == 1, what="the end of those that were there before")
    first += crowd.join(PLACES - 1, LIVE)
    assert all(text.startswith(b"HTTP/1.1 200") for text in crowd.read(first[1:], lambda text: b'"live"' in text))
    return first


def count(gateway, crowd, one):
    """The connections that a connection of the crowd hears of: it adds none by asking."""
    one[0].send(gateway.request("/health"))
    text = crowd.read(one, whole)[0]
    return json.loads(text.partition(b"\r\n\r\n")[2])["connections"]


def whole(text):
    head, end, body = text.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return bool(end) and length is not None and len(body) >= int(length[1])


def test_beyond_the_places_there_is_a_reserve_for_the_operator(gateway):
    with Crowd(gateway.port) as crowd:
        full(gateway, crowd)
        looks = [LIVE, gateway.request("/metrics"), gateway.request("/health"), gateway.request("/v1/models")]
        for request in looks:
            text = crowd.read(crowd.join(1, request), lambda text: b"\r\n\r\n" in text)[0]
            assert text.startswith(b"HTTP/1.1 200"), text
        # A call is refused on such a connection, and ends it, whatever it asked before.
        for before in (b"", LIVE):
            text = crowd.read(crowd.join(1, before + call(gateway)), ended)[0]
            assert refused(text[text.index(b"HTTP/1.1 503") :]) and b'"overloaded"' in text


def test_beyond_the_reserve_one_is_told_without_being_asked(gateway):
    with Crowd(gateway.port) as crowd:
        full(gateway, crowd)
        crowd.join(RESERVE)
        silent = crowd.read(crowd.join(5), ended)
        assert all(refused(text) and b'"overloaded"' in text for text in silent)


def test_a_connection_of_the_reserve_gets_a_place_that_is_free(gateway):
    with Crowd(gateway.port) as crowd:
        first = full(gateway, crowd)
        late = crowd.join(1)
        # Whoever comes behind it is in the reserve as well.
        assert crowd.read(crowd.join(1, LIVE), lambda text: b'"live"' in text)[0].startswith(b"HTTP/1.1 200")
        for one in first:
            one.close()
        eventually(lambda: connections(gateway) < PLACES, what="free places")
        late[0].send(call(gateway))
        assert crowd.read(late, lambda text: b"\r\n\r\n" in text)[0].startswith(b"HTTP/1.1 200")
    assert asyncio.run(gateway.chat("fault/whole")).status == 200


def connections(gateway):
    return asyncio.run(gateway.call("/health")).json()["connections"]


def test_the_reserve_is_not_to_be_sat_on(gateway):
    with Crowd(gateway.port) as crowd:
        full(gateway, crowd)
        idlers = crowd.join(RESERVE)
        assert crowd.read(idlers, ended, seconds=15) == [b""] * RESERVE
        assert crowd.read(crowd.join(1, LIVE), lambda text: b'"live"' in text)[0].startswith(b"HTTP/1.1 200")


def test_a_storm_of_connections_piles_up_nothing(gateway):
    """Those who are refused and do not leave are not waited for once there are many of them."""
    files = len(os.listdir(f"/proc/{gateway.process.pid}/fd"))
    with Crowd(gateway.port) as crowd:
        first = full(gateway, crowd)
        crowd.join(RESERVE)
        stubborn = crowd.join(600)
        most = len(os.listdir(f"/proc/{gateway.process.pid}/fd"))
        assert most - files < PLACES + 2 * RESERVE + 80
        for one in first:
            one.send(LIVE)
        assert all(text.startswith(b"HTTP/1.1 200") for text in crowd.read(first, lambda text: b'"live"' in text))
        assert all(text == b"" or refused(text) for text in crowd.read(stubborn, ended))
    eventually(lambda: connections(gateway) <= 2, what="all are gone")
