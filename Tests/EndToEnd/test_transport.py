"""The way to a provider: connections that die while they rest, and TLS that fails before anything is sent."""

import asyncio
import pathlib

import pytest

from harness.certificates import Authority
from harness.gateway import eventually


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def secure(faultd, authority, name="tls", **how):
    """A provider with a certificate of its own."""
    files = authority.certificate(name, **how)
    port = faultd.listen("tls", certificate=files[0], key=files[1])
    return {**faultd.provider(name), "baseURL": f"https://localhost:{port}/v1"}


def test_a_failed_handshake_is_not_billed(start, faultd, authority):
    """Nothing was sent: the call goes on to another target without the caller's leave to repeat it."""
    providers = [secure(faultd, authority, "expired", begins=-9, ends=-2), faultd.provider("good")]
    targets = [{"provider": "expired", "model": "whole"}]
    fallbacks = [{"provider": "good", "model": "whole"}]
    gateway = start(
        {"providers": providers, "models": [{"name": "any", "targets": targets, "fallbacks": fallbacks}]},
        env={"SSL_CERT_FILE": str(authority.path)},
    )
    user = faultd.user()
    response = asyncio.run(gateway.chat("any", user=user))
    assert (response.status, response.headers["x-gatehouse-attempts"]) == (200, "2")
    assert faultd.entry(user)["headers"]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_connections_that_ended_at_rest_cost_nothing(start, faultd, authority, tls):
    """The provider ends every connection that rests, again and again; no caller notices."""
    provider = secure(faultd, authority) if tls else faultd.provider()
    gateway = start({"providers": [provider]}, env={"SSL_CERT_FILE": str(authority.path)})

    def all_dropped():
        """One that was still being made when the others ended would else cross with the next request."""
        faultd.drop()
        return faultd.open()["open"] == 0

    async def calls():
        for _ in range(10):
            answers = await asyncio.gather(*(gateway.chat(f"{provider['name']}/whole") for _ in range(8)))
            assert [answer.status for answer in answers] == [200] * 8
            await asyncio.to_thread(eventually, all_dropped)

    asyncio.run(calls())


def test_a_call_with_a_key_survives_a_dying_connection(start, faultd):
    """The second request on the connection is read and never answered; the third connection is a fresh one."""
    gateway = start({"providers": [faultd.provider()]})

    async def ask(model, *headers):
        user = faultd.user()
        response = await gateway.chat(f"fault/{model}", user=user, headers=headers)
        return response, faultd.entries(user)

    async def both():
        assert (await ask("whole"))[0].status == 200
        # It ends each connection before a byte of its head.
        return await ask("whole~head@0", ("idempotency-key", "one"))

    response, entries = asyncio.run(both())
    assert (response.status, response.error["code"]) == (502, "upstream_unreachable")
    # Once on the connection that had served, once more on a fresh one: that one died as well.
    assert len(entries) == 2 and response.headers["x-gatehouse-attempts"] == "1"
    response, entries = asyncio.run(ask("whole~head@0"))
    assert response.status == 502 and len(entries) == 1


def half_open(port):
    """Connections to a port that are being made."""
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split()[2:4] for line in lines]
    return sum(remote.endswith(f":{port:04X}") and state == "02" for remote, state in fields)


def test_a_provider_that_accepts_nothing_takes_few_sockets(start, faultd):
    """Callers come, wait a little and leave, far more of them than sockets may be opened."""
    port = faultd.listen("full")
    provider = {**faultd.provider("full"), "baseURL": f"http://127.0.0.1:{port}/v1"}
    provider["timeouts"] = {"connect": "3s"}
    gateway = start({"server": {"workers": 1}, "providers": [provider]})
    others = half_open(port)

    async def impatient():
        try:
            return await gateway.chat("full/m", timeout=0.5)
        except TimeoutError:
            return None

    async def storm():
        most = 0
        for _ in range(4):
            calls = [asyncio.create_task(impatient()) for _ in range(200)]
            while not all(call.done() for call in calls):
                most = max(most, half_open(port) - others)
                await asyncio.sleep(0.05)
        return most, (await gateway.chat("full/m")).status

    most, status = asyncio.run(storm())
    # Sockets that were begun for those who left are there for the next.
    assert 0 < most <= 220
    assert status in (502, 503, 504)
