"""Agents behind the API: recorded transcripts as answers, and every way to fail with its status and code."""
import asyncio
import json
import stat

import pytest

from harness.agents import FakeAgents, chunks, finish_reasons, streamed_text
from harness.gateway import eventually
from harness.wire import read_head

CANARY = "sk-agent-CANARY-77 at /home/operator/.agent/login.json"
OTHERS = ["codex", "copilot", "agy", "opencode", "qwen", "cursor-agent", "llm"]


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    return FakeAgents(tmp_path_factory.mktemp("agents"))


@pytest.fixture(scope="module")
def gateway(module_starter, agents):
    known = [agents.configuration(kind) for kind in ["gemini", "claude", *OTHERS]]
    own = [
        agents.configuration("custom", "text"),
        agents.configuration("custom", "records", output="claude"),
        agents.configuration("custom", "file", prompt="file"),
        agents.configuration("custom", "impatient", timeouts={"firstOutput": "300ms", "grace": "100ms"}),
        agents.configuration("custom", "fidgety", timeouts={"idle": "300ms", "grace": "100ms"}),
        agents.configuration("custom", "hasty", timeouts={"total": "600ms", "grace": "100ms"}),
        agents.configuration("custom", "absent", command=["/nowhere/agent"]),
        agents.configuration("custom", "single", concurrency=1),
    ]
    return module_starter({"agents": known + own})


def ask(gateway, model, prompt, **fields):
    return asyncio.run(gateway.chat(model, text=prompt, **fields))


# Recorded transcripts

TRANSCRIPTS = [
    # agent, transcript, how the answer begins, input and output tokens as the agent counts them
    ("claude", "claude-basic-query-24bb3db9", "4", (21580, 25)),
    ("claude", "claude-create-file-b9d4adba", "I'll create the test.txt file with the requested content.\n\nDone.",
     (54510, 124)),
    ("claude", "claude-simple-hello-3cc942d1", "Hello! I'm ready to help you", (27107, 38)),
    ("claude", "claude-system-message-acd0f19a", "Here are the files in the current directory.", (42339, 424)),
    ("claude", "claude-test-query-real-agent-span-362acb34", "ok", (17027, 4)),
    ("codex", "codex-stream-output-1-af3134ee", "4", (2946, 7)),
    ("codex", "codex-stream-output-3-e9f8f4ed", "Created `hello.txt` containing `Hello from Codex`.", (6008, 51)),
    ("codex", "codex-codex-exec-json-phase-and-unknown-822e4e09", "Implemented the requested changes.", (10, 5)),
    ("codex", "codex-evidence-045823dc", "WP01 complete → `for_review`", (8971367, 35008)),
    ("gemini", "gemini-gemini-ebcc9491", "Hello! I'm ready to help. What can I do for you?", (7352, 16)),
    ("gemini", "gemini-gemini-0c21baba", "The file /private/tmp/gemini-test/sample.txt contains", (11068, 44)),
    ("cursor-agent", "cursor-cursor-agent-65298312", "10", None),
    ("cursor-agent", "cursor-direct-sleep-d869dc01", "I’ll run `sleep 5` in bash", None),
    ("opencode", "opencode-opencode-stream-success-a0d1e474", "```\nhello\n```", (43858, 118)),
    ("opencode", "opencode-opencode-stream-success-no-reason-6a69a9c6", "All done.", (12, 3)),
]
FOLDERS = {"cursor-agent": "cursor"}


