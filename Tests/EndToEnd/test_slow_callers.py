"""Callers that take their time: heads and bodies that come byte by byte, and answers that nobody reads (X16)."""

import asyncio
import json
import socket
import subprocess
import time

import pytest

from harness import gateway as harness
from harness.certificates import Authority
from harness.gateway import eventually
from harness.rawsocket import parse


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    timeouts = {"header": "1s", "body": "2s", "idle": "60s", "stall": "1s"}
    return module_starter({"providers": [faultd.provider()], "server": {"timeouts": timeouts}})


def request(gateway, model, **more):
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **more}
    return gateway.request("/v1/chat/completions", body)


def drip(gateway, data, at_once):
    """Sends some of a request at once and the rest byte by byte, and gives what came back until the end."""
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as connection:
        connection.sendall(data[:at_once])
        connection.settimeout(0.1)
        received, rest = b"", data[at_once:]
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                piece = connection.recv(1 << 16)
            except TimeoutError:
                piece = None
            except ConnectionError:
                break
            if piece == b"":
                break
            received += piece or b""
            try:
                connection.send(rest[:1])
            except ConnectionError:
                continue
            rest = rest[1:]
        return asyncio.run(parse(received))


@pytest.mark.parametrize("at_once", [0, 1, 20], ids=["from the first byte", "one byte", "in the head"])
def test_a_head_that_drips_is_refused(gateway, at_once):
    responses = drip(gateway, request(gateway, "fault/whole", user="x" * 400), at_once)
    assert [(response.status, response.error["code"]) for response in responses] == [(408, "request_timeout")]


@pytest.mark.parametrize("path", ["plain", "through the parser"])
def test_a_body_that_drips_is_refused(gateway, faultd, path):
    user = faultd.user()
    data = request(gateway, "fault/whole", user=user, metadata={"note": "x" * 400})
    if path == "through the parser":
        data = data.replace(b"\r\n\r\n", b"\r\nx-folded-by: nobody\r\naccept: */*\r\n\r\n", 1)
    responses = drip(gateway, data, data.index(b"\r\n\r\n") + 10)
    assert [(response.status, response.error["code"]) for response in responses] == [(408, "request_timeout")]
    assert faultd.entries(user) == []


@pytest.mark.parametrize("model", ["torrent~drip@0", "words~split@1"])
def test_an_answer_that_nobody_reads(gateway, faultd, model):
    """The connection is closed and the upstream with it, when there is more than the buffers hold."""
    user = faultd.user()
    connection = socket.socket()
    # Little room on the way: what nobody reads must come back to the gateway.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", gateway.port))
    with connection:
        connection.sendall(request(gateway, f"fault/{model}", user=user, stream=True))
        if model.startswith("words"):
            # It fits the buffers: whoever reads it late has it whole.
            faultd.wait(user, "sent")
            time.sleep(2.5)
            connection.settimeout(10)
            text = b""
            while b"[DONE]" not in text and (piece := connection.recv(1 << 16)):
                text += piece
            assert b"[DONE]" in text
        else:
            entry = faultd.wait(user, "closed", timeout=15)
            assert entry["bytes"] < 64 << 20
    record = eventually(
        lambda: [line for line in gateway.log_lines() if line.get("model") == f"fault/{model}"], what="a record"
    )[-1]
    assert record["outcome"] == ("completed" if model.startswith("words") else "client_gone"), json.dumps(record)


def test_the_gateway_is_as_before(gateway):
    assert asyncio.run(gateway.chat("fault/whole")).status == 200
    gateway.await_baseline()


def test_a_handshake_that_never_comes(tmp_path):
    """Who connects over TLS and says nothing has no connection that could rest."""
    certificate, key = Authority(tmp_path).certificate("good")
    config = tmp_path / "gatehouse.yaml"
    server = {
        "port": 0,
        "tls": {"certificate": str(certificate), "key": str(key)},
        "timeouts": {"header": "1s", "idle": "60s"},
    }
    config.write_text(json.dumps({"server": server}))
    process = subprocess.Popen(
        [harness.BINARY, "serve", "--config", config, "--data-dir", tmp_path / "data"],
        env=harness.environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        port = int(process.stdout.readline().strip().rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), 15) as silent:
            assert silent.recv(1) == b""
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
