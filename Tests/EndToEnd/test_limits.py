"""Rate limits: as many as the limit says and no more, whoever hurries, and every client is told in its own words."""

import asyncio
import json
import re
import time

import anthropic
import openai
import pytest
import requests
from harness.wire import exchange, read_body, read_head, request_bytes

PROMPT = [{"role": "user", "content": "Hello"}]


def key(name, **rates):
    return {"name": name, "value": f"gh-key-of-{name}-0123456789", **({"rateLimit": rates} if rates else {})}


KEYS = [
    key("thousand", requests="1/day", burst=1000),
    key("steady", requests="50/s", burst=5),
    key("wide", requests="1/day", burst=3),
    key("few", requests="1/h"),
    key("tokens", tokens="1000/h"),
    key("narrow", concurrency=2),
    key("files", requests="1000/h", uploads="2/h"),
    key("control", requests="2/h"),
    key("free"),
    *(key(f"sdk{index}", requests="1/h") for index in range(4)),
]


def value(name):
    return f"gh-key-of-{name}-0123456789"


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    return module_starter({
        "keys": KEYS,
        "providers": [faultd.provider()],
        "files": {"minFree": 0},
        "limits": [{"model": "gatehouse/rare", "requests": "1/h"}, {"route": "/v1/moderations", "requests": "1/h"}],
    })


def chat(gateway, name, model="gatehouse/echo", path="/v1/chat/completions", **fields):
    body = {"model": model, "messages": PROMPT, "max_tokens": 10, **fields}
    return requests.post(gateway.url + path, json=body, headers={"Authorization": f"Bearer {value(name)}"}, timeout=30)