@pytest.mark.parametrize("agent, transcript, beginning, tokens", TRANSCRIPTS, ids=[row[1] for row in TRANSCRIPTS])
def test_a_transcript_becomes_an_answer(gateway, agents, traffic, agent, transcript, beginning, tokens):
    path = str(traffic / "cli" / FOLDERS.get(agent, agent) / f"{transcript}.json")
    whole = ask(gateway, f"{agent}/some-model", agents.run(transcript=path)[1])
    assert whole.status == 200, whole.body
    assert whole.headers["x-gatehouse-provider"] == agent
    body = whole.json()
    assert body["object"] == "chat.completion"
    choice = body["choices"][0]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"].startswith(beginning)
    assert choice["finish_reason"] == "stop"
    usage = body.get("usage")
    assert (usage and (usage["prompt_tokens"], usage["completion_tokens"])) == tokens
    # Cut anywhere, within lines and within characters, the same comes out as a stream.
    streamed = ask(gateway, agent, agents.run(transcript=path, pieces=997)[1], stream=True,
                   stream_options={"include_usage": True})
    assert streamed.status == 200
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed_text(streamed) == choice["message"]["content"]
    assert finish_reasons(streamed) == ["stop"]
    assert streamed.events[-1] == "[DONE]"
    assert [chunk["usage"]["total_tokens"] for chunk in chunks(streamed) if chunk.get("usage")] == (
        [sum(tokens)] if tokens else [])
    record = gateway.access(streamed.headers["x-request-id"])
    assert (record["provider"], record["status"], record["outcome"]) == (agent, 200, "completed")
    assert (record.get("input_tokens"), record.get("output_tokens")) == (tokens or (None, None))


@pytest.mark.parametrize("agent, transcript, status, code", [
    ("claude", "claude-claude-stream-json-session-63a74518", 502, "agent_failed"),
    ("claude", "claude-rate-limit-585589ed", 429, "agent_quota_exhausted"),
    ("claude", "claude-sample-session-1fb14319", 502, "agent_protocol_error"),
    ("codex", "codex-codex-exec-json-all-formats-0db4a51c", 502, "agent_failed"),
    ("codex", "codex-exec-turn-failed-918c52fd", 502, "agent_failed"),
    ("codex", "codex-exec-turn-completed-68c6c93a", 502, "agent_empty_answer"),
    ("codex", "codex-stream-output-multi-1-4292e93b", 502, "agent_protocol_error"),
    ("gemini", "gemini-gemini-0f720c3e", 502, "agent_empty_answer"),
    ("opencode", "opencode-opencode-stream-error-bea289b1", 429, "agent_rate_limited"),
])
def test_a_transcript_without_a_good_end_is_an_error(gateway, agents, traffic, agent, transcript, status, code):
    path = str(traffic / "cli" / agent / f"{transcript}.json")
    response = ask(gateway, agent, agents.run(transcript=path)[1])
    assert (response.status, response.error["code"]) == (status, code)
    if status == 429:
        assert int(response.headers["retry-after"]) > 0


def test_text_streams_while_the_agent_works(gateway, agents):
    """The first words are there while the agent waits: nothing is kept until the end."""
    gate = agents.gate()
    mark, prompt = agents.run(lines=["first"], gate=gate, then=["second"])

    async def look():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        body = {"model": "text", "stream": True, "messages": [{"role": "user", "content": prompt}]}
        writer.write(gateway.request("/v1/chat/completions", body, headers=[("connection", "close")]))
        async with asyncio.timeout(20):
            head = await read_head(reader)
            assert head.status == 200
            before = await reader.readuntil(b'"first')
            await asyncio.to_thread(lambda: open(gate, "w").close())
            after = await reader.readuntil(b"[DONE]")
        writer.close()
        return before, after

    before, after = asyncio.run(look())
    assert b"second" not in before
    assert b"second" in after
    assert agents.notes(mark)["prompt"] == prompt


def test_a_prompt_by_file_is_private(gateway, agents):
    gate = agents.gate()
    mark, prompt = agents.run(lines=["seen"], gate=gate)

    async def look():
        call = asyncio.create_task(gateway.chat("file", text=prompt))
        notes = await asyncio.to_thread(agents.notes, mark)
        [file] = (gateway.data / "runs").glob("run-*/prompt")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        await asyncio.to_thread(lambda: open(gate, "w").close())
        return notes, file, await call

    notes, file, answer = asyncio.run(look())
    assert notes["prompt"] == prompt
    assert notes["prompt_mode"] == 0o600
    assert not any("scripted:" in argument for argument in notes["argv"])
    assert answer.json()["choices"][0]["message"]["content"] == "seen"
    eventually(lambda: not file.exists(), what="the run's folder removed")


# Failures: every class has its status and its code

RESULT = {"type": "result", "subtype": "success", "is_error": False, "result": "", "usage": {}}


def gemini_error(kind, message):
    return {"type": "result", "status": "error", "error": {"type": kind, "message": message}, "stats": {}}


