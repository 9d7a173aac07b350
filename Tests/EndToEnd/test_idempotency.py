"""Named calls: carried out once, whoever asks again, whatever ends in between."""

import asyncio
import concurrent.futures
import json
import os
import signal
import socket

import pytest
import requests
from harness.gateway import eventually
from harness.wire import request_bytes

ANN, BOB = ({"name": name, "value": f"gh-key-of-{name}-0123456789", "models": ["*"]} for name in ("ann", "bob"))
PROMPT = [{"role": "user", "content": "Hello"}]


def config(faultd):
    return {"keys": [ANN, BOB], "providers": [faultd.provider()], "files": {"minFree": 0}}


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    return module_starter(config(faultd))


def body(model, user, **fields):
    return {"model": model, "messages": PROMPT, "user": user, **fields}


def ask(gateway, name, model, user, who=ANN, path="/v1/chat/completions", **fields):
    headers = {"Authorization": f"Bearer {who['value']}", "Idempotency-Key": name}
    return requests.post(gateway.url + path, json=body(model, user, **fields), headers=headers, timeout=30)


def count(faultd, user):
    return len(list(faultd.entries(user)))


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_is_given_again_byte_by_byte(gateway, faultd, path, stream):
    user, name = faultd.user(), f"again-{path}-{stream}"
    fields = {"max_tokens": 50} if path != "/v1/responses" else {}
    request = {"model": "fault/words" if stream else "fault/whole", "stream": stream, **fields}
    request |= {"input": "Hello", "user": user} if path == "/v1/responses" else {"messages": PROMPT}
    request |= {"user": user} if path == "/v1/chat/completions" else {"metadata": {"user_id": user}} \
        if path == "/v1/messages" else {}
    headers = {"Authorization": f"Bearer {ANN['value']}", "Idempotency-Key": name}
    answers = [requests.post(gateway.url + path, json=request, headers=headers, timeout=30) for _ in range(3)]
    assert [got.status_code for got in answers] == [200] * 3, answers[0].text
    assert answers[0].content == answers[1].content == answers[2].content and answers[0].content
    assert [got.headers.get("idempotent-replayed") for got in answers] == [None, "true", "true"]
    assert len({got.headers["content-type"] for got in answers}) == 1
    assert answers[1].headers["x-gatehouse-provider"] == "fault"
    assert len({got.headers["x-request-id"] for got in answers}) == 3
    assert count(faultd, user) == 1


def test_fifty_at_once_are_one(gateway, faultd):
    for round in range(4):
        user, name = faultd.user(), f"fifty-{round}"
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            got = list(pool.map(lambda _: ask(gateway, name, "fault/whole~wait@200", user), range(50)))
        codes = [(one.status_code, one.json().get("error", {}).get("code")) for one in got]
        assert set(codes) <= {(200, None), (409, "idempotency_in_progress")} and (200, None) in codes
        assert all(one.headers["retry-after"] == "1" for one in got if one.status_code == 409)
        assert count(faultd, user) == 1
        assert ask(gateway, name, "fault/whole~wait@200", user).headers["idempotent-replayed"] == "true"


def test_another_body_route_or_owner(gateway, faultd):
    user = faultd.user()
    assert ask(gateway, "other", "fault/whole", user).status_code == 200
    for got in (ask(gateway, "other", "fault/whole", user, n=1),
                ask(gateway, "other", "fault/whole", user, path="/v1/completions", prompt="x")):
        assert got.status_code == 422 and got.json()["error"]["code"] == "idempotency_key_reused"
    assert ask(gateway, "other", "fault/whole", user, who=BOB).headers.get("idempotent-replayed") is None
    assert count(faultd, user) == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_caller_that_leaves_finds_its_answer(gateway, faultd, stream):
    user, name = faultd.user(), f"leaves-{stream}"
    model = "fault/words~split@200~drip@50" if stream else "fault/whole~wait@500"
    request = request_bytes("/v1/chat/completions", body(model, user, stream=stream), key=ANN["value"],
                            headers=[("idempotency-key", name)])
    with socket.create_connection(("127.0.0.1", gateway.port)) as caller:
        caller.sendall(request)
        faultd.wait(user, "received")
    eventually(lambda: ask(gateway, name, model, user, stream=stream).status_code == 200, what="the answer")
    got = ask(gateway, name, model, user, stream=stream)
    assert got.headers["idempotent-replayed"] == "true" and count(faultd, user) == 1
    assert "[DONE]" in got.text if stream else got.json()["choices"][0]["message"]["content"].startswith("Four")


