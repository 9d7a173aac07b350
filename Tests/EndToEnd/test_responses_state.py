"""Conversations that the gateway keeps for `previous_response_id`, by the official OpenAI client.

The upstream speaks OpenAI's chat format and keeps nothing: what it is sent must be the whole conversation, in order.
"""

import asyncio
import contextlib
import json

import openai
import pytest
from harness.gateway import eventually

CALL = {"id": "call_7", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Zürich"}'}}
TOOL = {
    "type": "function",
    "name": "weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
TEXT = "Four score and seven years ago Zürich 🌍"
KEYS = [{"name": name, "value": f"gh-key-of-{name}-0123456789", "models": ["*"]} for name in ("alice", "bob")]
STREAMS = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])


def chat(message, reason):
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}],
    }


def chat_stream(delta, reason):
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [
        {**chunk, "choices": [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
    ]
    return sse(chunks) + b"data: [DONE]\n\n"


def sse(events):
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def origin_answer(status="completed"):
    message = {
        "id": "msg_origin",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [{"type": "output_text", "text": "from the origin", "annotations": []}],
    }
    return {
        "id": "resp_0a1b2c",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": "m",
        "output": [message] if status == "completed" else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def origin_events():
    place = {"item_id": "msg_origin", "output_index": 0, "content_index": 0}
    item = {"id": "msg_origin", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    events = [
        {"type": "response.created", "response": origin_answer("in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_text.delta", **place, "delta": "from the ", "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": "origin", "logprobs": []},
        {"type": "response.completed", "response": origin_answer()},
    ]
    # Not from 0: the gateway must go on from what it saw, not from what it counted.
    return [{**event, "sequence_number": 10 + number} for number, event in enumerate(events)]


@pytest.fixture(scope="module")
def providers(faultd):
    faultd.teach(
        {
            "calls": (json.dumps(chat({"content": None, "tool_calls": [CALL]}, "tool_calls")).encode(), JSON, 200),
            "calls-stream": (chat_stream({"tool_calls": [{"index": 0, **CALL}]}, "tool_calls"), EVENTS, 200),
            "origin": (json.dumps(origin_answer()).encode(), JSON, 200),
            "origin-stream": (sse(origin_events()), EVENTS, 200),
        }
    )
    return [faultd.provider(), faultd.provider("origin", kind="openai", dialects=["openai.responses"])]


JSON, EVENTS = "application/json", "text/event-stream"


@pytest.fixture(scope="module")
def gateway(module_starter, providers):
    return module_starter({"providers": providers, "keys": KEYS})


def opened(gateway, key=None):
    """A client whose connections end with it."""
    return openai.OpenAI(api_key=key or gateway.key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20)


@pytest.fixture(scope="module")
def client(gateway):
    with opened(gateway) as client:
        yield client


def ask(client, streams, **asked):
    """The whole answer, however it came."""
    if not streams:
        return client.responses.create(**asked)
    events = list(client.responses.create(**asked, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].response.id == events[-1].response.id
    return events[-1].response


def upstream(faultd, user):
    return json.loads(faultd.entry(user)["body"])


@contextlib.contextmanager
def not_found():
    with pytest.raises(openai.NotFoundError) as caught:
        yield
    assert caught.value.code == "previous_response_not_found"
    assert caught.value.param == "previous_response_id"
    assert caught.value.type == "not_found_error"


@STREAMS
def test_a_conversation_with_a_function_goes_on_turn_by_turn(client, faultd, streams):
    suffix = "-stream" if streams else ""
    users = [faultd.user() for _ in range(3)]
    first = ask(
        client,
        streams,
        model=f"fault/calls{suffix}",
        instructions="Be brief.",
        input=[{"role": "user", "content": "How is the weather?"}],
        tools=[TOOL],
        user=users[0],
    )
    assert first.store is True
    assert first.previous_response_id is None
    call = next(item for item in first.output if item.type == "function_call")
    assert (call.call_id, call.name, call.arguments) == ("call_7", "weather", '{"city":"Zürich"}')
    answer = "words" if streams else "whole"
    second = ask(
        client,
        streams,
        model=f"fault/{answer}",
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."}],
        tools=[TOOL],
        user=users[1],
    )
    assert second.output_text == TEXT
    assert second.previous_response_id == first.id
    third = ask(
        client,
        streams,
        model=f"fault/{answer}",
        instructions="Be polite.",
        previous_response_id=second.id,
        input="Thanks!",
        user=users[2],
    )
    assert len({first.id, second.id, third.id}) == 3
    question = {"role": "user", "content": "How is the weather?"}
    body = upstream(faultd, users[1])
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "tool"]
    assert body["messages"][0] == question
    assert body["messages"][1]["tool_calls"] == [CALL]
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "call_7", "content": "Sunny."}
    assert not {"previous_response_id", "store"} & set(body)
    body = upstream(faultd, users[2])
    assert [message["role"] for message in body["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert body["messages"][0]["content"] == "Be polite.", "instructions are those of the turn"
    assert body["messages"][1] == question
    assert body["messages"][4]["content"] == TEXT
    assert body["messages"][5]["content"] == "Thanks!"
    assert "tools" not in body, "tools are those of the turn"


def test_a_conversation_can_branch(client, faultd):
    first = client.responses.create(model="fault/whole", input="One")
    for text in ("Two", "Other two"):
        user = faultd.user()
        client.responses.create(model="fault/whole", previous_response_id=first.id, input=text, user=user)
        assert [message["content"] for message in upstream(faultd, user)["messages"]] == ["One", TEXT, text]


@STREAMS
def test_the_builtin_model_goes_on_too(client, streams):
    first = ask(client, streams, model="gatehouse/echo", input="one two three")
    second = ask(client, streams, model="gatehouse/echo", previous_response_id=first.id, input="four")
    assert second.output_text == "four"
    assert second.usage.input_tokens == 7, "three words, their echo and the new one"


@STREAMS
def test_what_shall_not_be_stored_is_not(client, streams, faultd):
    user = faultd.user()
    first = ask(client, streams, model="fault/words" if streams else "fault/whole", input="x", store=False, user=user)
    assert first.store is False
    assert "store" not in upstream(faultd, user)
    with not_found():
        client.responses.create(model="fault/whole", previous_response_id=first.id, input="y")


@pytest.mark.parametrize("previous", ["resp_gh_unknown", "resp_0123456789abcdef", "", "resp_gh_"])
def test_an_unknown_id_is_not_found(client, previous):
    for model in ("fault/whole", "gatehouse/echo"):
        with not_found():
            client.responses.create(model=model, previous_response_id=previous, input="x")
        with not_found():
            client.responses.create(model=model, previous_response_id=previous, input="x", stream=True)


def test_an_id_of_another_type_is_refused(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="fault/whole", previous_response_id=7, input="x")
    assert (caught.value.code, caught.value.param) == ("invalid_value", "previous_response_id")


def test_another_keys_conversation_does_not_exist(gateway, faultd):
    alice, bob = (key["value"] for key in KEYS)
    with opened(gateway, alice) as hers, opened(gateway, bob) as his, opened(gateway) as admin:
        first = hers.responses.create(model="fault/whole", input="secret")
        for other in (his, admin):
            user = faultd.user()
            with not_found():
                other.responses.create(model="fault/whole", previous_response_id=first.id, input="x", user=user)
            assert faultd.entries(user) == []
        assert hers.responses.create(model="fault/whole", previous_response_id=first.id, input="x").id


def test_answers_to_one_request_id_have_ids_of_their_own(client, faultd):
    headers = {"x-request-id": "the-same"}
    first = client.responses.create(model="fault/whole", input="One", extra_headers=headers)
    second = client.responses.create(model="fault/whole", input="Two", extra_headers=headers)
    assert first.id != second.id
    user = faultd.user()
    client.responses.create(model="fault/whole", previous_response_id=first.id, input="Three", user=user)
    assert upstream(faultd, user)["messages"][0]["content"] == "One"


def test_a_stream_that_breaks_is_not_kept(client, faultd):
    with client.responses.create(model="fault/words~cut@400", input="x", stream=True) as events:
        begun = next(iter(events)).response.id
        with pytest.raises(openai.APIError):
            list(events)
    with not_found():
        client.responses.create(model="fault/whole", previous_response_id=begun, input="y")


@STREAMS
def test_an_origins_own_id_goes_back_to_it(client, gateway, faultd, streams):
    """The provider keeps its answers itself: bytes go through."""
    model = "origin/origin-stream" if streams else "origin/origin"
    answer = asyncio.run(gateway.call("/v1/responses", {"model": model, "input": "x", "stream": streams}))
    assert b'"resp_0a1b2c"' in answer.body
    user = faultd.user()
    body = {"model": model, "stream": streams, "previous_response_id": "resp_0a1b2c", "input": "y", "user": user}
    assert asyncio.run(gateway.call("/v1/responses", body)).status == 200
    assert upstream(faultd, user) == {**body, "model": model.split("/")[1]}
    with not_found():
        client.responses.create(model="fault/whole", previous_response_id="resp_0a1b2c", input="z")


def test_an_origin_is_told_what_it_did_not_hear(client, faultd):
    first = client.responses.create(model="fault/whole", input="One")
    user = faultd.user()
    answer = client.responses.create(
        model="origin/origin", previous_response_id=first.id, input="Two", user=user, store=True
    )
    assert answer.id == "resp_0a1b2c"
    body = upstream(faultd, user)
    assert "previous_response_id" not in body
    assert body["store"] is True, "it is the origin's to keep"
    assert [item["role"] for item in body["input"]] == ["user", "assistant", "user"]
    assert "resp_gh_" not in json.dumps(body)


def test_an_error_in_a_relayed_stream_goes_on_counting(gateway):
    events = sse(origin_events())
    cut = events.index(b'"response.completed"')
    body = {"model": f"origin/origin-stream~cut@{cut}", "input": "x", "stream": True}
    answer = asyncio.run(gateway.call("/v1/responses", body))
    assert answer.status == 200
    seen = [json.loads(event) for event in answer.events]
    assert [event["sequence_number"] for event in seen] == [10, 11, 12, 13, 14, 15]
    assert [event["type"] for event in seen[-2:]] == ["error", "response.failed"]
    assert seen[-2]["code"] == "upstream_truncated"
    assert seen[-1]["response"]["id"] == "resp_0a1b2c"
    assert seen[-1]["response"]["status"] == "failed"


def test_the_least_used_conversations_of_a_key_go_first(start, providers):
    gateway = start({"providers": providers, "keys": KEYS, "responses": {"maxPerKey": 2}})
    alice, bob = (key["value"] for key in KEYS)
    with opened(gateway, alice) as hers, opened(gateway, bob) as his:
        other = his.responses.create(model="gatehouse/echo", input="his")
        first, second = (hers.responses.create(model="gatehouse/echo", input=text) for text in ("one", "two"))

        def go_on(client, previous):
            asked = {"model": "gatehouse/echo", "input": "x", "store": False}
            return client.responses.create(**asked, previous_response_id=previous.id)

        assert go_on(hers, first).status == "completed"
        hers.responses.create(model="gatehouse/echo", input="three")
        with not_found():
            go_on(hers, second)
        assert go_on(hers, first).status == "completed"
        assert go_on(his, other).status == "completed"


def test_what_is_too_large_is_not_kept_and_the_answer_says_so(start, providers):
    gateway = start({"providers": providers, "responses": {"maxEntry": "1KiB"}})
    with opened(gateway) as client:
        first = client.responses.create(model="gatehouse/echo", input="word " * 300)
        assert first.store is False
        with not_found():
            client.responses.create(model="gatehouse/echo", previous_response_id=first.id, input="x")
        assert client.responses.create(model="gatehouse/echo", input="word").store is True


def test_a_conversation_gets_too_old(start, providers):
    gateway = start({"providers": providers, "responses": {"ttl": "1s"}})
    with opened(gateway) as client:
        first = client.responses.create(model="gatehouse/echo", input="one")

        def is_gone():
            try:
                client.responses.create(model="gatehouse/echo", input="x", previous_response_id=first.id, store=False)
            except openai.NotFoundError:
                return True
            return False

        eventually(is_gone, what="end of the conversation")


def test_nothing_is_kept_where_the_operator_wants_it_so(start, providers):
    gateway = start({"providers": providers, "responses": {"maxSize": 0}})
    with opened(gateway) as client:
        first = client.responses.create(model="gatehouse/echo", input="one")
        assert first.store is False
        with not_found():
            client.responses.create(model="gatehouse/echo", previous_response_id=first.id, input="x")
