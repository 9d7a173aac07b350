"""Hostile heads, framing and hosts on raw sockets: each has its answer, and the process lives."""
import asyncio
import socket
import threading
import time

import pytest

from harness.wire import exchange, read_body, read_head

CHAT = "/v1/chat/completions"


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


# X1: bombs of headers and request targets


@pytest.mark.parametrize("count", [101, 300, 4096, 65536, 500_000])
def test_too_many_headers(gateway, count):
    before = gateway.resident()
    lines = b"".join(b"x-%d: 1\r\n" % number for number in range(count))
    data = b"GET /v1/models HTTP/1.1\r\nhost: a\r\n" + lines + b"\r\n"
    responses, seconds = raw(gateway, data)
    assert [response.status for response in responses] == [431]
    assert responses[0].error["code"] == "header_too_large"
    assert seconds <= 0.2
    assert gateway.resident() - before < max(4 << 20, 100 * len(data) if len(data) < 1 << 16 else 16 << 20)


def test_a_hundred_headers_are_fine(gateway):
    lines = [f"x-{number}: 1" for number in range(97)]
    responses, _ = raw(gateway, head("GET /health/live HTTP/1.1", "host: a", "connection: close", *lines))
    assert [response.status for response in responses] == [200]


@pytest.mark.parametrize("size", [33_000, 65_536, 1 << 20, 8 << 20])
def test_a_huge_header(gateway, size):
    responses, _ = raw(gateway, head("GET /v1/models HTTP/1.1", "host: a", b"x: " + b"y" * size))
    assert [(response.status, response.error["code"]) for response in responses] == [(431, "header_too_large")]


@pytest.mark.parametrize("size", [8193, 65_536, 1 << 20])
def test_a_huge_target(gateway, size):
    responses, _ = raw(gateway, head(b"GET /" + b"a" * size + b" HTTP/1.1", "host: a"))
    assert [(response.status, response.error["code"]) for response in responses] == [(414, "uri_too_long")]


def test_a_target_that_never_ends(gateway):
    responses, _ = raw(gateway, b"GET /" + b"a" * (1 << 20))
    assert [(response.status, response.error["code"]) for response in responses] == [(414, "uri_too_long")]


@pytest.mark.parametrize("value", ["bytes=5-2", "bytes=-", "bytes=" + ",".join(f"{n}-{n}" for n in range(1000)),
                                   "bytes=0-18446744073709551616", "lines=1"])
def test_odd_ranges(gateway, value):
    responses, _ = raw(gateway, head(
        "GET /v1/models HTTP/1.1", "host: a", f"authorization: Bearer {gateway.key}", f"range: {value}",
        "connection: close"))
    assert [response.status for response in responses] in ([200], [416])


