"""Agents that are kept in their vendors' own ways: Tests/Support/fakewarm.py behind the gateway."""
import asyncio
import json
import pathlib

import pytest

from harness.sandbox import why_no_sandbox

FAKE = pathlib.Path(__file__).resolve().parents[1] / "Support/fakewarm.py"


def agent(kind, driver, **more):
    place = {"sandbox": "off"} if why_no_sandbox() else {}
    return {"name": kind, "kind": kind, "driver": driver, "command": str(FAKE), **place,
            "pool": {"idle": "2s"}, **more}


@pytest.fixture(scope="module")
def gateway(module_starter):
    return module_starter({"agents": [agent("claude", "stdin"), agent("codex", "appServer")]})


def ask(gateway, model, messages, session=None):
    headers = [("X-Session-ID", session)] if session else []
    body = {"model": model, "messages": messages}
    answer = asyncio.run(gateway.call("/v1/chat/completions", body, headers=headers))
    assert answer.status == 200, f"{answer.body}\n{gateway.tail()}"
    text = answer.json()["choices"][0]["message"]["content"]
    return json.loads(text), text


def user(text):
    return {"role": "user", "content": text}


@pytest.mark.parametrize("model", ["claude", "codex"])
def test_a_session_goes_on_in_its_process(gateway, model):
    messages = [user("first")]
    first, text = ask(gateway, model, messages, "talk")
    messages += [{"role": "assistant", "content": text}, user("second")]
    second, _ = ask(gateway, model, messages, "talk")
    assert (first["turns"], second["turns"]) == (1, 2)
    assert (second["instance"], second["prompt"]) == (first["instance"], "second")


def test_a_process_of_one_conversation_serves_no_other(gateway):
    instances = [ask(gateway, "claude", [user("hello")])[0] for _ in range(2)]
    assert instances[0]["instance"] != instances[1]["instance"]
    assert [one["turns"] for one in instances] == [1, 1]
    # Nor another conversation of the same session: it is told all, in a process that knows nothing.
    first, text = ask(gateway, "claude", [user("first")], "changing")
    changed = [user("changed"), {"role": "assistant", "content": text}, user("second")]
    other, _ = ask(gateway, "claude", changed, "changing")
    assert other["instance"] != first["instance"] and "changed" in other["prompt"]


def test_a_server_of_many_threads_serves_the_next_call(gateway):
    first, _ = ask(gateway, "codex", [user("one")])
    second, _ = ask(gateway, "codex", [user("two")])
    assert (second["instance"], second["prompt"]) == (first["instance"], "two")


def test_the_model_is_among_the_arguments_or_in_the_thread(gateway):
    told, _ = ask(gateway, "claude/opus", [user("hello")])
    assert told["arguments"][-2:] == ["--model", "opus"]
    assert "--input-format" in told["arguments"]
    told, _ = ask(gateway, "codex/gpt-5", [user("hello")])
    assert told["arguments"][0] == "app-server"
