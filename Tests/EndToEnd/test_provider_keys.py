"""Several keys of one provider: they take turns, and one that is refused does not hold up callers."""

import asyncio

from harness.gateway import eventually

ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
REFUSED = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}}
KEYS = ["sk-first", "sk-second", "sk-third"]


def provider(server, kind="openai-compatible"):
    keys = [{"name": key.removeprefix("sk-"), "value": key} for key in KEYS]
    return {"name": "many", "kind": kind, "baseURL": f"{server.url}/v1", "keys": keys}


def shown(server):
    """The key of each request."""
    return [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]


async def calls(gateway, count):
    return [await gateway.chat("many/m") for _ in range(count)]


def test_keys_take_turns(start, origin):
    server = origin(lambda _: (200, ANSWER))
    gateway = start({"providers": [provider(server)]})
    answers = asyncio.run(calls(gateway, 9))
    assert [answer.status for answer in answers] == [200] * 9
    assert {key: shown(server).count(key) for key in KEYS} == dict.fromkeys(KEYS, 3)


def test_a_refused_key_is_left_out(start, origin):
    """The call that finds out goes on with another key; those behind it do not try it."""

    def answer(request):
        return (401, REFUSED) if request.headers["authorization"].endswith("second") else (200, ANSWER)

    server = origin(answer)
    gateway = start({"providers": [provider(server)]})
    answers = asyncio.run(calls(gateway, 9))
    assert [answer.status for answer in answers] == [200] * 9
    assert shown(server).count("sk-second") == 1
    assert sorted(answer.headers["x-gatehouse-attempts"] for answer in answers) == ["1"] * 8 + ["2"]
    log = eventually(lambda: gateway.log_file.read_text(), what="a line of the log")
    assert '"second"' in log, "the operator is told which key it is"
    assert not any(key in log for key in KEYS)


def test_no_key_is_left(start, origin):
    server = origin(lambda _: (401, REFUSED))
    gateway = start({"providers": [provider(server)]})
    answer = asyncio.run(gateway.chat("many/m"))
    assert (answer.status, answer.error["code"]) == (502, "upstream_auth_failed")
    assert len(set(shown(server))) == len(server.requests) <= 3
