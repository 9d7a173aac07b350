"""Where a call goes: conditions, features, sessions, prices, hedges, queues, deadlines, and what the operator sees of it."""

import asyncio
import json

import pytest

from harness.gateway import eventually
from harness.wire import exchange

IMAGE = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]


def target(provider, model="whole", **more):
    return {"provider": provider, "model": model, **more}


def alias(name, *targets, **more):
    return {"name": name, "targets": list(targets), **more}


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    long = {"connect": "1s", "firstByte": "20s", "idle": "20s", "total": "60s"}
    return module_starter(
        {
            "server": {"heartbeat": "1s"},
            "providers": [
                faultd.provider("one", timeouts=long),
                faultd.provider("two", timeouts=long),
                faultd.provider("narrow", timeouts=long, limits={"concurrency": 1, "queue": 2, "wait": "500ms"}),
                faultd.provider("patient", timeouts=long, onDisconnect="drain"),
            ],
            "models": [
                alias("teams", target("one", when={"keys": ["team-*"]}), fallbacks=[target("two")]),
                alias("gold", target("one", when={"headers": {"X-Tier": "gold*"}}), fallbacks=[target("two")]),
                alias("short", target("one", when={"maxInput": 200}), fallbacks=[target("two")]),
                alias("blind", target("one", features=["tools"]), fallbacks=[target("two", features=["vision"])]),
                alias("session", target("one"), target("two"), sticky="session"),
                alias("prefix", target("one"), target("two"), sticky="prefix"),
                alias(
                    "cheap",
                    target("one", price={"input": 10, "output": 1}),
                    target("two", price={"input": 1, "output": 10}),
                    strategy="cost",
                ),
                alias("hedged", target("one", "whole~wait@3000"), fallbacks=[target("two")], hedge={"after": "100ms"}),
                alias("narrow-or-two", target("narrow", "whole~wait@700"), fallbacks=[target("two")]),
                alias("failing", target("one", "s500"), fallbacks=[target("two")]),
            ],
            "keys": [{"name": "team-a", "value": "sk-team-a-key-000001"}, {"name": "bob", "value": "sk-bob-key-00000001"}],
        }
    )


def ask(gateway, model, **more):
    return asyncio.run(gateway.chat(model, **more))


def served(response):
    assert response.status == 200, response.body
    return response.headers["x-gatehouse-provider"]


# Which target


@pytest.mark.parametrize("key, provider", [("sk-team-a-key-000001", "one"), ("sk-bob-key-00000001", "two")])
def test_a_target_can_be_for_some_keys(gateway, key, provider):
    body = {"model": "teams", "messages": [{"role": "user", "content": "x"}]}
    response = asyncio.run(gateway.call("/v1/chat/completions", body, key=key))
    assert served(response) == provider and response.headers["x-gatehouse-attempts"] == "1"


@pytest.mark.parametrize("headers, provider", [([("x-tier", "golden")], "one"), ([("X-TIER", "silver")], "two"), ([], "two")])
def test_a_target_can_be_for_some_headers(gateway, headers, provider):
    assert served(ask(gateway, "gold", headers=headers)) == provider


def test_a_target_can_be_for_some_sizes(gateway):
    assert served(ask(gateway, "short")) == "one"
    assert served(ask(gateway, "short", text="long " * 400)) == "two"


def test_what_a_target_lacks_is_looked_for_elsewhere(gateway):
    assert served(ask(gateway, "blind", tools=TOOLS)) == "one"
    assert served(ask(gateway, "blind", text=IMAGE)) == "two"
    response = ask(gateway, "blind", text=IMAGE, tools=TOOLS)
    assert (response.status, response.error["code"]) == (400, "unsupported_parameter")
    assert "lacks" in response.error["message"]


def test_a_session_stays_where_it_was(gateway):
    names = [f"session-{number}" for number in range(16)]
    homes = [served(ask(gateway, "session", headers=[("x-session-id", name)])) for name in names]
    assert set(homes) == {"one", "two"}
    assert [served(ask(gateway, "session", headers=[("x-session-id", name)])) for name in names] == homes