def test_a_websocket_is_not_spoken(gateway):
    responses, _ = raw(gateway, head(
        "GET /v1/models HTTP/1.1", "host: a", f"authorization: Bearer {gateway.key}", "connection: upgrade, close",
        "upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
        body=b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"), half_close=True)
    assert responses and responses[0].status != 101


# X4: framing


PAYLOAD = b'{"model":"fault/whole","user":"%s","messages":[{"role":"user","content":"hi"}]}'
BAD_HEADS = {
    "length and chunks": ["content-length: 5", "transfer-encoding: chunked"],
    "chunks and length": ["transfer-encoding: chunked", "content-length: 5"],
    "two lengths": ["content-length: {n}", "content-length: 1"],
    "two equal lengths": ["content-length: {n}", "content-length: {n}"],
    "a list of lengths": ["content-length: {n}, {n}"],
    "plus sign": ["content-length: +{n}"],
    "minus sign": ["content-length: -{n}"],
    "hexadecimal length": ["content-length: 0x10"],
    "underscore": ["content-length: 1_0"],
    "length of 2^64": ["content-length: 18446744073709551616"],
    "empty length": ["content-length: "],
    "identity": ["transfer-encoding: identity"],
    "chunked, identity": ["transfer-encoding: chunked, identity"],
    "identity, chunked": ["transfer-encoding: identity, chunked"],
    "xchunked": ["transfer-encoding: xchunked"],
    "two encodings": ["transfer-encoding: chunked", "transfer-encoding: chunked"],
    "vertical tab": [b"transfer-encoding: \x0bchunked"],
    "space before colon": ["content-length : {n}"],
    "space before encoding's colon": ["transfer-encoding : chunked"],
    "folded": ["x-a: b", " c: d", "content-length: {n}"],
    "folded encoding": ["transfer-encoding:", " chunked"],
    "line without colon": ["nonsense", "content-length: {n}"],
    "empty name": [": value", "content-length: {n}"],
    "NUL in a value": [b"x-a: b\x00c", "content-length: {n}"],
    "CR in a value": [b"x-a: b\rc", "content-length: {n}"],
    "NUL in a name": [b"x\x00a: b", "content-length: {n}"],
}


def smuggled(gateway, lines, user):
    """A chat with those header lines, and a second whole request right behind it."""
    body = PAYLOAD % user.encode()
    lines = [line if isinstance(line, bytes) else line.replace("{n}", str(len(body))) for line in lines]
    auth = f"authorization: Bearer {gateway.key}"
    second = head(f"POST {CHAT} HTTP/1.1", "host: a", auth, f"content-length: {len(body)}", body=body)
    return head(f"POST {CHAT} HTTP/1.1", "host: a", auth, *lines, body=body + second)


@pytest.mark.parametrize("lines", BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_ambiguous_framing(gateway, faultd, lines):
    user = faultd.user()
    responses, _ = raw(gateway, smuggled(gateway, lines, user))
    assert [(response.status, response.error["code"]) for response in responses] == [(400, "bad_request_framing")]
    assert responses[0].headers.get("connection") == "close"
    assert faultd.entries(user) == [], "nothing of it may run"


BAD_CHUNKS = {
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"1_0\r\nhello\r\n0\r\n\r\n",
    "2^64": b"10000000000000000\r\nhello\r\n0\r\n\r\n",
    "2^63": b"8000000000000000\r\nhello\r\n0\r\n\r\n",
    "empty size": b"\r\nhello\r\n0\r\n\r\n",
    "no line end behind the data": b"5\r\nhelloXX0\r\n\r\n",
    "letters": b"zz\r\nhello\r\n0\r\n\r\n",
    "NUL": b"5\x00\r\nhello\r\n0\r\n\r\n",
    "space before": b" 5\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS.keys())
def test_bad_chunks(gateway, faultd, chunks):
    user = faultd.user()
    data = head(f"POST {CHAT} HTTP/1.1", "host: a", f"authorization: Bearer {gateway.key}",
                "transfer-encoding: chunked", body=chunks)
    responses, _ = raw(gateway, data + smuggled(gateway, ["content-length: {n}"], user), half_close=True)
    assert len(responses) == 1
    assert responses[0].status in (400, 413)
    if responses[0].status == 400:
        assert responses[0].error["code"] == "bad_request_framing"
    assert faultd.entries(user) == []


@pytest.mark.parametrize("trailer", ["transfer-encoding: chunked", "content-length: 5", "authorization: Bearer x",
                                     "host: evil"])
def test_trailers_change_nothing(gateway, faultd, trailer):
    user = faultd.user()
    body = PAYLOAD % user.encode()
    chunked = b"%x;ext=1\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(body), body, trailer.encode())
    data = head(f"POST {CHAT} HTTP/1.1", "host: a", f"authorization: Bearer {gateway.key}", "transfer-encoding: chunked",
                "connection: close", body=chunked)
    responses, _ = raw(gateway, data)
    assert len(responses) == 1 and responses[0].status in (200, 400)
    assert len(faultd.entries(user)) == (1 if responses[0].status == 200 else 0)


def test_bare_line_feeds(gateway, faultd):
    """Refused, or else read as line ends by everybody here: never two views of one request."""
    user = faultd.user()
    body = PAYLOAD % user.encode()
    data = (f"POST {CHAT} HTTP/1.1\nhost: a\nauthorization: Bearer {gateway.key}\nconnection: close\n"
            f"content-length: {len(body)}\n\n").encode() + body
    responses, _ = raw(gateway, data, half_close=True)
    assert [response.status for response in responses] == [400]
    assert faultd.entries(user) == []


@pytest.mark.parametrize("line", [
    "GET /health/live HTTP/1.2", "GET /health/live HTTP/2.0", "GET /health/live HTTP/0.9", "GET /health/live",
    "get /health/live HTTP/1.1", "GET /health/live HTTP/1.1 x", " GET / HTTP/1.1",
    "GET health/live HTTP/1.1", "GET /\x01 HTTP/1.1", "GET /\xff HTTP/1.1", "PRI * HTTP/2.0", "\x16\x03\x01\x02\x00",
    "FOO /health/live HTTP/1.1", "TRACE / HTTP/1.1", "CONNECT example.com:443 HTTP/1.1", "OPTIONS * HTTP/1.1"])
def test_odd_request_lines(gateway, line):
    responses, _ = raw(gateway, head(line.encode("latin-1"), "host: a", "connection: close"), half_close=True)
    assert all(400 <= response.status < 600 for response in responses), "none of these is a request for /health/live"
    assert all(response.status < 500 or response.status in (501, 505) for response in responses)


def test_a_pipeline_keeps_its_order_and_its_keys(gateway):
    """Three requests in one write; the one without a key in the middle gets nothing of the others' rights."""
    auth = f"authorization: Bearer {gateway.key}"
    body = b'{"model":"gatehouse/echo","messages":[{"role":"user","content":"first"}]}'
    data = (head(f"POST {CHAT} HTTP/1.1", "host: a", auth, f"content-length: {len(body)}", body=body)
            + head("GET /v1/models HTTP/1.1", "host: a", auth)
            + head("GET /v1/models HTTP/1.1", "host: a", "connection: close"))
    responses, _ = raw(gateway, data)
    assert [response.status for response in responses] == [200, 200, 401]
    assert responses[0].json()["choices"][0]["message"]["content"] == "first"
    assert responses[1].json()["object"] == "list"


# X6: hosts and paths


HOSTS = ["a/", "a?x", "a#", "a@b", "a:b", "a:0", "a:99999", "a b", "", "a,b", "[::1", "[::1]x", "a\\b", "a%2f", "http://a",
         "a\tb", "ä", "a;b", "a'", "a\"", "<a>", "a" * 300]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/v1/models", "/health/live"])
def test_bad_hosts(gateway, host, path):
    responses, _ = raw(gateway, head(
        f"GET {path} HTTP/1.1", b"host: " + host.encode(), f"authorization: Bearer {gateway.key}"))
    assert [(response.status, response.error["code"]) for response in responses] == [(400, "bad_host")]


@pytest.mark.parametrize("lines", [[], ["host: a", "host: a"], ["host: a", "host: b"]], ids=["none", "twice", "two"])
def test_not_exactly_one_host(gateway, lines):
    responses, _ = raw(gateway, head("GET /v1/models HTTP/1.1", *lines))
    assert [(response.status, response.error["code"]) for response in responses] == [(400, "bad_host")]


def test_an_absolute_target_of_another_host(gateway):
    responses, _ = raw(gateway, head("GET http://evil/health/live HTTP/1.1", "host: a"))
    assert [(response.status, response.error["code"]) for response in responses] == [(400, "bad_host")]
    responses, _ = raw(gateway, head("GET http://a/v1/models HTTP/1.1", "host: a", "connection: close"))
    assert responses[0].status == 401, "authorised by the path that is routed"


PATHS = ["/v1/models", "/v1/chat/completions", "/health", "/metrics"]
VARIANTS = ["{p}", "/{p}", "/.{p}", "/x/..{p}", "{p}/", "{p}//", "{p}?a=/health/live", "{p}#/health/live", "{p};x",
            "{p}/.", "{p}%00", "{p}%2f", "{P}", "{e}", "/health/live/..{p}", "/health/live%2f..{p}", "http://a{p}",
            "{p}.", "{p}%20", "/%2e{p}", "/health/live/../..{p}"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_spelling_of_a_path_is_open(gateway, variant):
    """Without a key no way of writing a protected path may answer anything."""
    for path in PATHS:
        encoded = "".join(f"%{ord(letter):02x}" if letter.isalpha() else letter for letter in path)
        target = variant.replace("{p}", path).replace("{P}", path.upper()).replace("{e}", encoded)
        for method in ("GET", "POST", "HEAD"):
            data = head(f"{method} {target} HTTP/1.1", "host: a", "content-length: 2", "connection: close", body=b"{}")
            response = asyncio.run(exchange_head(gateway, data))
            assert response is None or response.status in (400, 401, 404, 405), (method, target, response.status)


async def exchange_head(gateway, data):
    """Only the head: an answer to HEAD has no body."""
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(data)
        response = await read_head(reader)
        writer.close()
        return response


# X7: keys


BAD_KEYS = ["", " ", "' OR 1=1--", "%", "*", "_", "gh-admin-", "null", "undefined", "１２３", "key\u0000", "Bearer x",
            "a" * 8000, "\udcff\udcfe", "../admin.key", "${jndi:ldap://x}"]


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
    for wrong in [key[:-1], key + "0", key[:20], key[:-1] + ("0" if key[-1] != "0" else "1"), key.upper(), key + " x",
                  key[:32] + "x" * (len(key) - 32)]:
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
    gateway = start({"keys": [{"name": "one", "value": base + "1", "models": ["gatehouse/*"]},
                              {"name": "two", "value": base + "2", "models": ["other/*"]}]})

    async def chat(key):
        return await gateway.call(CHAT, {"model": "gatehouse/echo", "messages": [{"role": "user", "content": "x"}]},
                                  key=key)

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
