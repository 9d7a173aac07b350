"""TLS on both sides: providers are verified fully, and callers can be served with a certificate."""

import asyncio
import ssl
import subprocess

import pytest

from harness import gateway as harness


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost that nobody trusts."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-out",
            files[0],
            "-keyout",
            files[1],
        ],
        check=True,
        capture_output=True,
    )
    files[1].chmod(0o600)
    return files


async def with_server(certificate, handle, act):
    """Runs `act(port)` while a TLS server runs; gives its result and how many requests were read."""
    seen = []

    async def serve(reader, writer):
        seen.append(await reader.read(65536))
        await handle(writer)
        writer.close()

    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        return await act(server.sockets[0].getsockname()[1]), [data for data in seen if data]
    finally:
        server.close()


async def nothing(_):
    pass


def chat_with(start, certificate, handle, host):
    async def act(port):
        def begin():
            return start(
                {
                    "providers": [
                        {
                            "name": "tls",
                            "kind": "openai-compatible",
                            "baseURL": f"https://{host}:{port}/v1",
                            "keys": [{"name": "main", "value": "sk-must-not-leave"}],
                        }
                    ]
                }
            )

        gateway = await asyncio.to_thread(begin)
        return await gateway.chat("tls/model")

    return asyncio.run(with_server(certificate, handle, act))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_an_untrusted_provider_gets_nothing(start, certificate, host):
    response, seen = chat_with(start, certificate, nothing, host)
    assert (response.status, response.error["code"]) == (502, "upstream_tls")
    assert seen == [], "neither request nor key may leave before the certificate is checked"


def test_a_provider_that_speaks_no_tls(start):
    async def greet(writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    response, seen = chat_with(start, None, greet, "127.0.0.1")
    assert (response.status, response.error["code"]) == (502, "upstream_tls")
    assert b"sk-must-not-leave" not in b"".join(seen)


def test_callers_are_served_over_tls(certificate, tmp_path):
    data = tmp_path / "data"
    config = tmp_path / "gatehouse.yaml"
    config.write_text(
        f"server: {{ host: 0.0.0.0, port: 0, tls: {{ certificate: {certificate[0]}, key: {certificate[1]} }} }}\n"
    )
    process = subprocess.Popen(
        [harness.BINARY, "serve", "--config", config, "--data-dir", data],
        env=harness.environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert "listens on https://" in line
        port = int(line.strip().rsplit(":", 1)[1])
        key = (data / "admin.key").read_text().strip()
        answer = subprocess.run(
            [
                "curl",
                "-sS",
                "--cacert",
                certificate[0],
                f"https://localhost:{port}/v1/chat/completions",
                "-H",
                f"Authorization: Bearer {key}",
                "-d",
                '{"model":"gatehouse/echo","messages":[{"role":"user","content":"hi"}]}',
                "-H",
                "Content-Type: application/json",
            ],
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert '"content":"hi"' in answer.stdout, answer.stderr
        plain = subprocess.run(["curl", "-s", f"http://localhost:{port}/health/live"], capture_output=True, timeout=20)
        assert b"live" not in plain.stdout
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
