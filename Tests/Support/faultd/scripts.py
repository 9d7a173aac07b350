"""The responses, byte for byte."""

import json
import re

SECRET = "sk-upstream-SECRET-canary-0123456789 at /etc/provider/secret.yaml on 10.9.8.7"
WORDS = ["Four", " score", " and", " seven", " years", " ago", " Zürich", " 🌍"]
USAGE = {"prompt_tokens": 11, "completion_tokens": 8, "total_tokens": 19}
SSE = "text/event-stream; charset=utf-8"


class Script:
    """A response: its status, its headers, its body and what comes before."""

    def __init__(self, body, status=200, headers=(), kind="application/json", before=b"", raw=False):
        self.body, self.status, self.kind, self.before = body, status, kind, before
        self.headers = list(headers)
        #: The body is all there is, its head included; the connection stays open behind it.
        self.raw = raw
        #: Sent again and again behind the body; `count` times, or for ever. `tail` follows.
        self.unit, self.count, self.tail = b"", 0, b""

    @property
    def is_stream(self):
        return self.kind.startswith("text/event-stream")

    @property
    def is_endless(self):
        return self.count is None

    @property
    def length(self):
        return len(self.body) + len(self.unit) * (self.count or 0) + len(self.tail)

    def repeating(self, unit, count=None, tail=b""):
        self.unit, self.count, self.tail = unit, count, tail
        return self


def chunk(delta, reason=None, **more):
    body = {
        "id": "chatcmpl-faultd",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "faultd-1",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }
    body.update(more)
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def words_stream():
    parts = [chunk({"role": "assistant", "content": ""})] + [chunk({"content": word}) for word in WORDS]
    return b"".join([*parts, chunk({}, "stop"), chunk({}, choices=[], usage=USAGE), b"data: [DONE]\n\n"])


def whole_answer():
    message = {"role": "assistant", "content": "".join(WORDS)}
    return json.dumps(
        {
            "id": "chatcmpl-faultd",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "faultd-1",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": USAGE,
        }
    ).encode()


def error_body():
    return json.dumps({"error": {"message": SECRET, "type": "server_error", "param": None, "code": SECRET}}).encode()


def large_answer(size):
    """One JSON body of so many bytes of text."""
    script = Script(b'{"choices":[{"index":0,"message":{"role":"assistant","content":"')
    return script.repeating(b"x" * (1 << 16), size >> 16, b'"},"finish_reason":"stop"}]}')


FIRST = chunk({"role": "assistant", "content": ""})
SCRIPTS = {
    "words": Script(words_stream(), kind=SSE),
    "whole": Script(whole_answer()),
    "endless": Script(FIRST, kind=SSE).repeating(chunk({"content": " on"})),
    "torrent": Script(FIRST, kind=SSE).repeating(chunk({"content": "x" * 60_000})),
    "noisy": Script(
        b": warming up\n\n: still\n\n" + words_stream(),
        kind=SSE,
        before=b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n",
    ),
    "huge": large_answer(48 << 20),
    "vast": large_answer(100_000_000),
    "line": Script(FIRST + b'data: {"x":"', kind=SSE).repeating(b"x" * (1 << 16), 1024, b'"}\n\n'),
    "html": Script(b"<html><title>Welcome</title>" + SECRET.encode() + b"</html>", kind="text/html"),
    "empty": Script(b""),
    "error200": Script(error_body()),
    "badtype": Script(whole_answer(), kind="application/octet-stream"),
    "never": None,
}


def failing(status):
    """An error, with the headers that belong to its status."""
    extra = {429: [("retry-after", "7")], 503: [("retry-after", "9")], 302: [("location", "http://127.0.0.1:1/")]}
    return Script(error_body(), status=status, headers=extra.get(status, []))


def find_script(name):
    if name in SCRIPTS:
        return SCRIPTS[name]
    if name == "s204":
        return Script(b"HTTP/1.1 204 No Content\r\n\r\n", raw=True)
    if re.fullmatch(r"s[3-5]\d\d", name):
        return failing(int(name[1:]))
    return Script(b'{"error":{"message":"no such model"}}', status=404)


def awkward_cuts(body):
    """Places inside tokens that a careless reader takes for whole: in UTF-8, line ends, names, escapes."""
    cuts = {1, 2, len(body) - 1, len(body) - 2}
    for match in re.finditer(rb"[\x80-\xff]|\r\n?|\n|\\.|data:|\[DONE\]|\"usage\"", body):
        cuts.update((match.start(), match.start() + 1, match.end()))
    return sorted(cut for cut in cuts if 0 < cut < len(body))
