"""The way to a provider: connections that die while they rest, and TLS that fails before anything is sent."""

import asyncio

import pytest

from harness.certificates import Authority


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

    async def calls():
        for _ in range(10):
            answers = await asyncio.gather(*(gateway.chat(f"{provider['name']}/whole") for _ in range(8)))
            assert [answer.status for answer in answers] == [200] * 8
            faultd.drop()

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
