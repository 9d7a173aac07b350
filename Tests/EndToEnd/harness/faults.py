"""The client side of Tests/Support/faultd."""

import base64
import http.client
import json
import pathlib
import subprocess
import sys
import urllib.parse

FAULTD = pathlib.Path(__file__).resolve().parents[2] / "Support/faultd"


class Faultd:
    """A running faultd and its ledger."""

    def __init__(self, *options, host="127.0.0.1", prefix=()):
        command = [*prefix, sys.executable, str(FAULTD), "--host", host, *map(str, options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.host, self.count = host, 0

    @property
    def url(self):
        return f"http://{self.host}:{self.port}/v1"

    def provider(self, name="fault", **more):
        """A provider of the configuration that leads here."""
        return {
            "name": name,
            "kind": "openai-compatible",
            "baseURL": self.url,
            "keys": [{"name": "main", "value": f"sk-{name}-provider-key"}],
            **more,
        }

    def user(self):
        """A fresh value for a request's `user` field, by which the ledger knows it."""
        self.count += 1
        return f"user-{self.count}"

    def ask(self, method, path, body=None, **query):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(method, f"{path}?{urllib.parse.urlencode(query)}", body)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def teach(self, scripts):
        """Adds scripts: name to (body, kind, status), and perhaps a list of headers."""
        self.ask(
            "POST",
            "/__script",
            json.dumps(
                {
                    name: {
                        "body": base64.b64encode(body).decode(),
                        "kind": kind,
                        "status": status,
                        "headers": headers[0] if headers else [],
                    }
                    for name, (body, kind, status, *headers) in scripts.items()
                }
            ),
        )

    def teach_bytes(self, name, response):
        """Adds a response that is these bytes, its head included."""
        body = base64.b64encode(response).decode()
        self.ask("POST", "/__script", json.dumps({name: {"body": body, "kind": "", "raw": True}}))

    def play(self, **names):
        """What these names stand for from now on."""
        self.ask("POST", "/__play", json.dumps(names))

    def listen(self, kind, **more):
        """Opens a further port of this kind (see Support/faultd/listeners.py) and gives it."""
        return self.ask("POST", "/__listen", json.dumps({"kind": kind, **more}, default=str))["port"]

    def counts(self):
        return self.ask("GET", "/__counts")

    def entries(self, user, **query):
        return self.ask("GET", "/__ledger", user=user, **query)

    def entry(self, user):
        """The one request that came with this `user`."""
        entries = self.entries(user)
        assert len(entries) == 1, f"{len(entries)} requests upstream instead of one"
        return entries[0]

    def ledger(self):
        return self.ask("GET", "/__ledger", brief=1)

    def entries_since(self, count):
        """The requests that came after so many."""
        return self.ask("GET", "/__ledger")[count:]

    def forget(self):
        self.ask("DELETE", "/__ledger")

    def wait(self, user, event, timeout=10):
        """Waits until a request with this `user` was received, sent (its answer) or closed (by its client)."""
        entry = self.ask("GET", "/__wait", user=user, event=event, timeout=timeout)["entry"]
        assert entry, f"no {event} of {user} within {timeout} s"
        return entry

    def open(self):
        return self.ask("GET", "/__open")

    def drop(self):
        """Closes connections as soon as they rest, so that descriptors can be counted."""
        self.ask("POST", "/__drop")

    def cut(self):
        """Ends all connections, whatever they are doing."""
        self.ask("POST", "/__cut")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()
