#!/usr/bin/env python3
"""An agent for tests that is kept, in the two ways that vendors have of their own: with `app-server` among its arguments it
speaks as Codex does there, else as Claude Code does with `--input-format stream-json`.

It uses the standard library only and never talks to the network.
"""
import json
import os
import sys

# The pid says little inside a sandbox.
instance = os.urandom(8).hex()
turns = 0


def send(message):
    print(json.dumps(message), flush=True)


def told(text):
    return json.dumps({"instance": instance, "turns": turns, "prompt": text, "arguments": sys.argv[1:]})


def claude(message):
    global turns
    if message["type"] == "control_request":
        response = {"subtype": "success", "request_id": message["request_id"], "response": {}}
        return send({"type": "control_response", "response": response})
    turns += 1
    send({"type": "system", "subtype": "init", "session_id": instance, "model": "fake"})
    text = told(message["message"]["content"])
    send({"type": "assistant", "message": {"id": f"m{turns}", "content": [{"type": "text", "text": text}]}})
    return send({"type": "result", "subtype": "success", "is_error": False, "result": text, "session_id": instance,
                 "usage": {"input_tokens": 3, "output_tokens": 4}})


def codex(message):
    global turns
    method, params = message.get("method"), message.get("params", {})
    if method == "initialize":
        send({"id": message["id"], "result": {"userAgent": "fake"}})
    elif method == "thread/start":
        send({"id": message["id"], "result": {"thread": {"id": f"thread-{turns}"}}})
    elif method == "turn/start":
        turns += 1
        place = {"threadId": params["threadId"], "turnId": f"turn-{turns}"}
        send({"id": message["id"], "result": {"turn": {"id": f"turn-{turns}", "status": "inProgress"}}})
        text = told(params["input"][0]["text"])
        for piece in [text[:10], text[10:]]:
            send({"method": "item/agentMessage/delta", "params": {**place, "itemId": "i", "delta": piece}})
        send({"method": "turn/completed", "params": {
            "threadId": params["threadId"], "turn": {"id": f"turn-{turns}", "status": "completed", "error": None}}})
    elif "id" in message and method:
        send({"id": message["id"], "error": {"code": -32601, "message": "unknown"}})


for line in sys.stdin:
    (codex if "app-server" in sys.argv else claude)(json.loads(line))
