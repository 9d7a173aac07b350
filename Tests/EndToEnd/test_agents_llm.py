"""A real agent: `llm`, whose own model is the gateway that runs it."""
import asyncio
import json
import pathlib
import sys

import pytest

from harness.agents import chunks, finish_reasons, streamed_text
from harness.sandbox import need_sandbox, record_of, why_no_sandbox

LLM = pathlib.Path(sys.executable).parent / "llm"
TEXT = "Round and round\nthe Zürich 🌍 goes -- /model @file $(id)"


@pytest.fixture(scope="module")
def gateway(module_starter, tmp_path_factory):
    if not LLM.exists():
        pytest.skip("no llm beside this Python: pip install -r Tests/EndToEnd/requirements.txt")
    home = tmp_path_factory.mktemp("llm")
    gateway = module_starter({"agents": [
        {"name": "llm", "kind": "llm", "command": str(LLM), "home": str(home), "model": "echo",
         "environment": {"LLM_USER_PATH": str(home)}, **({"sandbox": "off"} if why_no_sandbox() else {})}]})
    (home / "extra-openai-models.yaml").write_text(json.dumps([
        {"model_id": name, "model_name": model, "api_base": f"{gateway.url}/v1", "api_key_name": "gatehouse"}
        for name, model in [("echo", "gatehouse/echo"), ("absent", "gatehouse/absent")]]))
    (home / "keys.json").write_text(json.dumps({"gatehouse": gateway.key}))
    return gateway


def ask(gateway, model, **fields):
    return asyncio.run(gateway.chat(model, text=TEXT, timeout=60, **fields))


def test_answers_whole(gateway):
    answer = ask(gateway, "llm/echo")
    assert answer.status == 200, f"{answer.body}\n{gateway.tail()}"
    body = answer.json()
    assert body["choices"][0]["message"]["content"] == TEXT
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["completion_tokens"] == len(TEXT.split())
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    outer = gateway.access(answer.headers["x-request-id"])
    assert (outer["provider"], outer["model"]) == ("llm", "llm/echo")
    inner = [line for line in gateway.log_lines()
             if line.get("label") == "access" and line.get("provider") == "gatehouse"]
    assert inner, "the agent's own call went through this gateway"
    assert inner[-1]["output_tokens"] == outer["output_tokens"]


def test_it_is_confined(gateway):
    """Its own key and models reach it, its model does; that is all that is let through."""
    need_sandbox()
    assert record_of(gateway, ask(gateway, "llm/echo")) == "readOnly+network"


def test_streams(gateway):
    answer = ask(gateway, "llm", stream=True, stream_options={"include_usage": True})
    assert answer.status == 200
    assert streamed_text(answer) == TEXT
    assert finish_reasons(answer) == ["stop"]
    assert answer.events[-1] == "[DONE]"
    counted = [chunk["usage"]["completion_tokens"] for chunk in chunks(answer) if chunk.get("usage")]
    assert counted == [len(TEXT.split())]


def test_an_unknown_model_is_told_as_such(gateway):
    answer = ask(gateway, "llm/nothing-of-that-name")
    assert (answer.status, answer.error["code"]) == (404, "agent_model_unknown")


def test_an_error_of_its_own_model_is_no_answer(gateway):
    answer = ask(gateway, "llm/absent")
    assert answer.status >= 400
    assert answer.error["code"].startswith("agent_")
    assert gateway.key not in answer.body.decode()
