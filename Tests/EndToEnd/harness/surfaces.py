"""What the tests of passed-through surfaces share: a vendor with one answer, forms, and how errors are told."""

import json
import random

import httpx

from .upstream import Upstream

SECRET = "sk-upstream-SECRET-canary at /etc/provider/secret.yaml on 10.9.8.7"
#: Sound as a form's worst enemy: every byte, line ends, and what looks like boundaries.
SOUND = b"ID3\x04" + bytes(range(256)) + b"\r\n--\r\n--boundary\r\n\r\n--boundary--\r\n"
SOUND += random.Random(7).randbytes(5000)
TRANSCRIPT = {
    "text": "Grüezi mitenand",
    "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59},
}
BOUNDARY = "boundary-of.this_form"


def providers(server):
    """One of each kind that such surfaces differ for."""
    kinds = {"vendor": "openai", "local": "openai-compatible", "cohere": "cohere", "messages": "anthropic"}
    return [
        {"name": name, "kind": kind, "baseURL": f"{server.url}/{name}", "keys": [{"value": f"sk-{name}"}]}
        for name, kind in kinds.items()
    ]


class Scripted(Upstream):
    """One answer for whatever comes."""

    def __init__(self):
        self.next = None
        super().__init__(lambda request: self.next)


def post(gateway, path, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    headers = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json", **headers}
    return httpx.post(f"{gateway.url}{path}", headers=headers, content=content, timeout=30)


def part(name, value, *, file=None, kind=None):
    """One part of a form, without its boundary."""
    named = f'; filename="{file}"' if file else ""
    typed = f"Content-Type: {kind}\r\n" if kind else ""
    head = f'Content-Disposition: form-data; name="{name}"{named}\r\n{typed}\r\n'
    return head.encode() + (value if isinstance(value, bytes) else value.encode())


def form(*parts, boundary=BOUNDARY):
    mark = f"--{boundary}".encode()
    return b"".join(mark + b"\r\n" + one + b"\r\n" for one in parts) + mark + b"--\r\n"


FILE = part("file", SOUND, file="a b ü.mp3", kind="audio/mpeg")
MODEL = part("model", "vendor/whisper-1")
LANGUAGE = part("language", "de")


def send(gateway, body, *, kind=f"multipart/form-data; boundary={BOUNDARY}"):
    """Asks for a transcription."""
    return post(gateway, "/v1/audio/transcriptions", body, **{"content-type": kind})


class Told:
    """An error in the shape of its route: OpenAI's, but Cohere's for rankings, where only the message names the field."""

    def __init__(self, answer, path="/v1/audio/transcriptions"):
        body, self.is_cohere = answer.json(), path == "/v1/rerank"
        error = body if self.is_cohere else body["error"]
        assert set(error) == ({"id", "message", "code"} if self.is_cohere else {"message", "type", "param", "code"})
        assert error.get("id", answer.headers["x-request-id"]) == answer.headers["x-request-id"]
        self.status, self.code = answer.status_code, error["code"]
        self.message, self.param = error["message"], error.get("param")

    def check(self, status, code, param):
        assert (self.status, self.code) == (status, code), self.message
        assert param in self.message if self.is_cohere else self.param == param


def tokens(record):
    return record.get("input_tokens"), record.get("output_tokens")


def events(*payloads):
    return [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in payloads]
