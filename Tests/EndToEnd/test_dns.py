"""Names of providers' hosts: not found, not answered, with many addresses, with addresses that do not answer (F7)."""

import asyncio
import http.server
import json
import os
import threading
import time

import pytest

from harness import nameserver
from harness.gateway import eventually

ANSWER = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()

pytestmark = pytest.mark.skipif(not nameserver.is_possible(), reason="needs root, for a resolv.conf of its own")


class Provider:
    """An HTTP server at an address of loopback; each connection serves one request."""

    def __init__(self, address="127.0.0.1", port=0):
        provider = self
        self.count = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                provider.count += 1
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(ANSWER)))
                self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(ANSWER)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, port), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def names(tmp_path):
    server = nameserver.NameServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def provider():
    provider = Provider()
    yield provider
    provider.stop()


def started(start, names, port, *hosts, **more):
    """A gateway with a provider for each host, under its first label."""
    providers = [
        {
            "name": host.split(".")[0],
            "kind": "openai-compatible",
            "baseURL": f"http://{host}:{port}/v1",
            "allowPlaintext": True,
            **more,
        }
        for host in hosts
    ]
    return start({"providers": providers}, prefix=names.prefix)


def chat(gateway, model):
    begun = time.monotonic()
    response = asyncio.run(gateway.chat(model))
    return response, time.monotonic() - begun


@pytest.mark.parametrize("answer", [nameserver.NAME_ERROR, nameserver.SERVER_FAILURE, None, []])
@pytest.mark.parametrize("connect", ["5s", "1s"])
def test_no_address(start, names, answer, connect):
    """Not found, an error, silence, or a name without addresses: the host cannot be reached, and that within 3 s."""
    names.answers |= {("lost.test", kind): answer for kind in ("A", "AAAA")}
    gateway = started(start, names, 1, "lost.test", timeouts={"connect": connect})
    response, seconds = chat(gateway, "lost/m")
    assert (response.status, response.error["code"]) == (502, "upstream_unreachable")
    assert seconds < 3.5
    assert ("lost.test", "A") in names.questions


def test_the_last_answer_is_good_for_a_while(start, names, provider):
    names.answers |= {("kept.test", "A"): ["127.0.0.1"], ("kept.test", "AAAA"): []}
    gateway = started(start, names, provider.port, "kept.test")
    assert chat(gateway, "kept/m")[0].status == 200
    for answer in (nameserver.SERVER_FAILURE, nameserver.NAME_ERROR, None):
        names.answers |= {("kept.test", kind): answer for kind in ("A", "AAAA")}
        assert chat(gateway, "kept/m")[0].status == 200, answer
    assert provider.count == 4


def test_an_address_that_changes_is_followed(start, names):
    first = Provider("127.0.0.1")
    second = Provider("127.0.0.2", first.port)
    try:
        names.answers |= {("moving.test", "A"): ["127.0.0.1"], ("moving.test", "AAAA"): []}
        gateway = started(start, names, first.port, "moving.test")
        assert chat(gateway, "moving/m")[0].status == 200
        names.answers["moving.test", "A"] = ["127.0.0.2"]
        assert chat(gateway, "moving/m")[0].status == 200
        assert (first.count, second.count) == (1, 1)
    finally:
        first.stop()
        second.stop()


def test_two_hundred_addresses(start, names, provider):
    """Only the last of them answers."""
    addresses = [f"127.0.7.{number}" for number in range(1, 200)] + ["127.0.0.1"]
    names.answers |= {("many.test", "A"): addresses, ("many.test", "AAAA"): []}
    gateway = started(start, names, provider.port, "many.test")
    # The system sorts them as RFC 6724 says: whichever comes first, one is found.
    assert chat(gateway, "many/m")[0].status == 200
    gateway.await_baseline()


def test_silence_for_one_family(start, names, provider):
    names.answers |= {("half.test", "A"): ["127.0.0.1"], ("half.test", "AAAA"): None}
    gateway = started(start, names, provider.port, "half.test")
    response, seconds = chat(gateway, "half/m")
    assert response.status == 200 and seconds < 1


def test_an_address_of_one_family_that_drops_everything(start, names, provider):
    """The documentation prefix leads nowhere, or is refused at once: both are passed over."""
    names.answers |= {("dropped.test", "A"): ["127.0.0.1"], ("dropped.test", "AAAA"): ["100::1", "2001:db8::1"]}
    gateway = started(start, names, provider.port, "dropped.test")
    response, seconds = chat(gateway, "dropped/m")
    assert response.status == 200 and seconds < 2


def test_a_silent_name_server_holds_up_nobody_else(start, names, provider):
    """Many hosts that are not answered for, each asked by several calls: one thread for each question, others go on."""
    hosts = [f"dark{number}.test" for number in range(12)]
    names.answers |= {(host, kind): None for host in hosts for kind in ("A", "AAAA")}
    providers = [
        {
            "name": host.split(".")[0],
            "kind": "openai-compatible",
            "baseURL": f"http://{host}:{provider.port}/v1",
            "allowPlaintext": True,
        }
        for host in ["localhost", *hosts]
    ]
    gateway = start({"providers": providers}, prefix=names.prefix)

    def threads():
        return len(os.listdir(f"/proc/{gateway.process.pid}/task"))

    async def storm():
        dark = [asyncio.create_task(gateway.chat(f"dark{number % 12}/m")) for number in range(48)]
        await asyncio.to_thread(eventually, lambda: ("dark3.test", "A") in names.questions)
        begun = time.monotonic()
        lit = await gateway.chat("localhost/m")
        return lit, time.monotonic() - begun, threads(), await asyncio.gather(*dark)

    before = threads()
    lit, seconds, most, dark = asyncio.run(storm())
    assert lit.status == 200 and seconds < 1
    assert most - before <= 2 * len(hosts)
    assert {(response.status, response.error["code"]) for response in dark} == {(502, "upstream_unreachable")}
