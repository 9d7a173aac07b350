"""Ten thousand callers who leave at random points: the provider's connection is closed at once, and nothing is left."""
import asyncio
import json
import random
import socket
import struct
import time

import pytest

TOTAL = 10_000
#: Few enough that the oracle keeps up: its delays would count as the gateway's.
WORKERS = 24
#: What the issue promises: at p99.9 the upstream connection ends within this time after the caller left.
PROMISE = 0.1


class Leaver:
    """One caller. `left` holds when it closed its connection, by the `user` its request came with."""

    def __init__(self, gateway, rng, left):
        self.gateway, self.rng, self.left = gateway, rng, left

    async def run(self, number):
        kind = self.rng.choice(["head", "body", "whole", "slow", "stream", "stream", "stream", "first"])
        await getattr(self, kind)(f"leaver-{number}")

    async def open(self):
        return await asyncio.open_connection("127.0.0.1", self.gateway.port)

    def request(self, user, model, stream):
        body = {"model": f"fault/{model}", "user": user, "stream": stream,
                "messages": [{"role": "user", "content": "x" * self.rng.choice([10, 5000])}]}
        return self.gateway.request("/v1/chat/completions", json.dumps(body).encode())

    def leave(self, writer, user=None):
        """By FIN, or by RST."""
        if self.rng.random() < 0.5:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        else:
            writer.close()
        if user:
            self.left[user] = time.monotonic()

    async def send_part(self, user, lower, upper):
        request = self.request(user, "endless", True)
        end = request.index(b"\r\n\r\n") + 4
        spans = {"head": (0, end - 1), "body": (end, len(request) - 1)}
        low, high = spans[lower]
        reader, writer = await self.open()
        writer.write(request[:self.rng.randint(low, high)])
        await writer.drain()
        await asyncio.sleep(self.rng.random() * upper)
        self.leave(writer)

    async def head(self, user):
        await self.send_part(user, "head", 0.005)

    async def body(self, user):
        await self.send_part(user, "body", 0.005)

    async def whole(self, user):
        """Leaves while the provider thinks about an answer that is no stream."""
        await self.send_whole(user, "never", False)

    async def slow(self, user):
        """Leaves around the moment when the answer comes."""
        await self.send_whole(user, f"whole~wait@{self.rng.randint(0, 20)}", False)

    async def first(self, user):
        """Leaves before the first byte of a stream."""
        await self.send_whole(user, "never", True)

    async def send_whole(self, user, model, stream):
        reader, writer = await self.open()
        writer.write(self.request(user, model, stream))
        await writer.drain()
        # The random point itself, not a wait for anything.
        await asyncio.sleep(self.rng.random() * 0.03)
        self.leave(writer, user)

    async def stream(self, user):
        """Leaves after some bytes of a stream."""
        reader, writer = await self.open()
        writer.write(self.request(user, "endless", True))
        wanted = self.rng.randint(1, 1200)
        async with asyncio.timeout(20):
            while wanted > 0:
                data = await reader.read(wanted)
                assert data, "a stream ended by itself"
                wanted -= len(data)
        self.leave(writer, user)


async def leave_often(gateway, seed):
    rng, left = random.Random(seed), {}
    numbers = iter(range(TOTAL))
    leaver = Leaver(gateway, rng, left)

    async def work():
        for number in numbers:
            await leaver.run(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(work())
    return left


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    # Nothing but the caller's leaving may end these calls in time.
    long = {"connect": "5s", "firstByte": "10m", "idle": "10m", "total": "20m"}
    return module_starter({"providers": [faultd.provider(timeouts=long)]})


def test_ten_thousand_callers_leave(gateway, faultd):
    from harness.gateway import eventually

    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    for _ in range(20):
        assert asyncio.run(gateway.chat("fault/whole")).status == 200
    faultd.drop()
    faultd.forget()
    before = gateway.resident()
    left = asyncio.run(leave_often(gateway, seed))
    eventually(lambda: faultd.open()["busy"] == 0, 10, "no call left at the provider")
    faultd.drop()
    gateway.await_baseline()
    assert not gateway.children()
    entries = [entry for entry in faultd.ledger() if entry["user"] in left and entry["sent"] is None]
    # Calls that the provider had fully answered may keep their connection for the next one.
    delays = sorted(max(0.0, entry["closed"] - max(left[entry["user"]], entry["received"])) for entry in entries)
    assert len(delays) > TOTAL / 3, "too few calls reached the provider for a verdict"
    late = delays[int(len(delays) * 0.999)]
    print(f"{len(delays)} upstream calls: p50 {delays[len(delays) // 2] * 1000:.2f} ms, p99.9 {late * 1000:.2f} ms, "
          f"max {delays[-1] * 1000:.2f} ms; memory {(gateway.resident() - before) / 1e6:+.1f} MB")
    assert late <= PROMISE, f"p99.9 is {late * 1000:.1f} ms (seed {seed})"
    assert gateway.resident() - before < 64 << 20
    assert asyncio.run(gateway.chat("fault/whole")).status == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_leaves_is_told_in_the_record(gateway, faultd, stream):
    user = faultd.user()

    async def leave():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        model = "fault/endless" if stream else "fault/never"
        body = {"model": model, "user": user, "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
        request_id = f"gone-{user}"
        writer.write(gateway.request("/v1/chat/completions", body, headers=[("x-request-id", request_id)]))
        if stream:
            assert await reader.readexactly(100)
        else:
            await asyncio.to_thread(faultd.wait, user, "received")
        writer.close()
        return request_id

    record = gateway.access(asyncio.run(leave()))
    assert record["outcome"] == "client_gone"
    assert record["stream"] is stream
    assert faultd.wait(user, "closed")


def test_a_half_closed_connection_counts_as_gone(gateway, faultd):
    """A caller who closes its sending side only cannot be told from one who left; the call ends."""
    user = faultd.user()

    async def half_close():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        body = {"model": "fault/endless", "user": user, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        writer.write(gateway.request("/v1/chat/completions", body))
        await reader.readexactly(200)
        writer.write_eof()
        async with asyncio.timeout(10):
            while await reader.read(65536):
                pass
        writer.close()

    asyncio.run(half_close())
    assert faultd.wait(user, "closed")


def test_a_caller_who_does_not_read_stops_the_provider(gateway, faultd):
    """Back-pressure reaches the provider: what is in flight stays bounded."""
    user = faultd.user()
    before = gateway.resident()

    async def stare():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = {"model": "fault/torrent~drip@0", "user": user, "stream": True,
                "messages": [{"role": "user", "content": "Hi"}]}
        writer.write(gateway.request("/v1/chat/completions", body))
        await reader.readexactly(100)
        sent, same = -1, 0
        while same < 10:
            now = (await asyncio.to_thread(faultd.entry, user))["bytes"]
            same = same + 1 if now == sent else 0
            sent = now
            await asyncio.sleep(0.05)
        grown = gateway.resident() - before
        writer.transport.abort()
        return sent, grown

    sent, grown = asyncio.run(stare())
    assert sent < 32 << 20, "the provider could send on although nobody read"
    assert grown < 32 << 20
    assert faultd.wait(user, "closed")