def test_what_was_not_carried_out_may_be_tried_again(gateway, faultd):
    user = faultd.user()
    assert ask(gateway, "retry", "fault/s400", user).status_code == 400
    assert ask(gateway, "retry", "fault/whole", user).status_code == 200
    user = faultd.user()
    assert ask(gateway, "lost", "fault/whole~rst@20", user).status_code == 502
    tries = count(faultd, user)
    again = ask(gateway, "lost", "fault/whole~rst@20", user)
    assert again.status_code == 502 and again.headers["idempotent-replayed"] == "true"
    assert count(faultd, user) == tries


def test_what_a_budget_refused_may_be_tried_again(start, faultd):
    """Nothing was sent: the name is free, and the refusal is not given again once there is room."""
    poor = {**ANN, "budget": {"amount": 1}}
    price = {"provider": "fault", "model": "*", "input": 0, "output": 0, "perRequest": 2}
    gateway = start({**config(faultd), "keys": [poor], "prices": [price]})
    user = faultd.user()
    for _ in range(2):
        got = ask(gateway, "poor", "fault/whole", user, max_tokens=100)
        assert got.status_code == 402 and "idempotent-replayed" not in got.headers
    assert count(faultd, user) == 0


def test_names_are_checked(gateway, faultd):
    for name in ("x" * 256, "caf\u00e9".encode("latin-1")):
        got = ask(gateway, name, "fault/whole", faultd.user())
        assert got.status_code == 400 and got.json()["error"]["param"] == "idempotency-key"
    assert ask(gateway, "x" * 255, "fault/whole", faultd.user()).status_code == 200


@pytest.mark.parametrize("round", range(5))
def test_a_kill_in_the_middle_never_makes_a_call_twice(start, faultd, round):
    """Calls at all stages when the gateway is killed: each name has reached the upstream once at most, and is told so."""
    gateway = start(config(faultd))
    users = {f"kill-{index}": faultd.user() for index in range(20)}
    models = [f"fault/whole~wait@{wait}" for wait in (0, 100, 400, 2000)]

    def call(index, where):
        name = f"kill-{index}"
        try:
            return ask(where, name, models[index % 4], users[name])
        except requests.RequestException:
            return None

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        first = [pool.submit(call, index, gateway) for index in range(20)]
        faultd.wait(users["kill-3"], "received")
        if round % 2:
            first[1].result()
        os.kill(gateway.process.pid, signal.SIGKILL)
        gateway.process.wait()
        gateway.ended_by_test = True
        first = [one.result() for one in first]
    later = start(config(faultd), data=gateway.data)
    for index in range(20):
        got, sent = call(index, later), count(faultd, users[f"kill-{index}"])
        assert sent <= 1, f"{index}: {sent}"
        if first[index] is not None and got.status_code == 200:
            assert got.content == first[index].content
        if got.status_code != 200:
            assert got.json()["error"]["code"] == "idempotency_outcome_unknown"


def test_answers_are_there_after_another_start(start, faultd):
    gateway, user = start(config(faultd)), faultd.user()
    first = ask(gateway, "stays", "fault/words", user, stream=True)
    faultd.drop()
    gateway.stop()
    gateway.ended_by_test = True
    later = start(config(faultd), data=gateway.data)
    again = ask(later, "stays", "fault/words", user, stream=True)
    assert again.content == first.content and again.headers["idempotent-replayed"] == "true"
    assert count(faultd, user) == 1