def test_turns_of_a_conversation_stay_together(gateway):
    for number in range(8):
        first = {"role": "user", "content": f"conversation {number}"}
        turns = [[first], [first, {"role": "assistant", "content": "a"}, {"role": "user", "content": "more"}]]
        bodies = [{"model": "prefix", "messages": turn} for turn in turns]
        homes = {served(asyncio.run(gateway.call("/v1/chat/completions", body))) for body in bodies}
        assert len(homes) == 1


def test_the_cheapest_serves(gateway):
    assert served(ask(gateway, "cheap", max_tokens=4000)) == "one"
    assert served(ask(gateway, "cheap", text="word " * 2000, max_tokens=1)) == "two"


def test_a_slow_target_is_hedged(gateway, faultd):
    user = faultd.user()
    response = ask(gateway, "hedged", user=user)
    assert served(response) == "two" and response.headers["x-gatehouse-attempts"] == "2"
    record = gateway.access(response.headers["x-request-id"])
    assert record["hedged"] is True
    assert record["tries"] == [{"provider": "one", "model": "whole~wait@3000", "outcome": "hedge_lost"}]
    faultd.ask("GET", "/__wait", user=user, event="closed", timeout=5)


# Queues


def test_calls_wait_for_a_moment_and_are_then_refused(gateway):
    async def crowd():
        return await asyncio.gather(*(gateway.chat("narrow/whole~wait@300") for _ in range(6)))

    responses = asyncio.run(crowd())
    statuses = sorted(response.status for response in responses)
    assert statuses.count(200) >= 2 and statuses.count(503) >= 3 and set(statuses) == {200, 503}
    for response in responses:
        if response.status == 503:
            assert response.error["code"] == "overloaded" and int(response.headers["retry-after"]) >= 1
            assert "x-gatehouse-attempts" not in response.headers, "no provider was asked"


def test_a_full_target_is_passed_over(gateway):
    async def crowd():
        return await asyncio.gather(*(gateway.chat("narrow-or-two") for _ in range(5)))

    providers = sorted(served(response) for response in asyncio.run(crowd()))
    assert providers.count("narrow") == 1 and providers.count("two") == 4


# Deadlines and heartbeats


@pytest.mark.parametrize("time", ["0.3", "300ms"])
def test_the_callers_time_limit_holds(gateway, faultd, time):
    user = faultd.user()
    response = ask(gateway, "one/never", user=user, headers=[("x-gatehouse-timeout", time)])
    assert (response.status, response.error["code"]) == (504, "deadline_exceeded")
    faultd.ask("GET", "/__wait", user=user, event="closed", timeout=5)


@pytest.mark.parametrize("time", ["", "soon", "-1", "0", "1e9", "25h", "5 s", "5d"])
def test_a_time_limit_that_is_none_is_refused(gateway, time):
    response = ask(gateway, "one/whole", headers=[("x-gatehouse-timeout", time)])
    assert (response.status, response.error["code"]) == (400, "invalid_value")
    assert response.error["param"] == "x-gatehouse-timeout"


def test_a_waiting_client_is_kept_warm(gateway):
    response = ask(gateway, "one/words~wait@2500", stream=True)
    assert response.status == 200 and b": keep-alive\n\n" in response.body
    assert response.events[-1] == "[DONE]"


def test_an_error_behind_a_heartbeat_is_the_last_event(gateway):
    response = ask(gateway, "one/s503~wait@2500", stream=True)
    assert response.status == 200 and b": keep-alive\n\n" in response.body
    assert json.loads(response.events[-1])["error"]["code"] == "upstream_overloaded"


# Reading on


def test_a_drained_answer_is_counted(gateway, faultd):
    user = faultd.user()

    async def leave():
        body = {"model": "patient/words~drip@100~split@200", "stream": True, "user": user}
        body["messages"] = [{"role": "user", "content": "x"}]
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(gateway.request("/v1/chat/completions", body, headers=[("x-request-id", "drained-1")]))
        await reader.readuntil(b"data: ")
        writer.close()

    asyncio.run(leave())
    record = gateway.access("drained-1")
    assert record["drained"] is True and record["outcome"] == "client_gone"
    assert record["input_tokens"] == 11 and record["output_tokens"] == 8


