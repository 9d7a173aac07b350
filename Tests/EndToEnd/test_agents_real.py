"""Real agents from PyPI, each in its sandbox, whose own model is the gateway that runs it.

They are heavy: `scripts/setup --agents` installs them in environments of their own, and where they are not installed these
tests are skipped. The key that they get may ask for the one model that they are to ask.
"""
import asyncio
import json
import pathlib
import socket
import time

import pytest

from harness.agents import streamed_text
from harness.gateway import ROOT, eventually
from harness.sandbox import need_sandbox, record_of

AGENTS = ROOT / ".venv-agents/bin"
GPTME = ROOT / ".venv-gptme/bin"
KEY = "gh-test-key-of-real-agents-0123456789"
TEXT = "Round and round the Zürich 🌍 goes -- $(id) and `id`"
#: Python programs of this size take their time to begin, above all on a busy machine.
PATIENCE = {"firstOutput": "240s", "idle": "240s", "total": "300s", "grace": "1s"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configuration(port):
    url = f"http://127.0.0.1:{port}/v1"
    shared = {"kind": "custom", "network": True, "timeouts": PATIENCE}
    return {
        "keys": [{"name": "agents", "value": KEY, "models": ["gatehouse/echo"]}],
        "agents": [
            {**shared, "name": "shell-gpt", "command": [str(AGENTS / "sgpt"), "--no-md", "--no-cache"],
             "environment": {"OPENAI_API_KEY": KEY, "API_BASE_URL": url, "DEFAULT_MODEL": "gatehouse/echo",
                             "USE_LITELLM": "false", "PRETTIFY_MARKDOWN": "false"}},
            {"name": "aider", "kind": "aider", "command": str(AGENTS / "aider"), "model": "openai/gatehouse/echo",
             "timeouts": PATIENCE, "environment": {"OPENAI_API_KEY": KEY, "OPENAI_API_BASE": url}},
            {**shared, "name": "gptme", "sandbox": "workspace",
             "command": [str(GPTME / "gptme"), "--non-interactive", "--output-format", "json", "--no-stream",
                         "-t", "read", "-m", "local/gatehouse/echo"],
             "environment": {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url}},
        ]}


@pytest.fixture(scope="module")
def gateway(module_starter):
    need_sandbox()
    if not any((folder / name).exists() for folder, name in PROGRAMS.values()):
        pytest.skip("no agents from PyPI here: scripts/setup --agents installs them (1 GB)")
    port = free_port()
    return module_starter(configuration(port), port=port)


PROGRAMS = {"shell-gpt": (AGENTS, "sgpt"), "aider": (AGENTS, "aider"), "gptme": (GPTME, "gptme")}


@pytest.fixture(params=PROGRAMS)
def agent(request):
    folder, name = PROGRAMS[request.param]
    if not (folder / name).exists():
        pytest.skip(f"{request.param} is not installed: scripts/setup --agents")
    return request.param


def processes(name):
    """Pids of whatever runs a program: it is the second word of an interpreter's command line."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if len(words) > 1 and words[1].endswith(f"/{name}".encode()):
            found.append(int(folder.name))
    return found


def inner_calls(gateway):
    return [line for line in gateway.log_lines()
            if line.get("label") == "access" and line.get("provider") == "gatehouse" and line.get("key") == "agents"]


def said(agent, text):
    """What the assistant said: gptme prints a record for each message."""
    if agent != "gptme":
        return text
    records = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return "\n".join(record["content"] for record in records if record.get("role") == "assistant")


def test_answers_with_what_its_model_said(gateway, agent):
    before = len(inner_calls(gateway))
    began = time.monotonic()
    answer = asyncio.run(gateway.chat(agent, text=TEXT, stream=True, timeout=300))
    assert answer.status == 200, f"{answer.body}\n{gateway.tail()}"
    text = streamed_text(answer)
    print(f"{agent}: {time.monotonic() - began:.1f} s, {len(text)} characters")
    assert TEXT in said(agent, text), text
    assert answer.events[-1] == "[DONE]"
    assert record_of(gateway, answer) == ("workspace+network" if agent == "gptme" else "readOnly+network")
    assert len(inner_calls(gateway)) > before, "the agent's own call went through this gateway"
    assert KEY not in text


def test_cancelled_in_mid_run_nothing_is_left(gateway, agent):
    _, program = PROGRAMS[agent]

    async def leave():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        body = {"model": agent, "stream": True, "messages": [{"role": "user", "content": TEXT}]}
        writer.write(gateway.request("/v1/chat/completions", body))
        await writer.drain()
        await asyncio.to_thread(eventually, lambda: processes(program), 60, f"{program} at work")
        writer.close()

    asyncio.run(leave())
    eventually(lambda: not processes(program), 3, f"nothing left of {program}")
    eventually(lambda: not list((gateway.data / "runs").glob("run-*")), 5, "the run's folder removed")


@pytest.mark.parametrize("text", ["# Title\n\n- one\n- two\n\n```py\nprint(1)\n```\nThe end.", "long " * 1000 + "end"])
def test_what_aider_adds_is_no_part_of_the_answer(gateway, text):
    if not (AGENTS / "aider").exists():
        pytest.skip("aider is not installed: scripts/setup --agents")
    answer = asyncio.run(gateway.chat("aider", text=text, timeout=300))
    assert answer.status == 200, answer.body
    assert answer.json()["choices"][0]["message"]["content"] == text
    assert answer.json()["usage"]["completion_tokens"] > 0


def test_an_error_of_its_model_is_no_answer(gateway):
    """It ends with 0 all the same."""
    if not (AGENTS / "aider").exists():
        pytest.skip("aider is not installed: scripts/setup --agents")
    answer = asyncio.run(gateway.chat("aider/openai/gatehouse/absent", text=TEXT, timeout=300))
    assert (answer.status, answer.error["code"]) == (404, "agent_model_unknown"), answer.body
