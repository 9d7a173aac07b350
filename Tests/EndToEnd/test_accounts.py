"""Accounts of agents: homes of their own, quotas that rest the one account, logins that are refused, and what is told of it."""
import asyncio
import json
import os
import stat

import pytest

from harness.agents import FakeAgents, alive
from harness.gateway import eventually

BOB = "sk-bob-of-accounts-000001"
EVE = "sk-eve-of-accounts-000001"


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    return FakeAgents(tmp_path_factory.mktemp("agents"))


@pytest.fixture
def team(start, agents):
    """Starts a gateway with the agent `team`, which has these accounts."""
    def make(*accounts, kind="custom", **more):
        agent = agents.configuration(kind, "team", accounts=[
            account if isinstance(account, dict) else {"name": account} for account in accounts], **more)
        return start({
            "agents": [agent],
            "keys": [{"name": "bob", "value": BOB, "models": ["team", "other/*"]},
                     {"name": "eve", "value": EVE, "models": ["gatehouse/*"]}],
        })
    return make


def ask(gateway, prompt, model="team", **fields):
    return asyncio.run(gateway.chat(model, text=prompt, **fields))


def call(gateway, method, path, key=None):
    return asyncio.run(gateway.call(path, method=method, key=key or gateway.key))


def accounts(gateway, key=None):
    response = call(gateway, "GET", "/api/accounts", key)
    assert response.status == 200, response.body
    return {account["name"]: account for account in response.json()["accounts"]}


def served(gateway, response):
    assert response.status == 200, response.body
    return gateway.access(response.headers["x-request-id"])["account"]


def test_each_account_has_a_private_home_and_nothing_is_shared(team, agents):
    gateway = team("one", "two")
    homes = {}
    for _ in range(4):
        mark, prompt = agents.run(lines=["hi"])
        account = served(gateway, ask(gateway, prompt))
        given = agents.notes(mark)
        homes.setdefault(account, set()).add(given["environment"]["HOME"])
        assert not set(given["environment"]) & {"ANTHROPIC_API_KEY", "CODEX_HOME", "CLAUDE_CONFIG_DIR"}
    assert set(homes) == {"one", "two"}
    assert all(len(places) == 1 for places in homes.values()), "an account keeps its home"
    places = [gateway.data / "accounts" / "team" / name for name in homes]
    assert {str(place) for place in places} == set.union(*homes.values())
    for place in places:
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert list(place.iterdir()) == []


def test_a_quota_rests_that_account_and_the_call_moves_on(team, agents):
    gateway = team("one", "two")
    mark, prompt = agents.run(stderr="error: usage limit reached, resets in 3h\n", exit=1)
    refused = ask(gateway, prompt)
    assert (refused.status, refused.error["code"]) == (429, "agent_quota_exhausted"), "both were asked and said so"
    assert refused.headers["x-gatehouse-attempts"] == "2"
    assert 10_700 <= int(refused.headers["retry-after"]) <= 10_800
    told = accounts(gateway)
    assert [told[name]["state"] for name in ("one", "two")] == ["resting", "resting"]
    rest = told["one"]["rests"][0]
    assert rest["reason"] == "quota" and 10_700 <= rest["seconds"] <= 10_800
    assert told["one"]["forecast"]["seconds"] == rest["seconds"] and told["one"]["rest_until"] == rest["until"]
    mark, prompt = agents.run(lines=["hi"])
    again = ask(gateway, prompt)
    assert again.status == 429 and not agents.has_run(mark), "nobody is asked"
    assert call(gateway, "POST", "/admin/api/accounts/team/two/reset").status == 200
    assert served(gateway, ask(gateway, prompt)) == "two"
    assert accounts(gateway)["two"]["state"] == "usable"
    assert call(gateway, "POST", "/admin/api/accounts/team/three/reset").status == 404
    assert call(gateway, "POST", "/admin/api/accounts/other/two/reset").status == 404


def test_a_login_that_is_refused_is_left_out_until_it_is_reset(team, agents):
    gateway = team("one", "two")
    mark, prompt = agents.run(stderr="error: not logged in\n", exit=1)
    refused = ask(gateway, prompt)
    assert (refused.status, refused.error["code"]) == (502, "agent_not_authenticated")
    assert [accounts(gateway)[name]["state"] for name in ("one", "two")] == ["signed_out", "signed_out"]
    assert accounts(gateway)["one"]["forecast"] is None
    mark, prompt = agents.run(lines=["hi"])
    assert ask(gateway, prompt).error["code"] == "agent_not_authenticated" and not agents.has_run(mark)
    eventually(lambda: gateway.log_file.read_text().count("An agent's account is not logged in") == 2, what="two alerts")
    call(gateway, "POST", "/admin/api/accounts/team/one/reset")
    assert served(gateway, ask(gateway, prompt)) == "one"