# What the operator sees


def admin(gateway, path, body=None, method=None):
    response = asyncio.run(gateway.call(f"/admin/api/{path}", body, method=method or ("GET" if body is None else "POST")))
    return response.status, response.json()


def explain(gateway, model, **more):
    body = {"model": model, "messages": [{"role": "user", "content": more.pop("text", "x")}], **more.pop("fields", {})}
    status, answer = admin(gateway, "routes/explain", {"body": body, **more})
    assert status == 200, answer
    return {each["provider"]: (each["verdict"], each["reason"]) for each in answer["targets"]}


def test_routes_are_explained_without_a_call(gateway, faultd):
    before = len(faultd.ledger())
    assert explain(gateway, "teams", key="team-a") == {"one": ("chosen", None), "two": ("next", None)}
    assert explain(gateway, "teams", key="bob") == {"one": ("passed_over", "it is not for this key"), "two": ("chosen", None)}
    assert explain(gateway, "gold", headers={"X-Tier": "gold"})["one"][0] == "chosen"
    assert explain(gateway, "blind", text=IMAGE)["one"] == ("passed_over", "it lacks vision")
    sticky = [explain(gateway, "session", headers={"X-Session-ID": "s1"}) for _ in range(4)]
    assert all(each == sticky[0] for each in sticky)
    assert explain(gateway, "one/m") == {"one": ("chosen", None)}
    message = {"max_tokens": 5, "temperature": 0.5, "messages": [{"role": "user", "content": "x"}]}
    status, answer = admin(
        gateway, "routes/explain", {"path": "/v1/messages", "body": {"model": "gatehouse/echo", **message}}
    )
    assert status == 200 and answer["targets"][0]["dropped_params"] == ["temperature"]
    assert len(faultd.ledger()) == before


@pytest.mark.parametrize(
    "body, status, param",
    [
        ({}, 400, "body"),
        ({"body": {"model": "teams"}}, 400, "messages"),
        ({"body": {"model": "none", "messages": [1]}}, 404, "model"),
        ({"body": {"model": "teams", "messages": [1]}, "path": "/v1/nope"}, 400, "path"),
        ({"body": {"model": "teams", "messages": [1]}, "who": 1}, 400, "who"),
    ],
)
def test_what_cannot_be_explained_is_told(gateway, body, status, param):
    got, answer = admin(gateway, "routes/explain", body)
    assert (got, answer["error"]["param"]) == (status, param)


def test_a_breaker_is_seen_and_reset(gateway):
    for _ in range(5):
        assert served(ask(gateway, "failing")) == "two"
    status, answer = admin(gateway, "deployments")
    found = [each for each in answer["deployments"] if each["model"] == "s500"]
    assert status == 200 and [(each["breaker"], each["in_flight"]) for each in found] == [("open", 0)]
    assert explain(gateway, "failing")["one"][0] == "last_resort"
    assert admin(gateway, "deployments/reset", {"provider": "one", "model": "s500"}) == (200, {"reset": ["one/s500"]})
    assert explain(gateway, "failing")["one"][0] == "chosen"
    assert admin(gateway, "deployments/reset", {"provider": "none"})[0] == 404
    assert admin(gateway, "deployments/reset", {"model": "s500"})[1]["error"]["param"] == "provider"
    assert "one/s500" in admin(gateway, "deployments/reset", {})[1]["reset"], "all of them"


@pytest.mark.parametrize("method, path", [("GET", "deployments"), ("POST", "deployments/reset"), ("POST", "routes/explain")])
def test_routing_is_the_operators_affair(gateway, method, path):
    for key, status in (("sk-bob-key-00000001", 403), ("sk-wrong", 401)):
        response = asyncio.run(gateway.call(f"/admin/api/{path}", {} if method == "POST" else None, method=method, key=key))
        assert response.status == status


def test_metrics_tell_of_listed_targets_only(gateway):
    ask(gateway, "one/made-up-by-a-caller")
    text = asyncio.run(gateway.call("/metrics", method="GET")).body.decode()
    assert 'gatehouse_deployment_inflight{model="whole",provider="one"} 0' in text
    assert "made-up" not in text and "gatehouse_drains 0" in text
