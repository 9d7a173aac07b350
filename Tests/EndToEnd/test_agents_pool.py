"""Agents whose processes are kept: Tests/Support/fakeacp.py behind the gateway."""
import asyncio
import json
import pathlib
import signal

import pytest

from harness.agents import streamed_text
from harness.gateway import eventually
from harness.sandbox import need_sandbox, record_of, why_no_sandbox
from harness.wire import read_head

FAKEACP = pathlib.Path(__file__).resolve().parents[1] / "Support/fakeacp.py"
KEYS = {"ann": "sk-ann-0123456789abcdef0123", "bob": "sk-bob-0123456789abcdef0123"}


def agent(name="warm", *arguments, write=None, **more):
    place = {"sandbox": "off"} if why_no_sandbox() else {"write": [str(write)]} if write else {}
    more.setdefault("pool", {"idle": "2s"})
    return {"name": name, "kind": "acp", "command": ["python3", str(FAKEACP), *arguments], **place, **more}


def configuration(*agents):
    return {"agents": list(agents),
            "keys": [{"name": name, "value": key, "models": ["*"]} for name, key in KEYS.items()]}


def do(**todo):
    return "do: " + json.dumps(todo)


def ask(gateway, model="warm", text="Hello", key=None, headers=(), messages=None, **fields):
    body = {"model": model, "messages": messages or [{"role": "user", "content": text}], **fields}
    return asyncio.run(gateway.call(
        "/v1/chat/completions", body, key=key or gateway.key, headers=headers))


def told(answer):
    """What the fake says of itself."""
    assert answer.status == 200, answer.body
    return json.loads(answer.json()["choices"][0]["message"]["content"])


def metric(gateway, name):
    """Samples of a metric by their labels."""
    text = asyncio.run(gateway.call("/metrics", method="GET")).body.decode()
    return {line.split(" ")[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)}


@pytest.fixture(scope="module")
def gateway(module_starter):
    return module_starter(configuration(
        agent(), agent("strict", limits={"output": "1MiB"}), agent("single", pool={"maximum": 1, "queue": 0, "idle": "2s"}),
        agent("workspace", **({} if why_no_sandbox() else {"sandbox": "workspace"}))))


def test_the_second_turn_finds_the_process_of_the_first(gateway):
    first, second = told(ask(gateway)), told(ask(gateway, text="again"))
    assert first["instance"] == second["instance"]
    assert first["session"] != second["session"], "calls that know nothing of each other share no session"
    assert (second["turns"], second["prompt"]) == (1, "again")


def test_streams(gateway):
    answer = ask(gateway, text=do(say="one two"), stream=True)
    assert streamed_text(answer) == "one two"
    assert answer.events[-1] == "[DONE]"


def test_usage_and_reasons(gateway):
    answer = ask(gateway, text=do(say="cut", stop="max_tokens")).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (3, 4)


def test_two_keys_never_share_a_process(gateway):
    seen = {name: {told(ask(gateway, key=key))["instance"] for _ in range(3)} for name, key in KEYS.items()}
    assert all(len(instances) == 1 for instances in seen.values())
    assert seen["ann"].isdisjoint(seen["bob"])


def test_they_are_confined(gateway):
    need_sandbox()
    answer = ask(gateway)
    assert record_of(gateway, answer) == "readOnly"


def test_permissions_follow_the_policy(gateway):
    assert told(ask(gateway, text=do(tool=True)))["outcome"] == {"outcome": "selected", "optionId": "no-1"}
    if not why_no_sandbox():
        allowed = told(ask(gateway, "workspace", text=do(tool=True)))
        assert allowed["outcome"] == {"outcome": "selected", "optionId": "yes-1"}


@pytest.mark.parametrize("method", ["fs/read_text_file", "terminal/create"])
def test_what_is_not_offered_is_refused(gateway, method):
    assert told(ask(gateway, text=do(call=method)))["answer"]["error"]["code"] == -32601


def test_one_that_may_write_serves_one_call_only(gateway):
    need_sandbox()
    assert told(ask(gateway, "workspace"))["instance"] != told(ask(gateway, "workspace"))["instance"]


