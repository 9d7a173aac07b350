"""F13: callers who leave. Ten thousand at random points, and how soon the upstream's connection ends, are in
test_disconnect.py; every pair of dialects in test_peer_failures.py. Here: leaving around the last byte, and the records."""

import asyncio
import random
import re
import socket
import struct

import pytest

from harness.certificates import Authority
from harness.gateway import eventually
from harness.wire import read_body, read_head


@pytest.fixture(scope="module")
def gateway(module_starter, faultd, tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    port = faultd.listen("tls", **dict(zip(("certificate", "key"), authority.certificate("good"))))
    secure = {**faultd.provider("secure"), "baseURL": f"https://localhost:{port}/v1"}
    return module_starter({"providers": [faultd.provider(), secure]}, env={"SSL_CERT_FILE": str(authority.path)})


def reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def body(model, stream, user):
    return {"model": model, "stream": stream, "user": user, "messages": [{"role": "user", "content": "Hi"}]}


async def call(gateway, model, stream, user, headers=()):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(gateway.request("/v1/chat/completions", body(model, stream, user), headers=headers))
    return reader, writer


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_f13_who_leaves_behind_the_last_byte_was_served(gateway, faultd, stream, how):
    """The record says so, with all tokens: nothing is free because the connection was closed at once."""

    async def one(number):
        user = faultd.user()
        reader, writer = await call(
            gateway, "fault/words" if stream else "fault/whole", stream, user, [("x-request-id", f"last-{user}")]
        )
        response = await read_body(reader, await read_head(reader))
        assert response.is_whole
        reset(writer) if how == "reset" else writer.close()
        return f"last-{user}"

    async def all_of_them():
        return [await one(number) for number in range(40)]

    for request_id in asyncio.run(all_of_them()):
        record = gateway.access(request_id)
        assert (record["outcome"], record["status"], record["output_tokens"]) == ("completed", 200, 8)


def test_f13_every_call_has_one_record_whenever_its_caller_leaves(gateway, faultd):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)

    async def one(number):
        stream = rng.random() < 0.5
        script = rng.choice(["words~split@100~drip@2", "words", "endless"] if stream else ["whole", "whole~wait@10", "never"])
        request_id = f"some-{seed}-{number}"
        reader, writer = await call(gateway, f"fault/{script}", stream, faultd.user(), [("x-request-id", request_id)])
        await writer.drain()
        # The random point itself, not a wait for anything.
        await asyncio.sleep(rng.random() * 0.04)
        reset(writer) if rng.random() < 0.5 else writer.close()
        return request_id

    async def all_of_them():
        ids = []
        for batch in range(10):
            ids += await asyncio.gather(*(one(batch * 20 + number) for number in range(20)))
        return ids

    ids = asyncio.run(all_of_them())
    eventually(lambda: faultd.open()["busy"] == 0, what="no call left at the upstream")
    for request_id in ids:
        record = gateway.access(request_id)
        assert record["outcome"] in ("client_gone", "completed")
        assert (record["outcome"] == "completed") == (record["status"] == 200 and record.get("output_tokens") == 8)
    text = gateway.log_file.read_text()
    assert all(text.count(f'"{request_id}"') == 1 for request_id in ids)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_f13_behind_tls_the_upstream_hears_of_it_too(gateway, faultd, stream):
    """At once, not when it next tries to write: the oracle gets the end of the connection."""

    async def leave():
        user = faultd.user()
        reader, writer = await call(gateway, "secure/endless" if stream else "secure/never", stream, user)
        if stream:
            await reader.readuntil(b"on")
        else:
            await asyncio.to_thread(faultd.wait, user, "received")
        writer.close()
        return user

    for _ in range(5):
        assert faultd.wait(asyncio.run(leave()), "closed", timeout=2)


def test_f13_leavers_are_counted(gateway, faultd):
    """The metrics know them apart from failures."""

    def count():
        text = asyncio.run(gateway.call("/metrics", method="GET")).body.decode()
        found = re.findall(r'gatehouse_upstream_attempts_total\{[^}]*outcome="client_gone"[^}]*\} (\d+)', text)
        return sum(map(int, found))

    before = count()

    async def leave():
        user = faultd.user()
        _, writer = await call(gateway, "fault/never", False, user)
        await asyncio.to_thread(faultd.wait, user, "received")
        writer.close()

    asyncio.run(leave())
    eventually(lambda: count() == before + 1, what="a count of those who left")


# Reading on for the bill


@pytest.fixture(scope="module")
def drained(module_starter, faultd):
    return module_starter({"providers": [faultd.provider(onDisconnect="drain")]})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_f13_a_drained_answer_is_read_to_its_end(drained, faultd, stream):
    """The upstream may finish, and the record has the tokens that it will charge for."""
    user = faultd.user()

    async def leave():
        model = "fault/words~split@200~drip@100" if stream else "fault/whole~wait@700"
        reader, writer = await call(drained, model, stream, user, [("x-request-id", f"drained-{user}")])
        await asyncio.to_thread(faultd.wait, user, "received")
        if stream:
            await reader.readuntil(b"Four")
        writer.close()

    asyncio.run(leave())
    record = drained.access(f"drained-{user}")
    assert record["outcome"] == "client_gone" and (record["input_tokens"], record["output_tokens"]) == (11, 8)
    assert faultd.wait(user, "sent")
    entry = faultd.entry(user)
    assert entry["closed"] is None or entry["closed"] >= entry["sent"], "it was not cut short"


def test_f13_no_more_than_64_are_read_on(drained, faultd):
    """Those who leave beyond that take their upstream with them."""

    async def leave_all():
        users = [faultd.user() for _ in range(100)]
        connections = [await call(drained, "fault/endless", True, user) for user in users]
        for reader, _ in connections:
            await reader.readuntil(b"on")
        for _, writer in connections:
            writer.close()

    asyncio.run(leave_all())
    eventually(lambda: faultd.open()["busy"] == 64, what="64 that are read on")
    text = asyncio.run(drained.call("/metrics", method="GET")).body.decode()
    assert "gatehouse_drains 64" in text
    # They would go on for ten minutes: the upstream ends them.
    faultd.cut()
    eventually(lambda: faultd.open()["busy"] == 0, what="the end of them")