def test_an_account_runs_once_at_a_time(team, agents):
    gateway = team({"name": "one"}, {"name": "two", "concurrency": 2})
    gate = agents.gate()

    async def look():
        runs = [agents.run(lines=["first"], gate=gate) for _ in range(3)]
        calls = [asyncio.create_task(gateway.chat("team", text=prompt)) for _, prompt in runs]
        for mark, _ in runs:
            await asyncio.to_thread(agents.notes, mark)
        mark, prompt = agents.run(lines=["late"])
        late = asyncio.create_task(gateway.chat("team", text=prompt))
        queued = 'gatehouse_agent_accounts_queued{agent="team"} 1'
        await asyncio.to_thread(
            eventually, lambda: queued in asyncio.run(gateway.call("/metrics", method="GET")).body.decode(), 10, "it waits")
        assert not agents.has_run(mark)
        opener = await asyncio.to_thread(open, gate, "w")
        answers = await asyncio.gather(*calls)
        opener.close()
        return answers, await late

    answers, late = asyncio.run(look())
    assert sorted(served(gateway, answer) for answer in answers) == ["one", "two", "two"]
    assert served(gateway, late) in ("one", "two"), "as soon as one was free"
    # One behind the other: each finds its account free when it has the answer of the one before.
    solo = team("only")
    for _ in range(8):
        assert served(solo, ask(solo, agents.run(lines=["hi"])[1])) == "only"


def test_an_account_is_taken_until_its_process_has_ended(team, agents):
    gateway = team("only", timeouts={"grace": "1s"})
    mark, prompt = agents.run(lines=["first"], deaf=True, hang=True)

    async def leave():
        body = json.dumps({"model": "team", "stream": True, "messages": [{"role": "user", "content": prompt}]})
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write((f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.key}\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
        await reader.readuntil(b"first")
        writer.close()

    asyncio.run(leave())
    notes = agents.notes(mark)
    second, prompt = agents.run(lines=["hi"])
    response = ask(gateway, prompt)
    assert response.status == 200 and not alive(notes), "it waited: never two at a time"
    eventually(lambda: accounts(gateway)["only"]["running"] == 0, 10, "the account given back")
    assert not alive(notes)
    assert served(gateway, ask(gateway, prompt)) == "only"


def test_windows_are_told_as_the_agent_tells_them(team, agents):
    gateway = team("one", kind="claude")
    lines = [
        {"type": "system", "subtype": "init", "session_id": "s", "model": "m"},
        {"type": "rate_limit_event", "rate_limit_info": {
            "status": "allowed_warning", "resetsAt": 4102444800, "rateLimitType": "five_hour", "utilization": 0.85}},
        {"type": "assistant", "message": {"id": "a", "role": "assistant", "content": [{"type": "text", "text": "hi"}]}},
        {"type": "result", "subtype": "success", "is_error": False, "result": "hi"},
    ]
    assert served(gateway, ask(gateway, agents.run(lines=lines)[1])) == "one"
    assert accounts(gateway)["one"]["windows"] == [
        {"kind": "five_hour", "used": 0.85, "resets_at": "2100-01-01T00:00:00.000Z"}]


def test_callers_see_names_and_states_of_what_they_may_use(team, agents):
    gateway = team("one", {"name": "two", "home": str(_private(agents, "elsewhere"))})
    assert accounts(gateway, BOB) == {
        "one": {"agent": "team", "name": "one", "state": "usable"},
        "two": {"agent": "team", "name": "two", "state": "usable"}}
    assert accounts(gateway, EVE) == {}
    assert call(gateway, "GET", "/api/accounts", "sk-nobody").status == 401
    assert call(gateway, "POST", "/admin/api/accounts/team/one/reset", BOB).status == 403
    whole = call(gateway, "GET", "/api/accounts").body
    assert str(agents.base) not in str(whole) and str(gateway.data) not in str(whole)


def _private(agents, name):
    path = agents.base / name
    path.mkdir(mode=0o700)
    return path


def test_a_home_that_lets_others_in_is_refused(team, agents):
    open_home = agents.base / "open"
    open_home.mkdir()
    os.chmod(open_home, 0o755)
    gateway = team({"name": "one", "home": str(open_home)})
    gateway.await_log("cannot be used")
    mark, prompt = agents.run(lines=["hi"])
    response = ask(gateway, prompt)
    assert (response.status, response.error["code"]) == (503, "agent_start_failed")
    assert not agents.has_run(mark)


def test_another_model_serves_when_one_is_unknown(team, agents):
    gateway = team("one", kind="claude", model="opus", fallbackModels=["opus", "haiku"])
    mark, prompt = agents.run(stderr="error: model not found: opus\n", exit=1)
    response = ask(gateway, prompt)
    assert response.error["code"] == "agent_model_unknown" and response.headers["x-gatehouse-attempts"] == "2"
    assert "haiku" in agents.notes(mark)["argv"]
    mark, prompt = agents.run(stderr="error: something broke\n", exit=1)
    assert ask(gateway, prompt).headers["x-gatehouse-attempts"] == "1"