FAILURES = [
    # class, agent, what it does, status, code, seconds in Retry-After (a range)
    ("auth exit", "gemini", {"stderr": "Please set an Auth method in your settings.json", "exit": 41},
     502, "agent_not_authenticated", None),
    ("auth text", "cursor-agent", {"stderr": "Error: Authentication required. Run 'cursor-agent login'", "exit": 1},
     502, "agent_not_authenticated", None),
    ("auth record", "copilot", {"lines": [
        {"type": "session.error", "data": {"errorType": "authentication", "message": f"Not logged in {CANARY}"}}],
        "exit": 1}, 502, "agent_not_authenticated", None),
    ("auth llm", "llm", {"stderr": "Error: No key found - add one using 'llm keys set openai'", "exit": 1},
     502, "agent_not_authenticated", None),
    ("quota", "gemini", {"lines": [
        gemini_error("TerminalQuotaError", "You exceeded your current quota. Please retry in 5h12m")], "exit": 173},
     429, "agent_quota_exhausted", (5 * 3600, 6 * 3600)),
    ("quota exit", "agy", {"stderr": f"AGY_ERROR quota exhausted {CANARY}", "lines": [
        {"event": "result", "result": {"status": "ERROR", "error": "stopped"}}], "exit": 3},
     429, "agent_quota_exhausted", None),
    ("rate", "gemini", {"stderr": "Error: got status 429. Please retry in 34.07s", "exit": 173},
     429, "agent_rate_limited", (34, 36)),
    ("capacity", "claude", {"lines": [
        {**RESULT, "is_error": True, "api_error_status": 529, "result": f"Overloaded {CANARY}"}], "exit": 1},
     503, "agent_at_capacity", None),
    ("model unknown", "claude", {"lines": [
        {**RESULT, "is_error": True, "api_error_status": 404, "result": "There's an issue with the selected model"}],
        "exit": 1}, 404, "agent_model_unknown", None),
    ("input", "gemini", {"stderr": "Error: no input", "exit": 42}, 400, "agent_input_rejected", None),
    ("denied", "claude", {"lines": [
        {**RESULT, "permission_denials": [{"tool_name": "Bash", "tool_input": {}}]}]},
     403, "agent_action_denied", None),
    ("empty", "copilot", {}, 502, "agent_empty_answer", None),
    ("empty text", "text", {"lines": ["   "]}, 502, "agent_empty_answer", None),
    ("empty result", "claude", {"lines": [RESULT]}, 502, "agent_empty_answer", None),
    ("first output", "impatient", {"hang": True}, 504, "agent_timeout", None),
    ("its own timeout", "agy", {"stderr": "[agy] print timeout after 60s", "exit": 1}, 504, "agent_timeout", None),
    ("cancelled", "gemini", {"exit": 130}, 502, "agent_cancelled", None),
    ("crashed", "claude", {"signal": 11}, 502, "agent_crashed", None),
    ("killed", "text", {"signal": 9}, 502, "agent_crashed", None),
    ("no end", "claude", {"lines": [{"type": "system", "subtype": "init", "session_id": "s"}]},
     502, "agent_protocol_error", None),
    ("failed", "codex", {"stderr": f"thread 'main' panicked {CANARY}", "exit": 101}, 502, "agent_failed", None),
    ("not there", "absent", {}, 503, "agent_start_failed", None),
]


def assert_no_leak(response):
    text = response.body.decode() + str(response.headers)
    for secret in ["CANARY", "/home/operator", "login.json", "panicked", "/nowhere"]:
        assert secret not in text


@pytest.mark.parametrize("agent, todo, status, code, wait", [row[1:] for row in FAILURES],
                         ids=[row[0] for row in FAILURES])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_failure_has_its_status_and_code(gateway, agents, agent, todo, status, code, wait, stream):
    todo = {"stderr": f"note: {CANARY}\n", **todo}
    response = ask(gateway, agent, agents.run(**todo)[1], stream=stream)
    if stream and agent == "text" and todo.get("lines"):
        # White space went out before it was known that nothing follows.
        assert json.loads(response.events[-1])["error"]["code"] == code
    else:
        assert response.headers["content-type"].startswith("application/json")
        assert (response.status, response.error["code"]) == (status, code)
        assert set(response.error) == {"message", "type", "param", "code"}
    if wait:
        assert wait[0] <= int(response.headers["retry-after"]) <= wait[1]
    elif status in (429, 503) and not (stream and response.status == 200):
        assert int(response.headers["retry-after"]) > 0
    assert "[DONE]" not in response.events and not finish_reasons_of(response)
    assert_no_leak(response)
    record = gateway.access(response.headers["x-request-id"])
    assert record["error_code"] == code
    assert record["outcome"] != "completed"


