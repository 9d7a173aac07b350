"""Answers that are kept: for equal requests of the same key only, behind everything that could refuse the call."""

import asyncio
import concurrent.futures
import re

import pytest
import requests

ANN, BOB = ({"name": name, "value": f"gh-key-of-{name}-0123456789", "models": ["*"]} for name in ("ann", "bob"))
NARROW = {"name": "narrow", "value": "gh-key-of-narrow-0123456789", "rateLimit": {"requests": "2/h"}}
PROMPT = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    return module_starter({"keys": [ANN, BOB, NARROW], "providers": [faultd.provider()], "cache": {"enabled": True}})


def ask(gateway, user, model="fault/whole", who=ANN, wish=None, path="/v1/chat/completions", **fields):
    headers = {"Authorization": f"Bearer {who['value']}", **({"X-Gatehouse-Cache": wish} if wish else {})}
    body = {"model": model, "messages": PROMPT, "user": user, **fields}
    return requests.post(gateway.url + path, json=body, headers=headers, timeout=30)


def count(faultd, user):
    return len(faultd.entries(user))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_equal_request_gets_the_same_answer(gateway, faultd, stream):
    user, model = faultd.user(), "fault/words" if stream else "fault/whole"
    answers = [ask(gateway, user, model, stream=stream) for _ in range(3)]
    assert [got.headers["x-gatehouse-cache"] for got in answers] == ["miss", "hit", "hit"]
    assert answers[0].content == answers[1].content == answers[2].content
    assert len({got.headers["content-type"] for got in answers}) == 1
    assert answers[0].headers["x-gatehouse-attempts"] == "1" and "x-gatehouse-attempts" not in answers[1].headers
    assert count(faultd, user) == 1


def test_nobody_gets_the_answer_of_another_key(gateway, faultd):
    user = faultd.user()
    assert ask(gateway, user).headers["x-gatehouse-cache"] == "miss"
    assert ask(gateway, user, who=BOB).headers["x-gatehouse-cache"] == "miss"
    assert ask(gateway, user, temperature=0).headers["x-gatehouse-cache"] == "miss"
    assert count(faultd, user) == 3


def test_wishes(gateway, faultd):
    user = faultd.user()
    missing = ask(gateway, user, wish="only-if-cached")
    assert missing.status_code == 504 and missing.json()["error"]["code"] == "not_cached"
    assert ask(gateway, user, wish="no-store").headers["x-gatehouse-cache"] == "bypass"
    assert ask(gateway, user).headers["x-gatehouse-cache"] == "miss"
    assert ask(gateway, user, wish="only-if-cached").headers["x-gatehouse-cache"] == "hit"
    assert ask(gateway, user, wish="refresh").headers["x-gatehouse-cache"] == "miss"
    wrong = ask(gateway, user, wish="always")
    assert wrong.status_code == 400 and wrong.json()["error"]["param"] == "x-gatehouse-cache"
    assert count(faultd, user) == 3


def test_many_at_once_are_one(gateway, faultd):
    user = faultd.user()
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        got = list(pool.map(lambda _: ask(gateway, user, "fault/whole~wait@300"), range(40)))
    assert {one.status_code for one in got} == {200} and len({one.content for one in got}) == 1
    assert sorted(one.headers["x-gatehouse-cache"] for one in got) == ["hit"] * 39 + ["miss"]
    assert count(faultd, user) == 1


def test_errors_and_cut_answers_are_not_kept(gateway, faultd):
    for model, stream in (("fault/s400", False), ("fault/words~cut@300", True)):
        user = faultd.user()
        for _ in range(2):
            assert ask(gateway, user, model, stream=stream).headers["x-gatehouse-cache"] == "miss"
        assert count(faultd, user) >= 2


def test_tools_are_not_answered_from_it(gateway, faultd):
    user = faultd.user()
    tools = [{"type": "function", "function": {"name": "pay", "parameters": {"type": "object"}}}]
    assert [ask(gateway, user, tools=tools).headers["x-gatehouse-cache"] for _ in range(2)] == ["bypass"] * 2
    assert count(faultd, user) == 2


def test_keys_and_limits_come_first(gateway, faultd):
    user = faultd.user()
    assert [ask(gateway, user, who=NARROW).status_code for _ in range(3)] == [200, 200, 429]
    assert count(faultd, user) == 1
    stranger = {"value": "gh-key-of-nobody-0123456789"}
    assert ask(gateway, user, who=stranger).status_code == 401
    assert ask(gateway, user, who=stranger, wish="only-if-cached").status_code == 401


def test_a_spent_budget_comes_first(start, faultd):
    poor = {**ANN, "budget": {"amount": 1}}
    price = {"provider": "fault", "model": "*", "input": 0, "output": 0, "perRequest": 1}
    gateway = start({"keys": [poor], "providers": [faultd.provider()], "prices": [price], "cache": {"enabled": True}})
    user = faultd.user()
    got = [ask(gateway, user) for _ in range(2)]
    assert [one.status_code for one in got] == [200, 402], got[1].text
    assert got[1].json()["error"]["code"] == "budget_exceeded" and count(faultd, user) == 1


def test_requests_are_counted(gateway, faultd):
    ask(gateway, faultd.user())
    metrics = asyncio.run(gateway.call("/metrics")).body.decode()
    for outcome in ("hit", "miss", "bypass"):
        assert re.search(rf'gatehouse_cache_requests_total\{{outcome="{outcome}"\}} [1-9]', metrics), outcome


def test_without_a_cache_nothing_is_said_of_it(start, faultd):
    gateway, user = start({"keys": [ANN], "providers": [faultd.provider()]}), faultd.user()
    assert ["x-gatehouse-cache" in ask(gateway, user).headers for _ in range(2)] == [False, False]
    assert count(faultd, user) == 2
    assert ask(gateway, user, wish="only-if-cached").json()["error"]["code"] == "not_cached"
