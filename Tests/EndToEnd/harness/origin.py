"""A small HTTP server that a test scripts: providers' own lists, token endpoints, containers' agents."""

import http.server
import json
import threading
import urllib.parse
from dataclasses import dataclass


@dataclass
class Request:
    """One request as it came. Names of headers are in lower case."""

    method: str
    #: With the query, as it came.
    target: str
    headers: dict
    body: bytes

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return dict(urllib.parse.parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def json(self):
        return json.loads(self.body)


class Origin:
    """Answers each request with what `answer(request)` gives: a status, bytes or what becomes JSON, and
    perhaps a content type other than JSON's."""

    def __init__(self, answer):
        self.answer = answer
        #: All requests, in the order in which they came.
        self.requests = []
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self):
                body = self.rfile.read(int(self.headers["content-length"] or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                origin.requests.append(request)
                status, answer, *kind = origin.answer(request)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", *(kind or ["application/json"]))
                self.send_header("content-length", str(len(data)))
                # Connections that rest would count as open at the end of the test.
                self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = respond

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def paths(self):
        return [request.path for request in self.requests]

    def stop(self):
        """From here on connections are refused."""
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()