def finish_reasons_of(response):
    return finish_reasons(response) if response.headers["content-type"].startswith("text/event-stream") else []


LATE = [
    ("a crash", "text", {"signal": 11}, "agent_crashed"),
    ("a failure", "text", {"stderr": f"Error: {CANARY}", "exit": 1}, "agent_failed"),
    ("too many turns", "gemini", {"then": [
        {"type": "error", "severity": "error", "message": "Maximum session turns exceeded"},
        {"type": "result", "status": "success", "stats": {}}]}, "agent_protocol_error"),
    ("no terminal record", "gemini", {}, "agent_protocol_error"),
    ("silence", "fidgety", {"hang": True}, "agent_timeout"),
    ("the total time", "hasty", {"hang": True}, "agent_timeout"),
]


@pytest.mark.parametrize("agent, todo, code", [row[1:] for row in LATE], ids=[row[0] for row in LATE])
def test_a_late_failure_is_the_last_event(gateway, agents, agent, todo, code):
    spoken = [{"type": "message", "role": "assistant", "content": "half an ", "delta": True}]
    lines = spoken if agent == "gemini" else ["half an ", "answer"]
    script = {"lines": lines, **todo}
    if "then" in todo:
        script["lines"] = lines + todo["then"]
        del script["then"]
    response = ask(gateway, agent, agents.run(**script)[1], stream=True)
    assert response.status == 200
    assert streamed_text(response).startswith("half an ")
    assert json.loads(response.events[-1])["error"]["code"] == code
    assert finish_reasons(response) == []
    assert "[DONE]" not in response.events
    assert_no_leak(response)
    whole = ask(gateway, agent, agents.run(**script)[1])
    assert whole.error["code"] == code, "half an answer is no answer"
    assert whole.status == (504 if code == "agent_timeout" else 502)
    assert_no_leak(whole)


def test_what_an_agent_cannot_take_is_refused_by_name(gateway, agents):
    mark, prompt = agents.run(lines=["never"])
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    refused = ask(gateway, "claude", prompt, tools=tools)
    assert (refused.status, refused.error["code"], refused.error["param"]) == (400, "agent_input_rejected", "tools")
    image = [{"role": "user", "content": [
        {"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}]
    refused = asyncio.run(gateway.call("/v1/chat/completions", {"model": "claude", "messages": image}))
    assert (refused.status, refused.error["code"], refused.error["param"]) == (
        400, "agent_input_rejected", "messages[0]")
    assert not agents.has_run(mark)


def test_a_full_agent_says_when_to_come_back(gateway, agents):
    gate = agents.gate()
    mark, prompt = agents.run(lines=["first"], gate=gate)

    async def look():
        first = asyncio.create_task(gateway.chat("single", text=prompt))
        await asyncio.to_thread(agents.notes, mark)
        second = await gateway.chat("single", text=agents.run(lines=["second"])[1])
        await asyncio.to_thread(lambda: open(gate, "w").close())
        return await first, second

    first, second = asyncio.run(look())
    assert (second.status, second.error["code"]) == (503, "agent_busy")
    assert int(second.headers["retry-after"]) > 0
    assert (first.status, first.json()["choices"][0]["message"]["content"]) == (200, "first")


def test_agents_on_the_path_are_found(start, tmp_path):
    found = FakeAgents(tmp_path / "found")
    gateway = start(env={"PATH": found.path})

    async def look():
        models = await gateway.call("/v1/models")
        names = {model["id"] for model in models.json()["data"]}
        assert {"gemini", "claude", "codex", "cursor-agent", "llm"} <= names, names
        return await gateway.chat("claude", text=found.run(
            lines=[{**RESULT, "result": "found", "usage": {"input_tokens": 1, "output_tokens": 1}}])[1])

    answer = asyncio.run(look())
    assert answer.json()["choices"][0]["message"]["content"] == "found"
