"""Requests to Bedrock carry the signature that Amazon's own library would give them."""

import http.server
import json
import threading

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import httpx
import pytest

ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
}


@pytest.fixture
def bedrock():
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.path, dict(self.headers.items()), body))
            answer = json.dumps(ANSWER).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


def signature_of_botocore(url, path, headers, body, token):
    """What botocore signs for the same request at the same moment."""
    request = botocore.awsrequest.AWSRequest("POST", url + path, data=body)
    request.headers["content-type"] = headers["content-type"]
    request.context["timestamp"] = headers["x-amz-date"]
    credentials = botocore.credentials.Credentials("AKIDEXAMPLE", "secret/+=", token)
    signer = botocore.auth.SigV4Auth(credentials, "bedrock", "eu-west-1")
    for name in headers:
        if name.startswith("x-amz-"):
            request.headers[name] = headers[name]
    canonical = signer.canonical_request(request)
    return signer.signature(signer.string_to_sign(request, canonical), request)


@pytest.mark.parametrize("token", [None, "session/token=="])
@pytest.mark.parametrize("model", ["anthropic.claude-x-v1:0", "arn:aws:bedrock:eu-west-1:1:inference-profile/a.b c"])
def test_signs_as_botocore_does(start, bedrock, model, token):
    url, received = bedrock
    value = "AKIDEXAMPLE:secret/+=" + (f":{token}" if token else "")
    provider = {
        "name": "aws",
        "kind": "bedrock",
        "region": "eu-west-1",
        "baseURL": url,
        "keys": [{"name": "main", "value": value}],
    }
    alias = {"name": "mine", "targets": [{"provider": "aws", "model": model.replace(" ", "")}]}
    gateway = start({"providers": [provider], "models": [alias]})
    answer = httpx.post(
        f"{gateway.url}/v1/chat/completions",
        headers={"authorization": f"Bearer {gateway.key}"},
        json={"model": "mine", "messages": [{"role": "user", "content": "Grüße"}]},
        timeout=10,
    )
    assert answer.status_code == 200 and answer.json()["choices"][0]["message"]["content"] == "Hello"
    path, headers, body = received[0]
    headers = {name.lower(): text for name, text in headers.items()}
    signed = dict(part.strip().split("=", 1) for part in headers["authorization"].split(" ", 1)[1].split(","))
    assert signed["Credential"].startswith("AKIDEXAMPLE/")
    assert signed["Signature"] == signature_of_botocore(url, path, headers, body, token)
    assert "secret/+=" not in gateway.log_file.read_text()


def test_a_provider_without_credentials_says_so(start):
    provider = {"name": "aws", "kind": "bedrock", "region": "eu-west-1", "baseURL": "http://127.0.0.1:9"}
    gateway = start({"providers": [provider]})
    answer = httpx.post(
        f"{gateway.url}/v1/chat/completions",
        headers={"authorization": f"Bearer {gateway.key}"},
        json={"model": "aws/m", "messages": [{"role": "user", "content": "x"}]},
        timeout=10,
    )
    assert answer.status_code == 502 and answer.json()["error"]["code"] == "upstream_auth_failed"
