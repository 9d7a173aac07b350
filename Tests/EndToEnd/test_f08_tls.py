"""F8: TLS that fails, before a request and in the middle of an answer. Never plain text instead, never unverified."""

import asyncio
import json

import pytest

from harness.certificates import Authority
from harness.gateway import run

#: Certificates that nobody may believe, as arguments of the authority.
WRONG = {
    "expired": {"begins": -9, "ends": -2},
    "not yet valid": {"begins": 2, "ends": 9},
    "another name": {"host": "other.example"},
    "self-signed": {"signed": False},
}
#: Length of what a server sends first: cuts fall into its record, its greeting and its certificate.
CUTS = [0, 1, 4, 6, 40, 200, 600]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def gateway(module_starter, faultd, authority):
    good = dict(zip(("certificate", "key"), authority.certificate("good")))
    ports = {"good": faultd.listen("tls", **good)}
    for name, how in WRONG.items():
        files = authority.certificate(name.replace(" ", "-"), **how)
        ports[name] = faultd.listen("tls", certificate=files[0], key=files[1])
    ports["old"] = faultd.listen("tls", version="1.0", **good)
    ports["alert"] = faultd.listen("alert", **good)
    ports |= {f"cut {at}": faultd.listen("cut", at=at, **good) for at in CUTS}
    ports |= {kind: faultd.listen(kind) for kind in ("silent", "deaf", "no-protocol", "h2")}
    providers = [
        {
            **faultd.provider(name.replace(" ", "-"), timeouts={"connect": "700ms"}),
            "baseURL": f"https://localhost:{port}/v1",
        }
        for name, port in ports.items()
    ]
    gateway = module_starter({"providers": providers}, env={"SSL_CERT_FILE": str(authority.path)})
    gateway.faulty = ports
    return gateway


def ask(gateway, faultd, provider, model="whole", **more):
    user = faultd.user()
    response = asyncio.run(gateway.chat(f"{provider.replace(' ', '-')}/{model}", user=user, **more))
    return response, faultd.entries(user, brief=1)


def test_f8_a_good_certificate_is_believed(gateway, faultd):
    """Otherwise none of the refusals here would say anything."""
    response, entries = ask(gateway, faultd, "good")
    assert response.status == 200 and len(entries) == 1
    response, _ = ask(gateway, faultd, "good", "words", stream=True)
    assert response.events[-1] == "[DONE]"


streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@streamed
@pytest.mark.parametrize("fault", [*WRONG, "old", "no-protocol", "h2"])
def test_f8_what_cannot_be_believed_gets_nothing(gateway, faultd, fault, stream):
    response, entries = ask(gateway, faultd, fault, stream=stream)
    assert (response.status, response.error["code"]) == (502, "upstream_tls")
    assert entries == [], "no request may leave"
    record = gateway.access(response.headers["x-request-id"])
    assert record["error_code"] == "upstream_tls"


@pytest.mark.parametrize("at", CUTS)
def test_f8_a_handshake_that_breaks_off(gateway, faultd, at):
    response, _ = ask(gateway, faultd, f"cut {at}")
    assert response.status == 502
    assert response.error["code"] in ("upstream_tls", "upstream_unreachable")


@pytest.mark.parametrize("fault", ["silent", "deaf"])
def test_f8_a_handshake_that_stalls(gateway, faultd, fault):
    response, _ = ask(gateway, faultd, fault)
    assert response.status == 504 and response.error["code"] == "upstream_timeout"


def test_f8_an_alert_in_the_middle_of_a_stream_breaks_it_off(gateway, faultd):
    response, _ = ask(gateway, faultd, "alert", "words", stream=True)
    assert response.is_whole
    if response.status == 502:
        # The alert came with the first words: nothing had been said to the caller.
        assert response.error["code"] == "upstream_tls"
        return
    assert response.status == 200
    last = json.loads(response.events[-1])
    assert last["error"]["code"] in ("upstream_truncated", "upstream_tls")
    assert "[DONE]" not in response.events and len(response.events) > 1


@pytest.mark.parametrize("fault", ["cut", "rst"])
@pytest.mark.parametrize("at", [0, 300, 900])
def test_f8_a_broken_connection_behind_tls_is_as_broken(gateway, faultd, fault, at):
    """An end of the connection without TLS's own goodbye is never the end of an answer."""
    response, entries = ask(gateway, faultd, "good", f"words~{fault}@{at}~frame@close", stream=True)
    assert len(entries) == 1
    if response.status == 200:
        assert "error" in json.loads(response.events[-1])
    else:
        assert response.error["code"] in ("upstream_truncated", "upstream_unreachable", "upstream_invalid_response")


def test_f8_nothing_turns_verification_off(faultd, tmp_path):
    """There is no setting for it, under any of the names that others have."""
    for name in ("verify", "insecure", "insecureSkipVerify", "tls", "verifyTLS", "rejectUnauthorized"):
        file = tmp_path / "gatehouse.yaml"
        file.write_text(json.dumps({"providers": [{**faultd.provider(), name: False}]}))
        result = run(["check", "--config", file], tmp_path)
        assert result.returncode == 78 and name in result.stderr


def test_f8_the_process_lived_through_all_of_it(gateway, faultd):
    response, _ = ask(gateway, faultd, "good")
    assert response.status == 200
