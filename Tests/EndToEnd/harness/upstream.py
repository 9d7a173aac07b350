"""An upstream that a test scripts itself: a function from the request to its answer, and a list of what came."""

import http.server
import json
import threading
from dataclasses import dataclass, field


@dataclass
class Request:
    """One that came, as its bytes were."""

    method: str
    path: str
    #: Names in lower case.
    headers: dict
    body: bytes
    #: The gateway went away before the answer's end.
    left: threading.Event = field(default_factory=threading.Event)

    def json(self):
        return json.loads(self.body)


@dataclass
class Answer:
    """What goes back. `body` may be bytes, what becomes JSON, or an iterator of bytes, each a chunk of its own; `None`
    among them breaks off.
    """

    body: object
    status: int = 200
    kind: str = "application/json"
    headers: dict = field(default_factory=dict)


class Upstream:
    """A server on loopback. Each connection serves one request, so that none rests when a test looks for leaks."""

    def __init__(self, answer):
        self.answer, self.requests = answer, []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def one(self):
        """The only request since the list was emptied."""
        assert len(self.requests) == 1, f"{len(self.requests)} requests upstream instead of one"
        return self.requests[0]

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def _handler(upstream):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request("POST", self.path, headers, body)
            upstream.requests.append(request)
            answer = upstream.answer(request)
            try:
                self.give(answer)
            except ConnectionError:
                request.left.set()

        def give(self, answer):
            body = answer.body
            if isinstance(body, (dict, list)):
                body = json.dumps(body, ensure_ascii=False).encode()
            self.send_response(answer.status)
            self.send_header("content-type", answer.kind)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("connection", "close")
            if isinstance(body, bytes):
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for piece in body:
                if piece is None:
                    return
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_):
            pass

    return Handler
