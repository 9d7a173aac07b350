"""`X-Gatehouse-Session: continue`: a conversation that the gateway keeps goes on in whichever dialect its caller speaks."""

import asyncio
import concurrent.futures
import json

import anthropic
import openai
import pytest
import requests
from google import genai
from harness.gateway import eventually
from test_files import ANN, BOB, Caller
from test_sessions import said

SLOW = "fault/words~split@200~drip@100"
SAY = [{"role": "user", "content": "{}"}]
ROUTES = {
    "chat": ("/v1/chat/completions", lambda text: {"messages": [{"role": "user", "content": text}]}),
    "messages": ("/v1/messages", lambda text: {"max_tokens": 50, "messages": [{"role": "user", "content": text}]}),
    "responses": ("/v1/responses", lambda text: {"input": text}),
    "generate": ("/api/generate", lambda text: {"prompt": text}),
    "gemini": ("/v1beta/models/{}:generateContent", lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]}),
}


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    return module_starter({"keys": [ANN, BOB], "providers": [faultd.provider()], "files": {"minFree": 0}})


@pytest.fixture
def ann(gateway):
    return Caller(gateway, ANN)


def turn(caller, dialect, session, text, model="gatehouse/echo", **fields):
    path, body = ROUTES[dialect]
    headers = {"X-Session-ID": session, "X-Gatehouse-Session": "continue"}
    body = {**body(text), **fields}
    if dialect != "gemini":
        body["model"] = model
    return caller.send("POST", path.format(model.replace("/", "%2F")), json=body, headers=headers)


def test_it_goes_on_from_dialect_to_dialect(ann, faultd):
    user = faultd.user()
    for index, dialect in enumerate(ROUTES):
        assert turn(ann, dialect, "tour", f"Turn {index}").status_code == 200
    assert [role for role, _ in said(ann, "tour")] == ["user", "assistant"] * len(ROUTES)
    assert [text for _, text in said(ann, "tour")][::2] == [f"Turn {index}" for index in range(len(ROUTES))]
    # An upstream that keeps nothing is told all of it, and the caller's bytes of this turn last.
    assert turn(ann, "chat", "tour", "Last", "fault/whole", user=user).status_code == 200
    messages = json.loads(faultd.entry(user)["body"])["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * len(ROUTES) + ["user"]
    assert messages[-1]["content"] == "Last" or messages[-1]["content"][0]["text"] == "Last"


def test_official_clients_ask_for_it_by_headers(gateway):
    headers = {"X-Session-ID": "official", "X-Gatehouse-Session": "continue"}
    key = ANN["value"]
    with openai.OpenAI(api_key=key, base_url=f"{gateway.url}/v1", default_headers=headers) as client:
        client.chat.completions.create(model="gatehouse/echo", messages=[{"role": "user", "content": "One"}])
        with client.chat.completions.create(
            model="gatehouse/echo", messages=[{"role": "user", "content": "Two"}], stream=True
        ) as stream:
            list(stream)
        client.responses.create(model="gatehouse/echo", input="Three")
    with anthropic.Anthropic(api_key=key, base_url=gateway.url, default_headers=headers) as client:
        client.messages.create(model="gatehouse/echo", max_tokens=9, messages=[{"role": "user", "content": "Four"}])
        with client.messages.stream(
            model="gatehouse/echo", max_tokens=9, messages=[{"role": "user", "content": "Five"}]
        ) as stream:
            list(stream)
    client = genai.Client(api_key=key, http_options={"base_url": gateway.url, "headers": headers})
    client.models.generate_content(model="gatehouse/echo", contents="Six")
    list(client.models.generate_content_stream(model="gatehouse/echo", contents="Seven"))
    words = [text for _, text in said(Caller(gateway, ANN), "official")]
    assert words == [word for word in ("One", "Two", "Three", "Four", "Five", "Six", "Seven") for _ in range(2)]


def test_without_being_asked_nothing_goes_on(ann):
    headers = {"X-Session-ID": "quiet"}
    body = {"model": "gatehouse/echo", "messages": [{"role": "user", "content": "One"}]}
    ann.send("POST", "/v1/chat/completions", json=body, headers=headers)
    assert ann.send("GET", "/api/sessions/quiet").status_code == 404


@pytest.mark.parametrize("headers, param", [
    ({"X-Gatehouse-Session": "continue"}, "x-session-id"),
    ({"X-Gatehouse-Session": "go on", "X-Session-ID": "s"}, "x-gatehouse-session"),
    ({"X-Gatehouse-Session": "", "X-Session-ID": "s"}, "x-gatehouse-session"),
])
def test_what_is_wrong_is_told(ann, headers, param):
    body = {"model": "gatehouse/echo", "messages": [{"role": "user", "content": "One"}]}
    refused = ann.send("POST", "/v1/chat/completions", json=body, headers=headers)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_a_session_is_its_keys(gateway, ann):
    turn(ann, "chat", "hers", "secret")
    answer = turn(Caller(gateway, BOB), "chat", "hers", "What was said?")
    assert answer.json()["choices"][0]["message"]["content"] == "What was said?"
    assert [text for _, text in said(ann, "hers")] == ["secret", "secret"]


def test_what_is_exported_can_be_brought_in_again(ann):
    turn(ann, "messages", "first", "One")
    messages = ann.send("GET", "/api/sessions/first").json()["messages"]
    assert ann.send("POST", "/api/sessions", json={"id": "second", "messages": messages}).status_code == 201
    turn(ann, "gemini", "second", "Two")
    assert [text for _, text in said(ann, "second")] == ["One", "One", "Two", "Two"]


def test_calls_of_functions_go_on(ann):
    """The session was begun elsewhere, with a call and its result; the model is told of both."""
    messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": "{}"}]},
        {"role": "tool", "content": [{"type": "tool_result", "id": "c1", "content": [{"type": "text", "text": "Sun"}]}]},
    ]
    assert ann.send("POST", "/api/sessions", json={"id": "tools", "messages": messages}).status_code == 201
    assert turn(ann, "chat", "tools", "And now?").status_code == 200
    kept = ann.send("GET", "/api/sessions/tools").json()["messages"]
    assert kept[:3] == messages and len(kept) == 5


def test_a_response_in_the_background_is_a_turn(ann):
    made = turn(ann, "responses", "later", "One", background=True).json()
    eventually(lambda: ann.send("GET", f"/v1/responses/{made['id']}").json()["status"] == "completed", what="its end")
    assert [text for _, text in said(ann, "later")] == ["One", "One"]


def test_a_turn_under_way_is_told_or_awaited(start, faultd):
    config = {"keys": [ANN], "providers": [faultd.provider()]}
    for waiting, second in [(0, 409), (5, 200)]:
        gateway = start({**config, "sessions": {"waiting": waiting}})
        ann = Caller(gateway, ANN)
        body = {**ROUTES["chat"][1]("One"), "model": SLOW, "stream": True}
        headers = {**ann.headers, "X-Session-ID": "s", "X-Gatehouse-Session": "continue"}
        with requests.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, stream=True, timeout=20) as first:
            pieces = first.iter_content(4096)
            next(pieces)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                other = pool.submit(turn, ann, "messages", "s", "Two")
                if second == 409:
                    assert other.result(20).json()["error"]["code"] == "session_busy"
                assert b"[DONE]" in b"".join(pieces)
                assert other.result(20).status_code == second
        texts = [text for _, text in said(ann, "s")]
        assert texts[0] == "One" and texts[2:] == (["Two", "Two"] if second == 200 else [])
        assert asyncio.run(gateway.chat("gatehouse/echo")).status == 200
