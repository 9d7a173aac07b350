#!/usr/bin/env python3
"""An agent for tests that speaks the Agent Client Protocol. Arguments say how it behaves as a process, the prompt what it
does in a turn: a line `do: {"say": "..."}`.

It uses the standard library only and never talks to the network.
"""
import argparse
import json
import os
import queue
import sys
import threading
import time

options = argparse.ArgumentParser()
options.add_argument("--hang", action="store_true", help="never answers initialize")
options.add_argument("--version", type=int, default=1, help="of the protocol")
options.add_argument("--auth", action="store_true", help="sessions need a login")
options.add_argument("--fail", help="ends at once with these words on standard error")
options.add_argument("--slow", type=float, default=0, help="seconds before initialize is answered")
options.add_argument("--count", help="a file that gets a line for each start")
options = options.parse_args()

# The pid says little inside a sandbox.
instance = os.urandom(8).hex()
lock = threading.Lock()
answers, cancelled = queue.Queue(), threading.Event()
sessions = {}


def send(**message):
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def update(session, what, **members):
    send(method="session/update", params={"sessionId": session, "update": {"sessionUpdate": what, **members}})


def say(session, text, kind="agent_message_chunk"):
    update(session, kind, content={"type": "text", "text": text})


def ask(method, **params):
    """Asks the client for something and waits for what it says."""
    send(id=f"ask-{method}", method=method, params=params)
    return answers.get()


def use_tool(session):
    update(session, "tool_call", toolCallId="t1", title="Write a file", kind="edit", status="pending", rawInput={"a": 1})
    answer = ask("session/request_permission", sessionId=session, toolCall={"toolCallId": "t1", "title": "Write a file"},
                 options=[{"optionId": "yes-1", "kind": "allow_once", "name": "Yes"},
                          {"optionId": "yes", "kind": "allow_always", "name": "Always"},
                          {"optionId": "no-1", "kind": "reject_once", "name": "No"}])
    outcome = answer.get("result", {}).get("outcome", {})
    allowed = outcome.get("optionId", "").startswith("yes")
    update(session, "tool_call_update", toolCallId="t1", status="completed" if allowed else "failed")
    return outcome


def look(folder, text):
    """What lies at the places that the prompt names, and whether it could be changed."""
    import re
    seen = {}
    for path in re.findall(r"((?:(?:/[a-z]+)+/)?files/[\w.-]*\w)", text):
        with open(path, "rb") as file:
            seen[path] = file.read().decode("latin-1")
        try:
            open(path, "ab").close()
            seen[path + " written"] = True
        except OSError:
            pass
    seen["folder"] = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return seen


def prompt(request):
    session = request["params"]["sessionId"]
    text = "".join(block["text"] for block in request["params"]["prompt"])
    sessions[session].append(text)
    lines = [line[4:] for line in text.splitlines() if line.startswith("do: ")]
    todo = json.loads(lines[-1]) if lines else {}
    if "think" in todo:
        say(session, todo["think"], "agent_thought_chunk")
    if "flood" in todo:
        with lock:
            for _ in range(todo["flood"]):
                os.write(1, b"x" * (1 << 20))
    for name, content in todo.get("files", {}).items():
        with open(name, "w") as file:
            file.write(content)
    if todo.get("mute"):
        time.sleep(3600)
    for number in range(todo.get("chunks", 0)):
        say(session, f"{number} " + "x" * 1000)
    if "die" in todo:
        say(session, "last words")
        os._exit(todo["die"])
    told = {"instance": instance, "session": session, "turns": len(sessions[session]), "prompt": text}
    if todo.get("tool"):
        told["outcome"] = use_tool(session)
    if "look" in todo:
        told["seen"] = look(todo["look"], text)
    if "call" in todo:
        told["answer"] = ask(todo["call"], path="/etc/passwd")
    say(session, todo.get("say", json.dumps(told)))
    reason = todo.get("stop", "end_turn")
    if todo.get("hang"):
        cancelled.wait()
        reason = "cancelled"
        if todo.get("deaf"):
            time.sleep(3600)
    send(id=request["id"], result={"stopReason": reason, "usage": {"inputTokens": 3, "outputTokens": 4}})


def new(request):
    if options.auth:
        return send(id=request["id"], error={"code": -32000, "message": "Authentication required"})
    session = f"session-{len(sessions)}-{instance}"
    sessions[session] = []
    say(session, "a banner before anybody asked")
    return send(id=request["id"], result={"sessionId": session})


def main():
    if options.count:
        with open(options.count, "a") as file:
            file.write(instance + "\n")
    if options.fail:
        sys.exit(options.fail)
    print("a notice that is no JSON", flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        method = message.get("method")
        if method == "initialize":
            if options.hang:
                continue
            time.sleep(options.slow)
            send(id=message["id"], result={"protocolVersion": options.version, "agentCapabilities": {}})
        elif method == "session/new":
            new(message)
        elif method == "session/prompt":
            cancelled.clear()
            threading.Thread(target=prompt, args=[message], daemon=True).start()
        elif method == "session/cancel":
            cancelled.set()
        elif method is None:
            answers.put(message)
        else:
            send(id=message.get("id"), error={"code": -32601, "message": "unknown method"})


main()
