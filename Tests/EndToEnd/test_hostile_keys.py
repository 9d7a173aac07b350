"""Keys that are made to confuse: only the whole right one opens, and all others are refused alike."""

import asyncio
import time

import pytest

from harness.rawsocket import head
from harness.wire import exchange

CHAT = "/v1/chat/completions"

BAD_KEYS = [
    "",
    " ",
    "' OR 1=1--",
    "%",
    "*",
    "_",
    "gh-admin-",
    "null",
    "undefined",
    "１２３",
    "key\u0000",
    "Bearer x",
    "a" * 8000,
    "\udcff\udcfe",
    "../admin.key",
    "${jndi:ldap://x}",
]


def models_with(gateway, key):
    line = b"authorization: Bearer " + key.encode("utf-8", "surrogateescape")
    return asyncio.run(exchange(gateway.port, head("GET /v1/models HTTP/1.1", "host: a", line, "connection: close")))


@pytest.mark.parametrize("key", BAD_KEYS, ids=[repr(key)[:20] for key in BAD_KEYS])
def test_bad_keys(gateway, key):
    response = models_with(gateway, key)
    if "\u0000" in key:
        assert (response.status, response.error["code"]) == (400, "bad_request_framing")
        return
    assert (response.status, response.error["code"]) == (401, "invalid_api_key")
    assert response.body == models_with(gateway, "sk-unknown").body


def test_only_the_whole_key_counts(gateway):
    key = gateway.key
    assert models_with(gateway, key).status == 200
    for wrong in [
        key[:-1],
        key + "0",
        key[:20],
        key[:-1] + ("0" if key[-1] != "0" else "1"),
        key.upper(),
        key + " x",
        key[:32] + "x" * (len(key) - 32),
    ]:
        assert models_with(gateway, wrong).status == 401, wrong


def test_a_megabyte_of_key(gateway):
    response = models_with(gateway, "a" * (1 << 20))
    assert (response.status, response.error["code"]) == (431, "header_too_large")


def test_other_ways_to_show_a_key(gateway):
    def status(*lines, target="/v1/models"):
        data = head(f"GET {target} HTTP/1.1", "host: a", *lines, "connection: close")
        return asyncio.run(exchange(gateway.port, data)).status

    assert status(f"x-api-key: {gateway.key}") == 200
    assert status(f"authorization: bearer {gateway.key}") == 200
    assert status(f"authorization: Basic {gateway.key}") == 401
    assert status(target=f"/v1/models?key={gateway.key}") == 401, "a key in a URL ends up in logs"
    assert status(target=f"/v1/models?token={gateway.key}") == 401


def test_keys_that_begin_alike_differ(start):
    base = "gh-test-" + "a" * 64
    gateway = start(
        {
            "keys": [
                {"name": "one", "value": base + "1", "models": ["gatehouse/*"]},
                {"name": "two", "value": base + "2", "models": ["other/*"]},
            ]
        }
    )

    async def chat(key):
        return await gateway.call(
            CHAT, {"model": "gatehouse/echo", "messages": [{"role": "user", "content": "x"}]}, key=key
        )

    assert asyncio.run(chat(base + "1")).status == 200
    refused = asyncio.run(chat(base + "2"))
    assert (refused.status, refused.error["code"]) in ((403, "model_not_allowed"), (404, "model_not_found"))
    assert asyncio.run(chat(base + "3")).status == 401


def test_wrong_keys_take_equal_time(gateway):
    """Right in all but its last letter, or wrong from the first: the medians differ by less than a millisecond."""
    near, far = gateway.key[:-1] + "~", "~" * len(gateway.key)

    async def measure():
        times = {near: [], far: []}
        for number in range(600):
            key = near if number % 2 else far
            begin = time.perf_counter()
            await gateway.call("/v1/models", key=key)
            times[key].append(time.perf_counter() - begin)
        return [sorted(values)[len(values) // 2] for values in times.values()]

    one, other = asyncio.run(measure())
    assert abs(one - other) < 0.001