def test_files_of_each_turn_are_kept(gateway):
    need_sandbox()
    headers = [("X-Session-ID", "files")]
    for name in ["one.txt", "two.txt"]:
        answer = ask(gateway, "workspace", text=do(files={name: "made"}), headers=headers)
        assert answer.headers["x-gatehouse-artifacts"] == "/api/artifacts/files"
    listing = asyncio.run(gateway.call("/api/artifacts/files")).json()
    assert [artifact["name"] for artifact in listing["artifacts"]] == ["one.txt", "two.txt"]


# What goes wrong


async def leave(gateway, model, text):
    """Begins a stream, reads its beginning, and leaves."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": True}
    writer.write(gateway.request("/v1/chat/completions", body))
    await writer.drain()
    assert (await read_head(reader)).status == 200
    writer.close()


def test_who_leaves_cancels_the_turn_and_the_process_stays(gateway):
    before = told(ask(gateway))["instance"]
    asyncio.run(leave(gateway, "warm", do(say="words", hang=True)))
    # The process is busy until it has heard of it.
    busy = 'gatehouse_agent_pool_processes{agent="warm",state="busy"}'
    eventually(lambda: metric(gateway, busy).get(busy) == 0, what="no turn")
    assert told(ask(gateway))["instance"] == before


def test_an_agent_that_ignores_the_cancel_is_killed(gateway):
    before = told(ask(gateway))["instance"]
    asyncio.run(leave(gateway, "warm", do(say="words", hang=True, deaf=True)))
    busy = 'gatehouse_agent_pool_processes{agent="warm",state="busy"}'
    eventually(lambda: metric(gateway, busy).get(busy) == 0, what="no turn")
    assert told(ask(gateway))["instance"] != before


def test_one_that_dies_in_a_turn_is_replaced(gateway):
    before = told(ask(gateway))["instance"]
    answer = ask(gateway, text=do(die=3))
    assert (answer.status, answer.error["code"]) == (502, "agent_failed")
    assert told(ask(gateway))["instance"] != before


def test_one_that_dies_in_a_stream_breaks_it_visibly(gateway):
    answer = ask(gateway, text=do(die=0), stream=True)
    assert answer.status != 200 or "[DONE]" not in answer.events


def test_a_flood_ends_it(gateway):
    before = told(ask(gateway, "strict"))["instance"]
    answer = ask(gateway, "strict", text=do(flood=8))
    assert (answer.status, answer.error["code"]) == (502, "agent_output_too_large")
    assert told(ask(gateway, "strict"))["instance"] != before


def test_a_full_pool_says_when_to_come_again(gateway):
    async def look():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        body = {"model": "single", "messages": [{"role": "user", "content": do(say="x", hang=True)}], "stream": True}
        writer.write(gateway.request("/v1/chat/completions", body))
        assert (await read_head(reader)).status == 200
        refused = await gateway.chat("single")
        writer.close()
        return refused

    refused = asyncio.run(look())
    assert (refused.status, refused.error["code"]) == (503, "agent_busy")
    assert 1 <= int(refused.headers["retry-after"]) <= 60


@pytest.mark.parametrize("arguments, status, code", [
    (["--hang"], 504, "agent_timeout"), (["--version", "2"], 502, "agent_protocol_error"),
    (["--fail", "Error: not logged in"], 502, "agent_not_authenticated"),
    (["--auth"], 502, "agent_not_authenticated"),
])
def test_handshakes_that_fail(start, arguments, status, code):
    handshake = "1s" if "--hang" in arguments else "30s"
    gateway = start(configuration(agent("warm", *arguments, timeouts={"handshake": handshake, "grace": "200ms"})))
    answer = ask(gateway)
    assert (answer.status, answer.error["code"]) == (status, code), answer.body


def test_after_three_failed_handshakes_no_more_are_tried(start, tmp_path):
    count = tmp_path / "count"
    count.touch()
    gateway = start(configuration(agent("warm", "--fail", "broken", "--count", str(count), write=count)))
    for _ in range(6):
        answer = ask(gateway)
        assert answer.status >= 500
        gateway.forgive()
    assert len(count.read_text().splitlines()) == 3
    assert int(answer.headers["retry-after"]) >= 1
    failed = metric(gateway, "gatehouse_agent_handshakes_failed_total")
    assert failed == {'gatehouse_agent_handshakes_failed_total{agent="warm"}': 3}


def test_a_place_at_an_account_is_given_back(start):
    """An account has one place; a call that kept it would be the last one."""
    gateway = start(configuration(agent(accounts=[{"name": "one"}])))
    first = told(ask(gateway))["instance"]
    assert told(ask(gateway))["instance"] == first
    ask(gateway, text=do(die=1))
    assert told(ask(gateway))["instance"] != first
    asyncio.run(leave(gateway, "warm", do(say="words", hang=True)))
    eventually(lambda: ask(gateway).status == 200, what="a place")


# Spares, reloads, ends


def warm(gateway, state="idle", name="warm"):
    key = f'gatehouse_agent_pool_processes{{agent="{name}",state="{state}"}}'
    return metric(gateway, key).get(key)


def test_a_spare_is_ready_before_anybody_asks(start, tmp_path):
    count = tmp_path / "count"
    count.touch()
    gateway = start(configuration(
        agent("warm", "--slow", "0.5", "--count", str(count), write=count,
              pool={"minimum": 1, "maximum": 2, "age": "4s"})))
    eventually(lambda: warm(gateway) == 1, what="a spare")
    assert told(ask(gateway))["instance"] == count.read_text().splitlines()[0]
    eventually(lambda: warm(gateway) == 2, what="another spare")
    gateway.ended_by_test = True
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    eventually(lambda: not gateway.children(), what="no process")


def test_a_reload_keeps_what_is_warm(start):
    gateway = start(configuration(agent()))
    before = told(ask(gateway))["instance"]
    gateway.signal(signal.SIGHUP)
    gateway.await_log("reload")
    assert told(ask(gateway))["instance"] == before
    gateway.configure(configuration(agent(pool={"idle": "1s"})))
    gateway.signal(signal.SIGHUP)
    eventually(lambda: told(ask(gateway))["instance"] != before, what="a process of the new settings")


def test_a_killed_gateway_leaves_nothing(start):
    gateway = start(configuration(agent(pool={"idle": "1h"})))
    told(ask(gateway))
    children = gateway.children()
    assert children
    gateway.ended_by_test = True
    gateway.process.kill()
    gateway.process.wait()
    eventually(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in children), 5, "nobody is left")


# Sessions


def talk(gateway, messages, session="talk", key=None, name="warm"):
    answer = ask(gateway, name, messages=messages, headers=[("X-Session-ID", session)], key=key)
    assert answer.status == 200, answer.body
    text = answer.json()["choices"][0]["message"]["content"]
    return json.loads(text), text


def user(text):
    return {"role": "user", "content": text}


def test_a_session_goes_on_where_it_was(gateway):
    messages = [{"role": "system", "content": "Be brief."}, user("first")]
    first, text = talk(gateway, messages)
    messages += [{"role": "assistant", "content": text}, user("second")]
    second, text = talk(gateway, messages)
    assert (second["instance"], second["session"], second["turns"]) == (first["instance"], first["session"], 2)
    assert second["prompt"] == "second", "only what is new is said"
    # What somebody changed is another conversation.
    changed = [*messages[:1], user("something else"), *messages[2:]]
    third, _ = talk(gateway, changed)
    assert third["session"] != first["session"]
    assert "something else" in third["prompt"]


def test_a_session_is_its_owners(gateway):
    first, text = talk(gateway, [user("first")], "shared", KEYS["ann"])
    messages = [user("first"), {"role": "assistant", "content": text}, user("second")]
    other, _ = talk(gateway, messages, "shared", KEYS["bob"])
    assert other["session"] != first["session"] and "first" in other["prompt"]
    mine, _ = talk(gateway, messages, "shared", KEYS["ann"])
    assert (mine["session"], mine["prompt"]) == (first["session"], "second")


def test_a_session_whose_process_died_is_told_again(gateway):
    first, text = talk(gateway, [user("first")], "dying")
    ask(gateway, text=do(die=1))
    messages = [user("first"), {"role": "assistant", "content": text}, user("second")]
    second, _ = talk(gateway, messages, "dying")
    assert second["instance"] != first["instance"]
    assert "first" in second["prompt"] and "second" in second["prompt"]
