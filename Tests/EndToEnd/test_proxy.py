"""Providers behind the proxy of the host: CONNECT, TLS verified in full behind it, and connections used again."""

import asyncio
import http.server
import json
import socket
import ssl
import subprocess
import threading

import pytest

ANSWER = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "over TLS"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()


def make_certificates(folder):
    """A CA, and two certificates signed by it: for upstream.test and for another name."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-days", "2", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA")
    for name, host in (("good", "upstream.test"), ("other", "other.test")):
        (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{host}\n")
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={host}")
        signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
        openssl("x509", "-req", "-in", f"{name}.csr", *signing, "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        # In the connection's own thread: a handshake that never ends must not hold up the others.
        self.request.settimeout(10)
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append(dict(self.headers))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # A client that refuses our certificate is the point of these tests.


def serve(folder, name):
    server = Server(("127.0.0.1", 0), Provider)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Proxy:
    """An HTTP proxy that knows CONNECT, and sends every host to one port of this machine."""

    def __init__(self, target):
        self.target = target
        self.heads = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        self.heads.append(head.decode())
        upstream = socket.create_connection(("127.0.0.1", self.target))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for source, sink in ((client, upstream), (upstream, client)):
            threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


def chat_twice(start, certificates, name, trust=True):
    server = serve(certificates, name)
    proxy = Proxy(server.server_address[1])
    env = {"HTTPS_PROXY": f"http://user:pass@127.0.0.1:{proxy.port}"}
    if trust:
        env["SSL_CERT_FILE"] = str(certificates / "ca.pem")
    key = {"name": "main", "value": "sk-upstream"}
    provider = {"name": "tls", "kind": "openai", "baseURL": "https://upstream.test:8443", "keys": [key]}
    gateway = start({"providers": [provider]}, env=env)

    async def both():
        return [await gateway.chat("tls/m") for _ in range(2)]

    return asyncio.run(both()), server, proxy


def test_a_verified_provider(start, certificates):
    answers, server, proxy = chat_twice(start, certificates, "good")
    for answer in answers:
        assert answer.status == 200
        assert answer.json()["choices"][0]["message"]["content"] == "over TLS"
    assert len(proxy.heads) == 1, "the second call takes the connection of the first"
    assert proxy.heads[0].startswith("CONNECT upstream.test:8443 HTTP/1.1\r\n")
    assert "proxy-authorization: Basic dXNlcjpwYXNz" in proxy.heads[0]
    assert "sk-upstream" not in proxy.heads[0]
    assert [head["authorization"] for head in server.seen] == ["Bearer sk-upstream"] * 2


@pytest.mark.parametrize(("name", "trust"), [("good", False), ("other", True)], ids=["unknown issuer", "wrong name"])
def test_a_certificate_that_is_not_right(start, certificates, name, trust):
    answers, server, _ = chat_twice(start, certificates, name, trust)
    for answer in answers:
        assert (answer.status, answer.error["code"]) == (502, "upstream_tls")
    assert server.seen == [], "nothing may be sent to a peer that is not who it should be"
