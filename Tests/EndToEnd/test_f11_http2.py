"""F11: HTTP/2. Upstreams are spoken to in HTTP/1.1 only, so what remains of the fault is an upstream that insists on the
other: an error, and a process that lives."""

import asyncio

import pytest

from harness.certificates import Authority

SETTINGS = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
GOAWAY = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0d"
#: What is answered to a request in HTTP/1.1.
ANSWERS = {
    "settings": SETTINGS,
    "settings, no streams": b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00",
    "goaway": SETTINGS + GOAWAY,
    "reset": SETTINGS + b"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x02",
    "the client's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a status line of it": b"HTTP/2 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n" + SETTINGS,
    "an upgrade that is asked for": b"HTTP/1.1 426 Upgrade Required\r\nupgrade: h2c\r\nconnection: upgrade\r\n"
    b"content-length: 0\r\n\r\n",
}


@pytest.fixture(scope="module")
def gateway(module_starter, faultd, tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    good = dict(zip(("certificate", "key"), authority.certificate("good")))
    for name, answer in ANSWERS.items():
        faultd.teach_bytes(name.replace(" ", "-").replace("'", ""), answer)
    quick = {"connect": "1s", "firstByte": "1s", "idle": "1s"}
    providers = [faultd.provider(timeouts=quick)]
    urls = {
        "greeting": f"http://127.0.0.1:{faultd.listen('h2')}/v1",
        "behind-tls": f"https://localhost:{faultd.listen('tls-h2', **good)}/v1",
        "no-protocol": f"https://localhost:{faultd.listen('no-protocol')}/v1",
    }
    providers += [{**faultd.provider(name, timeouts=quick), "baseURL": url} for name, url in urls.items()]
    return module_starter({"providers": providers}, env={"SSL_CERT_FILE": str(authority.path)})


def is_an_error(response):
    assert response.status in (502, 504), response.body
    assert response.error["code"].startswith("upstream_")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_f11_an_answer_in_http2_is_an_error(gateway, faultd, answer, stream):
    name = answer.replace(" ", "-").replace("'", "")
    user = faultd.user()
    response = asyncio.run(gateway.chat(f"fault/{name}", stream=stream, user=user))
    if answer == "an upgrade that is asked for":
        assert response.status in (400, 502)
    else:
        is_an_error(response)
    assert len(faultd.entries(user, brief=1)) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", ["greeting", "behind-tls", "no-protocol"])
def test_f11_an_upstream_that_begins_with_http2_is_an_error(gateway, provider, stream):
    is_an_error(asyncio.run(gateway.chat(f"{provider}/m", stream=stream)))


def test_f11_many_at_once_do_no_harm(gateway):
    """While others are served."""

    async def all_of_them():
        bad = [gateway.chat(f"{name}/m") for name in ("greeting", "behind-tls", "no-protocol") for _ in range(30)]
        good = [gateway.chat("fault/whole") for _ in range(30)]
        return await asyncio.gather(*bad), await asyncio.gather(*good)

    bad, good = asyncio.run(all_of_them())
    for response in bad:
        is_an_error(response)
    assert all(response.status == 200 for response in good)
