"""All connections, and the ledger of what came over them."""

import asyncio
import base64
import collections
import json
import time

import listeners
from scripts import SCRIPTS, Script
from weather import Upstream

BRIEF = ("user", "model", "key", "received", "sent", "closed", "ended", "connection")


class Faultd:
    """The state of the whole process."""

    def __init__(self, loop, lean=False):
        self.loop, self.lean = loop, lean
        self.open, self.ledger, self.changed = set(), [], asyncio.Event()
        self.upstreams, self.aliases, self.listening = {}, {}, []
        self.connections = 0
        self.forget()

    def forget(self):
        self.ledger.clear()
        self.models = collections.defaultdict(lambda: {"received": 0, "now": 0, "most": 0, "bytes": 0})
        self.keys = collections.Counter()
        # Whether a stream was begun for them, by user.
        self.users = {}
        # Requests of a user who had sent one before; of those, behind a stream that had begun.
        self.again, self.behind_begun = 0, 0

    def note(self):
        self.changed.set()
        self.changed = asyncio.Event()

    # Connections

    def opened(self, connection):
        self.open.add(connection)
        self.connections += 1
        return self.connections

    def closed(self, connection, how):
        self.open.discard(connection)
        entry = connection.entry
        if entry and entry["closed"] is None:
            entry["closed"], entry["ended"] = time.monotonic(), how
            self.note()

    # Requests

    def stands_for(self, model):
        return self.aliases.get(model, model)

    def upstream(self, model, plan):
        if model not in self.upstreams:
            self.upstreams[model] = Upstream(plan)
        return self.upstreams[model]

    def record(self, connection, target, headers, body, fields, model):
        user = fields.get("user") if isinstance(fields, dict) else None
        entry = {
            "user": user,
            "key": next((value for name, value in headers if name.lower() == "authorization"), ""),
            "target": target,
            "headers": [] if self.lean else headers,
            "body": "" if self.lean else body.decode("utf-8", "replace"),
            "model": model,
            "received": time.monotonic(),
            "sent": None,
            "closed": None,
            "ended": None,
            "bytes": 0,
            "begun": False,
            "connection": connection.number,
        }
        self.count(entry)
        if not self.lean:
            self.ledger.append(entry)
        self.note()
        return entry

    def count(self, entry):
        model = self.models[entry["model"]]
        model["received"] += 1
        model["now"] += 1
        model["most"] = max(model["most"], model["now"])
        self.keys[entry["key"]] += 1
        if entry["user"] in self.users:
            self.again += 1
            self.behind_begun += self.users[entry["user"]]
        else:
            self.users[entry["user"]] = False

    def over(self, entry):
        model = self.models[entry["model"]]
        # The ledger may have been emptied meanwhile.
        model["now"] = max(0, model["now"] - 1)
        model["bytes"] += entry["bytes"]
        if entry["begun"] and entry["user"] in self.users:
            self.users[entry["user"]] = True

    # What the test asks

    def entries(self, query):
        wanted = query.get("user")
        found = [entry for entry in self.ledger if wanted is None or entry["user"] == wanted]
        if "brief" in query:
            found = [{key: entry[key] for key in BRIEF} for entry in found]
        return found

    async def control(self, method, path, query, body):
        if path == "/__wait":
            return await self.wait(query)
        if path == "/__listen":
            listener, port = await listeners.begin(self, json.loads(body))
            self.listening.append(listener)
            return {"port": port}
        if path == "/__ledger" and method == "DELETE":
            self.forget()
            return {}
        if path == "/__ledger":
            return self.entries(query)
        if path == "/__drop":
            return await self.drop()
        return self.answer(path, body)

    async def drop(self):
        """Ends what rests, and answers when it has ended: who asks next finds it gone."""
        data = [connection for connection in self.open if not connection.is_control]
        for connection in data:
            connection.retire()
        ending = [connection.lost.wait() for connection in data if connection.is_ending]
        await asyncio.wait_for(asyncio.gather(*ending), 10)
        return {}

    def answer(self, path, body):
        data = [connection for connection in self.open if not connection.is_control]
        if path == "/__counts":
            return {
                "models": self.models,
                "keys": self.keys,
                "requests": sum(model["received"] for model in self.models.values()),
                "users": len(self.users),
                "again": self.again,
                "behind_begun": self.behind_begun,
                "connections": self.connections,
            }
        if path == "/__open":
            return {"open": len(data), "busy": sum(1 for one in data if one.player and not one.player.done())}
        if path == "/__cut":
            for connection in data:
                connection.transport.abort()
            return {}
        if path == "/__script":
            self.learn(json.loads(body))
            return {}
        if path == "/__play":
            self.aliases.update(json.loads(body))
            # Who flaps begins well.
            self.upstreams.clear()
            return {}
        return {"error": "unknown"}

    def learn(self, scripts):
        for name, script in scripts.items():
            SCRIPTS[name] = Script(
                base64.b64decode(script["body"]),
                script.get("status", 200),
                script.get("headers", ()),
                script["kind"],
                raw=script.get("raw", False),
            )

    async def wait(self, query):
        deadline = time.monotonic() + float(query.get("timeout", 10))
        while True:
            found = [entry for entry in self.entries({"user": query["user"]}) if entry[query["event"]] is not None]
            left = deadline - time.monotonic()
            if found or left <= 0:
                return {"entry": found[-1] if found else None}
            changed = self.changed
            try:
                await asyncio.wait_for(changed.wait(), left)
            except asyncio.TimeoutError:
                pass
