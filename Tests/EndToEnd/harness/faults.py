"""The client side of Tests/Support/faultd.py."""

import base64
import http.client
import json
import pathlib
import subprocess
import sys
import urllib.parse

FAULTD = pathlib.Path(__file__).resolve().parents[2] / "Support/faultd.py"


class Faultd:
    """A running faultd and its ledger."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, str(FAULTD)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.count = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

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
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, f"{path}?{urllib.parse.urlencode(query)}", body)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def teach(self, scripts):
        """Adds scripts: name to (body, kind, status)."""
        self.ask(
            "POST",
            "/__script",
            json.dumps(
                {
                    name: {"body": base64.b64encode(body).decode(), "kind": kind, "status": status}
                    for name, (body, kind, status) in scripts.items()
                }
            ),
        )

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

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()
