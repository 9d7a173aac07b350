"""Command-line agents behind the chat API, played by a stand-in: answers, usage, failures, and nothing left running."""
import asyncio
import json
import os
import pathlib
import signal
import stat
import sys
import time

import pytest

from harness.gateway import Gateway, eventually

FAKE = pathlib.Path(__file__).resolve().parents[1] / "Support/fakecli.py"


def agent(name, *arguments, kind="gemini", **more):
    return {"name": name, "kind": kind, "command": [sys.executable, str(FAKE), *map(str, arguments)], **more}


def said(response):
    """The text of an answer or of a stream."""
    if response.headers["content-type"].startswith("application/json"):
        return response.json()["choices"][0]["message"]["content"]
    assert response.events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in response.events[:-1]]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


# A dialogue


@pytest.fixture(scope="module")
def gateway(module_starter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dumps")
    gateway = module_starter({"agents": [
        agent("fake", "gemini", "--dump", folder / "dump.json"),
        agent("plain", "gemini", kind="custom", output="gemini"),
        agent("missing", kind="custom") | {"command": ["/nonexistent/agent"]},
    ]}, env={"OPERATOR_SECRET": "canary", "OPENAI_API_KEY": "canary", "GEMINI_API_KEY": "for-gemini"})
    gateway.dump = folder / "dump.json"
    return gateway


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_answers(gateway, stream):
    response = asyncio.run(gateway.chat("fake/some-model", stream=stream, text="Grüezi 🌍"))
    assert response.status == 200
    assert said(response) == "You said: Grüezi 🌍"
    assert response.headers["x-gatehouse-provider"] == "fake"
    record = gateway.access(response.headers["x-request-id"])
    assert (record["input_tokens"], record["output_tokens"], record["outcome"]) == (5, 7, "completed")


def test_an_agent_tells_its_usage(gateway):
    response = asyncio.run(gateway.chat("fake"))
    usage = response.json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (5, 7, 12)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 2
    streamed = asyncio.run(gateway.chat("fake", stream=True, stream_options={"include_usage": True}))
    assert json.loads(streamed.events[-2])["usage"]["total_tokens"] == 12
    silent = asyncio.run(gateway.chat("fake", stream=True))
    assert all(not json.loads(event).get("usage") for event in silent.events[:-1])


def test_agents_are_listed(gateway):
    names = [model["id"] for model in asyncio.run(gateway.call("/v1/models")).json()["data"]]
    assert {"fake", "plain", "gatehouse/echo"} <= set(names)


# X27: nothing of a request becomes an argument


def dumped(gateway):
    return json.loads(gateway.dump.read_text())


def test_an_agent_sees_only_what_it_must(gateway):
    prompt = "--dangerously-skip-permissions $(touch /tmp/x) `id` ; rm -rf / \n-p"
    asyncio.run(gateway.chat("fake/model-1.5:x", text=prompt))
    facts = dumped(gateway)
    assert facts["argv"][-2:] == ["-m", "model-1.5:x"]
    assert prompt[:20] not in " ".join(facts["argv"])
    assert prompt in facts["stdin"]
    environment = facts["environment"]
    assert "canary" not in environment.values(), "the gateway's own environment stays here"
    assert environment["GEMINI_API_KEY"] == "for-gemini"
    assert gateway.key not in str(facts)
    # 3 is the directory that it lists itself with.
    assert facts["descriptors"] == [0, 1, 2, 3]
    assert str(gateway.data) in facts["cwd"] and not os.path.exists(facts["cwd"]), "its directory was its own, and is gone"


BAD_MODELS = ["-m", "--dangerously-skip-permissions", "a b", "$(id)", "a;b", "a\nb", "a'b", "é", "a" * 200, "..|x", "a&b", "@x"]


@pytest.mark.parametrize("model", BAD_MODELS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_is_no_word_is_refused(gateway, model, stream):
    gateway.dump.unlink(missing_ok=True)
    response = asyncio.run(gateway.chat(f"fake/{model}", stream=stream))
    assert response.status == 400
    assert response.error["code"] in ("invalid_argument", "invalid_value")
    assert response.error["param"] == "model"
    assert not gateway.dump.exists(), "nothing may have run"


def test_a_long_prompt_arrives_whole(gateway):
    text = "x" * 200_000
    response = asyncio.run(gateway.chat("fake", text=text))
    assert said(response) == f"You said: {text}"


def test_an_agent_has_no_tools_of_the_caller(gateway):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    response = asyncio.run(gateway.chat("fake", tools=tools))
    assert response.status == 400
    assert response.error["param"]


# Failures


def gemini(*lines, **more):
    return {"stdout_lines": [{"type": "init", "session_id": "s", "model": "m"}, *lines], **more}


def text(content):
    return {"type": "message", "role": "assistant", "content": content}


def failed(kind, message):
    return {"type": "result", "status": "error", "error": {"type": kind, "message": message}}


SUCCESS = {"type": "result", "status": "success", "stats": {}}
SECRET = "at /home/operator/.secret token sk-12345"
FAILURES = {
    "auth": (dict(stderr_lines=["Please set an Auth method " + SECRET], exit_code=41), 502, "agent_not_authenticated"),
    "auth-401": (gemini(exit_code=145), 502, "agent_not_authenticated"),
    "input": (dict(exit_code=42), 400, "agent_input_rejected"),
    "folder": (dict(exit_code=55), 403, "agent_action_denied"),
    "rate": (gemini(exit_code=173, stderr_lines=["Error: Please retry in 34.07s"]), 429, "agent_rate_limited"),
    "quota": (gemini(failed("TerminalQuotaError", "You have exhausted your capacity on this model. " + SECRET), exit_code=1),
              429, "agent_quota_exhausted"),
    "capacity": (gemini(failed("", "The model is overloaded."), exit_code=1), 503, "agent_at_capacity"),
    "model": (gemini(failed("ModelNotFoundError", "model not found"), exit_code=1), 404, "agent_model_unknown"),
    "empty": (dict(), 502, "agent_empty_answer"),
    "no-text": (gemini(SUCCESS), 502, "agent_empty_answer"),
    "no-result": (gemini(), 502, "agent_protocol_error"),
    "garbage": (dict(stdout_lines=["hello", "{not json", "[1]"]), 502, "agent_empty_answer"),
    "crash": (dict(signal=11), 502, "agent_crashed"),
    "killed": (dict(signal=9), 502, "agent_crashed"),
    "failed": (dict(stderr_lines=["Error: boom " + SECRET], exit_code=1), 502, "agent_failed"),
    "silent": (dict(hang=True), 504, "agent_timeout"),
    "not-executable": (dict(exit_code=126), 503, "agent_start_failed"),
}
#: Answers that begin and do not end well: the status is out, so the stream must tell.
TORN = {
    "torn": (gemini(text("Half of an ans")), "agent_protocol_error"),
    "torn-crash": (gemini(text("Half of an ans"), signal=11), "agent_crashed"),
    "torn-hang": (gemini(text("Half of an ans"), hang=True), "agent_timeout"),
    "torn-quota": (gemini(text("Half of an ans"), failed("TerminalQuotaError", "quota " + SECRET), exit_code=1),
                   "agent_quota_exhausted"),
    "torn-turns": (gemini(text("Half of an ans"), {"type": "error", "severity": "error",
                                                   "message": "Maximum session turns exceeded"}, SUCCESS),
                   "agent_protocol_error"),
}


@pytest.fixture(scope="module")
def failing(module_starter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("transcripts")
    agents = []
    for name, (transcript, *_) in {**FAILURES, **TORN}.items():
        file = folder / f"{name}.json"
        file.write_text(json.dumps(transcript))
        agents.append(agent(name, "play", file, timeouts={"firstOutput": "2s", "idle": "1s", "grace": "200ms"}))
    return module_starter({"agents": [*agents, {"name": "missing", "kind": "custom", "command": ["/nonexistent/agent"]}]})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_has_its_status_and_code(failing, name, stream):
    _, status, code = FAILURES[name]
    response = asyncio.run(failing.chat(name, stream=stream))
    assert (response.status, response.error["code"]) == (status, code)
    assert "sk-12345" not in response.body.decode() and "/home" not in response.body.decode()
    if status in (429, 503):
        assert int(response.headers["retry-after"]) >= 1
    if name == "rate":
        assert 30 <= int(response.headers["retry-after"]) <= 40
    record = failing.access(response.headers["x-request-id"])
    assert (record["error_code"], record["outcome"]) == (code, "failed")


def test_an_agent_that_is_not_there(failing):
    response = asyncio.run(failing.chat("missing"))
    assert (response.status, response.error["code"]) == (503, "agent_start_failed")
    assert "nonexistent" not in response.body.decode()


@pytest.mark.parametrize("name", TORN)
def test_a_torn_answer_is_an_error(failing, name):
    whole = asyncio.run(failing.chat(name))
    assert whole.status >= 400
    assert whole.error["code"] == TORN[name][1]
    stream = asyncio.run(failing.chat(name, stream=True))
    assert stream.status == 200 and stream.is_whole
    chunks = [json.loads(event) for event in stream.events]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks[:-1]) == "Half of an ans"
    assert chunks[-1]["error"]["code"] == TORN[name][1]
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks[:-1])
    assert "sk-12345" not in stream.body.decode()


# Recorded transcripts


def transcripts(traffic):
    kinds = {"gemini": "gemini", "claude": "claude", "codex": "codex", "cursor": "cursor-agent", "opencode": "opencode"}
    for file in sorted((traffic / "cli").glob("*/*.json")):
        data = json.loads(file.read_text())
        if data["kind"] == "stdout" and data["agent"] in kinds:
            yield file, kinds[data["agent"]], [json.loads(line) for line in data["stdout_lines"] if line.startswith("{")]


def expected(kind, records):
    """The answer that the records hold: text that must be in it, or `None` when the run did not end well."""
    last = records[-1]
    match kind:
        case "claude" | "cursor-agent":
            result = next((record for record in reversed(records) if record["type"] == "result"), None)
            if not result or result["is_error"]:
                return None
            texts = [part["text"] for record in records if record["type"] == "assistant"
                     for part in record["message"]["content"] if part["type"] == "text"]
            return texts[-1] if texts else result["result"]
        case "gemini":
            texts = [record["content"] for record in records if record["type"] == "message" and record["role"] == "assistant"]
            return texts[-1] if last["type"] == "result" and last["status"] == "success" and texts else None
        case "codex":
            texts = [record["item"]["text"] for record in records
                     if record["type"] == "item.completed" and record["item"].get("type") == "agent_message"]
            done = any(record["type"] == "turn.completed" for record in records)
            bad = any(record["type"] == "turn.failed" for record in records)
            return texts[-1] if done and texts and not bad else None
        case "opencode":
            texts = [record["part"]["text"] for record in records if record["type"] == "text"]
            bad = any(record["type"] == "error" for record in records)
            return texts[-1] if texts and not bad else None


def test_recorded_transcripts_give_their_answers(start, traffic):
    runs = list(transcripts(traffic))
    assert len(runs) >= 20
    gateway = start({"agents": [
        agent(f"run-{number}", "play", file, kind=kind) for number, (file, kind, _) in enumerate(runs)]})
    problems, answered = [], 0

    async def both(number):
        return [await gateway.chat(f"run-{number}", stream=stream) for stream in (False, True)]

    for number, (file, kind, records) in enumerate(runs):
        wanted = expected(kind, records)
        whole, stream = asyncio.run(both(number))
        if wanted is None:
            if whole.status == 200 or "[DONE]" in stream.events:
                problems.append(f"{file.name}: ended badly, but answered {whole.body[:200]!r}")
            continue
        answered += 1
        if whole.status != 200 or stream.status != 200 or "[DONE]" not in stream.events:
            problems.append(f"{file.name}: {whole.status} {whole.body[:300]!r}")
        elif wanted.strip() not in said(whole) or said(whole) != said(stream):
            problems.append(f"{file.name}: {said(whole)[:200]!r}, streamed {said(stream)[:200]!r}, wanted {wanted[:200]!r}")
    assert not problems, "\n".join(problems)
    assert answered >= 15


# Found on PATH


def test_agents_on_path_need_no_configuration(start, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "gemini"
    script.write_text(f"#!{sys.executable}\nimport sys, runpy\nsys.argv[1:1] = ['gemini']\nrunpy.run_path({str(FAKE)!r}, "
                      "run_name='__main__')\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    gateway = start(env={"PATH": f"{folder}:/usr/bin:/bin"})
    names = [model["id"] for model in asyncio.run(gateway.call("/v1/models")).json()["data"]]
    name = next(name for name in names if name.startswith("gemini"))
    assert said(asyncio.run(gateway.chat(name))) == "You said: Hello"


# A real agent whose model is this gateway


@pytest.mark.parametrize("stream", [False, True])
def test_llm_with_this_gateway_as_its_model(start, tmp_path, stream):
    executable = pathlib.Path(sys.executable).parent / "llm"
    if not executable.exists():
        pytest.skip("the llm package is not installed beside this Python")
    home = tmp_path / "llm"
    home.mkdir()
    gateway = start({"agents": [{
        "name": "llm", "kind": "llm", "command": [str(executable)], "environment": {"LLM_USER_PATH": str(home)}}]})
    (home / "extra-openai-models.yaml").write_text(
        f"- model_id: gate\n  model_name: gatehouse/echo\n  api_base: {gateway.url}/v1\n  api_key_name: gate\n")
    (home / "keys.json").write_text(json.dumps({"gate": gateway.key}))
    response = asyncio.run(gateway.chat("llm/gate", stream=stream, text="one two three", timeout=60))
    assert response.status == 200
    assert said(response).strip() == "one two three"
    gateway.access(response.headers["x-request-id"])
    calls = [line for line in gateway.log_lines() if line.get("label") == "access"]
    assert [line["provider"] for line in calls] == ["gatehouse", "llm"], "the agent's own call, then the call of the agent"
    unknown = asyncio.run(gateway.chat("llm/nonsense", stream=stream, timeout=60))
    assert (unknown.status, unknown.error["code"]) == (404, "agent_model_unknown")


# The end of runs


def members(folder):
    return {int(file.name) for file in folder.iterdir() if file.name.isdigit()}


def family_gateway(starter, tmp_path, **more):
    folder, transcript = tmp_path / "family", tmp_path / "family.json"
    folder.mkdir()
    transcript.write_text(json.dumps(gemini(text("Working"), family=str(folder), hang=True)))
    return folder, starter({"agents": [agent("family", "play", transcript, **more)]})


async def begin(gateway, stream=True):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    body = {"model": "family", "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
    writer.write(gateway.request("/v1/chat/completions", body))
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_leaves_ends_the_whole_family(start, tmp_path, stream):
    folder, gateway = family_gateway(start, tmp_path, timeouts={"grace": "500ms"})

    async def leave():
        _, writer = await begin(gateway, stream)
        await asyncio.to_thread(eventually, lambda: len(members(folder)) == 4, 10, "a family of four")
        writer.close()

    asyncio.run(leave())
    eventually(lambda: not any(is_alive(pid) for pid in members(folder)), 5, "nobody left")
    eventually(lambda: not gateway.children(), 5, "no child left")


def test_a_silent_agent_is_ended_with_its_family(start, tmp_path):
    folder, gateway = family_gateway(start, tmp_path, timeouts={"idle": "500ms", "grace": "200ms"})
    response = asyncio.run(gateway.chat("family"))
    assert (response.status, response.error["code"]) == (504, "agent_timeout")
    assert len(members(folder)) == 4
    eventually(lambda: not any(is_alive(pid) for pid in members(folder)), 5, "nobody left")


def test_more_runs_than_places_are_refused(start, tmp_path):
    folder, gateway = family_gateway(start, tmp_path, concurrency=2, timeouts={"grace": "200ms"})

    async def fill():
        writers = [(await begin(gateway))[1] for _ in range(2)]
        await asyncio.to_thread(eventually, lambda: len(members(folder)) == 8, 10, "two families")
        refused = await gateway.chat("family")
        for writer in writers:
            writer.close()
        return refused

    refused = asyncio.run(fill())
    assert (refused.status, refused.error["code"]) == (503, "agent_busy")
    assert int(refused.headers["retry-after"]) >= 1


def test_sigterm_ends_agents(start, tmp_path):
    folder, transcript = tmp_path / "family", tmp_path / "family.json"
    folder.mkdir()
    transcript.write_text(json.dumps(gemini(text("Working"), family=str(folder), hang=True)))
    gateway = start({"server": {"drain": "500ms"}, "agents": [agent("family", "play", transcript, timeouts={"grace": "200ms"})]})
    gateway.ended_by_test = True

    async def end():
        reader, writer = await begin(gateway)
        await asyncio.to_thread(eventually, lambda: len(members(folder)) == 4, 10, "a family of four")
        gateway.signal(signal.SIGTERM)
        body = b""
        async with asyncio.timeout(20):
            try:
                while data := await reader.read(65536):
                    body += data
            except ConnectionError:
                pass
        writer.close()
        return body

    body = asyncio.run(end())
    assert b"[DONE]" not in body and b'"finish_reason":"stop"' not in body
    assert gateway.wait() == 0
    eventually(lambda: not any(is_alive(pid) for pid in members(folder)), 5, "nobody left")


def test_kill_9_leaves_no_agent(tmp_path, faultd):
    """The gateway dies without a chance to clean up; one second later nobody of twenty families is alive."""
    folder, gateway = family_gateway(lambda config: Gateway(tmp_path / "gateway", config), tmp_path, concurrency=20)
    try:
        async def crowd():
            writers = [(await begin(gateway))[1] for _ in range(20)]
            await asyncio.to_thread(eventually, lambda: len(members(folder)) == 80, 30, "twenty families")
            pids = members(folder) | gateway.children()
            gateway.process.kill()
            begun = time.monotonic()
            while any(is_alive(pid) for pid in pids) and time.monotonic() - begun < 10:
                await asyncio.sleep(0.01)
            for writer in writers:
                writer.close()
            return time.monotonic() - begun, len(pids)

        seconds, count = asyncio.run(crowd())
        print(f"{count} processes were gone after {seconds * 1000:.0f} ms")
        assert seconds <= 1
    finally:
        gateway.kill()