async def hammer(port, request, connections, total=None, seconds=None):
    """Sends the request over many connections at once, each as fast as it is answered; the statuses."""
    statuses, left = [], [total or 10**9]
    begin = time.monotonic()

    async def one():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while left[0] > 0 and (seconds is None or time.monotonic() - begin < seconds):
            left[0] -= 1
            writer.write(request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            length = int(re.search(rb"content-length: (\d+)", head).group(1))
            await reader.readexactly(length)
            statuses.append(int(head.split()[1]))
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return statuses, time.monotonic() - begin


def request(name):
    body = {"model": "gatehouse/echo", "messages": PROMPT, "max_tokens": 10}
    return request_bytes("/v1/chat/completions", body, key=value(name))


def test_many_connections_get_exactly_what_the_limit_says(gateway):
    statuses, _ = asyncio.run(hammer(gateway.port, request("thousand"), 64, total=2500))
    assert statuses.count(200) == 1000 and statuses.count(429) == 1500


def test_a_rate_holds_under_many_connections(gateway):
    statuses, elapsed = asyncio.run(hammer(gateway.port, request("steady"), 64, seconds=4))
    served, most = statuses.count(200), 5 + 50 * elapsed
    assert set(statuses) == {200, 429} and served <= most + 1
    # They hurry so that none of the rate is lost.
    assert len(statuses) > 2 * served and served >= 0.99 * 50 * 4 - 1, (served, len(statuses), elapsed)


def test_the_headers_count_down_on_answers_and_refusals(gateway):
    for remaining, stream in ((2, False), (1, True), (0, False)):
        answer = chat(gateway, "wide", "fault/words" if stream else "fault/whole", stream=stream)
        assert answer.status_code == 200
        assert answer.headers["x-ratelimit-limit-requests"] == "3"
        assert answer.headers["x-ratelimit-remaining-requests"] == str(remaining)
        assert re.fullmatch(r"\d+h\d+m\d+s", answer.headers["x-ratelimit-reset-requests"])
    refused = chat(gateway, "wide")
    assert refused.status_code == 429 and refused.json()["error"]["code"] == "rate_limited"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert 86_000 < int(refused.headers["retry-after"]) <= 86_400
    assert "1 requests per day of this key" in refused.json()["error"]["message"]


def test_anthropics_callers_are_told_by_its_names(gateway):
    answer = chat(gateway, "few", path="/v1/messages")
    assert answer.status_code == 200, answer.text
    refused = chat(gateway, "few", path="/v1/messages")
    assert refused.status_code == 429 and refused.json()["error"]["type"] == "rate_limit_error"
    for got, left in ((answer, "0"), (refused, "0")):
        assert got.headers["anthropic-ratelimit-requests-limit"] == "1"
        assert got.headers["anthropic-ratelimit-requests-remaining"] == left
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", got.headers["anthropic-ratelimit-requests-reset"])
        assert not any(name.startswith("x-ratelimit") for name in got.headers)


def test_tokens_are_settled_with_what_was_used(gateway):
    first = chat(gateway, "tokens", "fault/whole", max_tokens=900)
    assert first.status_code == 200
    # Nineteen tokens were used, whatever had been estimated.
    second = chat(gateway, "tokens", "fault/whole", max_tokens=900)
    assert second.status_code == 200, second.text
    estimate = 900 + len(json.dumps({"model": "fault/whole", "messages": PROMPT, "max_tokens": 900})) // 4
    assert abs(int(second.headers["x-ratelimit-remaining-tokens"]) - (1000 - 19 - estimate)) <= 3
    third = chat(gateway, "tokens", "fault/whole", max_tokens=990)
    assert third.status_code == 429 and "tokens" in third.json()["error"]["message"]


def test_calls_at_the_same_time_are_limited_and_their_places_come_back(gateway):
    async def begin():
        slow = {"model": "fault/words~split@200~drip@100", "messages": PROMPT, "stream": True}
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(request_bytes("/v1/chat/completions", slow, key=value("narrow")))
        head = await read_head(reader)
        assert head.status == 200
        return reader, writer, head

    async def run():
        calls = [await begin(), await begin()]
        refused = await exchange(gateway.port, request("narrow"), 30)
        assert refused.status == 429 and refused.error["code"] == "rate_limited"
        assert "2 calls at the same time" in refused.error["message"]
        # One ends, the other is left.
        await read_body(calls[0][0], calls[0][2])
        assert (await exchange(gateway.port, request("narrow"), 30)).status == 200
        calls = [calls[1], await begin()]
        for _, writer, _ in calls:
            writer.close()
        while (got := await exchange(gateway.port, request("narrow"), 30)).status != 200:
            await asyncio.sleep(0.01)
        assert got.status == 200

    asyncio.run(run())


def test_control_routes_and_uploads_have_their_limits(gateway):
    def send(method, name, path, **more):
        headers = {"Authorization": f"Bearer {value(name)}"}
        return requests.request(method, gateway.url + path, headers=headers, timeout=30, **more)

    assert [send("GET", "control", "/v1/models").status_code for _ in range(3)] == [200, 200, 429]
    refused = send("GET", "control", "/v1/models")
    assert refused.json()["error"]["code"] == "rate_limited" and int(refused.headers["retry-after"]) > 1000
    uploads = [send("POST", "files", "/api/upload", files={"file": ("a.txt", b"hello")}) for _ in range(3)]
    assert [got.status_code for got in uploads] == [201, 201, 429], [got.text for got in uploads]
    assert send("GET", "files", "/api/files").status_code == 200


def test_models_and_routes_are_limited_for_all_keys_together(gateway):
    assert chat(gateway, "free", path="/v1/moderations", input="x").status_code != 429
    assert chat(gateway, "files", path="/v1/moderations", input="x").status_code == 429
    assert all(chat(gateway, "free").status_code == 200 for _ in range(5))
    assert "x-ratelimit-limit-requests" not in chat(gateway, "free").headers


def test_official_clients_see_their_own_errors(gateway):
    with openai.OpenAI(api_key=value("sdk0"), base_url=f"{gateway.url}/v1", max_retries=0, timeout=20) as client:
        ask = lambda: client.chat.completions.create(model="gatehouse/echo", messages=PROMPT)  # noqa: E731
        ask()
        with pytest.raises(openai.RateLimitError) as caught:
            ask()
        assert caught.value.code == "rate_limited"
    with anthropic.Anthropic(api_key=value("sdk1"), base_url=gateway.url, max_retries=0, timeout=20) as client:
        ask = lambda: client.messages.create(model="gatehouse/echo", messages=PROMPT, max_tokens=9)  # noqa: E731
        ask()
        with pytest.raises(anthropic.RateLimitError):
            ask()


def test_refusals_are_counted(gateway):
    chat(gateway, "sdk2")
    assert chat(gateway, "sdk2").status_code == 429
    metrics = asyncio.run(gateway.call("/metrics")).body.decode()
    assert re.search(r'gatehouse_rate_limited_total\{quantity="requests",subject="key"\} [1-9]'
                     r'|gatehouse_rate_limited_total\{subject="key",quantity="requests"\} [1-9]', metrics), metrics


def test_addresses_are_those_of_the_connection(module_starter):
    """Nobody gets a bucket of his own by saying where he comes from."""
    gateway = module_starter({"keys": KEYS, "limits": [{"address": "*", "requests": "1/day", "burst": 20}]})
    statuses = []
    for index in range(60):
        headers = {"Authorization": f"Bearer {value('free')}", "X-Forwarded-For": f"203.0.113.{index}"}
        body = {"model": "gatehouse/echo", "messages": PROMPT}
        statuses.append(requests.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers).status_code)
    assert statuses == [200] * 20 + [429] * 40


def test_proxies_that_are_trusted_say_whose_call_it_is(start):
    gateway = start({
        "server": {"trustedProxies": ["127.0.0.1"]}, "keys": KEYS,
        "limits": [{"address": "*", "requests": "1/day", "burst": 2}]})

    def ask(path, address):
        headers = {"Authorization": f"Bearer {value('free')}", "X-Forwarded-For": address}
        if path == "/v1/models":
            return requests.get(gateway.url + path, headers=headers, timeout=30).status_code
        body = {"model": "gatehouse/echo", "messages": PROMPT}
        return requests.post(gateway.url + path, json=body, headers=headers, timeout=30).status_code

    for address in ("203.0.113.1", "203.0.113.2"):
        paths = ["/v1/chat/completions", "/v1/models", "/v1/chat/completions", "/v1/models"]
        assert [ask(path, address) for path in paths] == [200, 200, 429, 429]


def test_a_reload_changes_limits_and_keeps_what_was_used(start):
    """Of the old limit nothing is given back by a reload."""
    gateway = start({"keys": [key("k", requests="1/day", burst=3)]})
    assert [chat(gateway, "k").status_code for _ in range(3)] == [200] * 3
    gateway.configure({"keys": [key("k", requests="1/day", burst=5)]})
    gateway.process.send_signal(1)
    deadline, statuses = time.monotonic() + 10, []
    while 200 not in statuses and time.monotonic() < deadline:
        statuses.append(chat(gateway, "k").status_code)
    assert chat(gateway, "k").status_code == 200 and chat(gateway, "k").status_code == 429
