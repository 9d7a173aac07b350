"""The official OpenAI client against the gateway: what its users do, and which exceptions they see."""
import json

import httpx
import openai
import pytest

PROMPT = [{"role": "user", "content": "Hello"}]
TEXT = "Four score and seven years ago Zürich 🌍"


@pytest.fixture(scope="module")
def client(gateway):
    with openai.OpenAI(api_key=gateway.key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20) as client:
        yield client


def upstream_body(faultd, user):
    return json.loads(faultd.entry(user)["body"])


def test_lists_and_fetches_models(client):
    names = [model.id for model in client.models.list()]
    assert "gatehouse/echo" in names
    assert client.models.retrieve("gatehouse/echo").id == "gatehouse/echo"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gatehouse/none")
    assert caught.value.code == "model_not_found"


def test_chats(client, faultd):
    user = faultd.user()
    raw = client.chat.completions.with_raw_response.create(model="fault/whole", messages=PROMPT, user=user)
    answer = raw.parse()
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == 19
    assert raw.headers["x-gatehouse-provider"] == "fault"
    assert raw.headers["x-gatehouse-model"] == "whole"
    assert raw.headers["x-gatehouse-attempts"] == "1"
    assert raw.headers["x-request-id"]
    assert upstream_body(faultd, user) == {"model": "whole", "messages": PROMPT, "user": user}


def test_only_the_gateways_own_headers_go_upstream(client, gateway, faultd):
    user = faultd.user()
    client.chat.completions.create(
        model="fault/whole", messages=PROMPT, user=user,
        extra_headers={"x-canary": "secret", "cookie": "session=canary", "x-api-key": "canary", "referer": "canary"})
    headers = {name.lower(): value for name, value in faultd.entry(user)["headers"]}
    assert headers["authorization"] == "Bearer sk-fault-provider-key"
    assert gateway.key not in str(headers)
    assert "canary" not in str(headers)
    assert set(headers) <= {"host", "content-type", "content-length", "accept", "user-agent", "authorization"}


def test_streams_and_hides_the_usage_nobody_asked_for(client, faultd):
    user = faultd.user()
    chunks = list(client.chat.completions.create(model="fault/words", messages=PROMPT, stream=True, user=user))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "stop"
    assert all(chunk.usage is None for chunk in chunks)
    assert upstream_body(faultd, user)["stream_options"] == {"include_usage": True}, "the gateway needs it to settle"


def test_streams_the_usage_when_asked(client):
    chunks = list(client.chat.completions.create(
        model="fault/words", messages=PROMPT, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 19


def test_completes(client):
    answer = client.completions.create(model="gatehouse/echo", prompt="one two three")
    assert answer.choices[0].text == "one two three"
    assert answer.usage.completion_tokens == 3
    chunks = list(client.completions.create(model="gatehouse/echo", prompt="one two three", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == "one two three"


def test_passes_tools_and_their_calls(client, faultd):
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Zürich"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    delta = {"role": "assistant", "tool_calls": [{"index": 0, **call}]}
    events = [
        {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
         "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
         "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]
    stream = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    faultd.teach({"tools": (json.dumps(body).encode(), "application/json", 200),
                  "tools-stream": (stream, "text/event-stream", 200)})
    tools = [{"type": "function", "function": {
        "name": "weather", "strict": True,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]
    user = faultd.user()
    answer = client.chat.completions.create(
        model="fault/tools", messages=PROMPT, tools=tools, tool_choice="auto", parallel_tool_calls=False, user=user)
    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"city":"Zürich"}'
    assert upstream_body(faultd, user)["tools"] == tools
    with client.chat.completions.stream(model="fault/tools-stream", messages=PROMPT, tools=tools) as running:
        final = running.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "weather"
    answered = [*PROMPT, message, {"role": "tool", "tool_call_id": "call_1", "content": "12 °C"}]
    user = faultd.user()
    client.chat.completions.create(model="fault/whole", messages=answered, user=user)
    assert upstream_body(faultd, user)["messages"] == answered


def test_passes_a_json_schema_and_images(client, faultd):
    user = faultd.user()
    schema = {"type": "json_schema", "json_schema": {
        "name": "city", "strict": True,
        "schema": {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False}}}
    content = [{"type": "text", "text": "What is it?"},
               {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
               {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    client.chat.completions.create(
        model="fault/whole", messages=[{"role": "user", "content": content}], response_format=schema, seed=7,
        temperature=0.25, max_completion_tokens=99, user=user, extra_body={"vendor_option": {"kept": [1, 2.50]}})
    body = upstream_body(faultd, user)
    assert body["response_format"] == schema
    assert body["messages"][0]["content"] == content
    assert body["vendor_option"] == {"kept": [1, 2.5]}
    assert (body["seed"], body["temperature"], body["max_completion_tokens"]) == (7, 0.25, 99)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("script", "exception", "status", "code"), [
    ("s400", openai.BadRequestError, 400, "upstream_rejected"),
    ("s401", openai.APIStatusError, 502, "upstream_auth_failed"),
    ("s403", openai.APIStatusError, 502, "upstream_auth_failed"),
    ("s404", openai.NotFoundError, 404, "upstream_model_unknown"),
    ("s429", openai.RateLimitError, 429, "upstream_rate_limited"),
    ("s500", openai.InternalServerError, 502, "upstream_error"),
    ("s503", openai.InternalServerError, 503, "upstream_overloaded"),
    ("s504", openai.InternalServerError, 504, "upstream_timeout"),
    ("html", openai.InternalServerError, 502, "upstream_invalid_response"),
    ("empty", openai.InternalServerError, 502, "upstream_invalid_response"),
    ("error200", openai.InternalServerError, 502, "upstream_error"),
    ("badtype", openai.InternalServerError, 502, "upstream_invalid_response"),
])
def test_raises_the_exception_of_the_failure(client, script, exception, status, code, stream):
    with pytest.raises(exception) as caught:
        client.chat.completions.create(model=f"fault/{script}", messages=PROMPT, stream=stream)
    error = caught.value
    assert (error.status_code, error.code) == (status, code)
    assert "SECRET" not in str(error.response.text) and "10.9.8.7" not in str(error.response.text)
    assert error.request_id == error.response.headers["x-request-id"]
    if status in (429, 503):
        assert error.response.headers["retry-after"] == {"s429": "7", "s503": "9"}[script]


def test_an_error_of_the_caller(gateway, client):
    stranger = openai.OpenAI(api_key="sk-wrong", base_url=f"{gateway.url}/v1", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError) as caught:
        stranger.chat.completions.create(model="gatehouse/echo", messages=PROMPT)
    assert caught.value.code == "invalid_api_key"
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="fault", messages=PROMPT)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gatehouse/echo", messages=[])
    assert (caught.value.code, caught.value.param) == ("invalid_value", "messages")
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gatehouse/echo", messages=PROMPT, max_tokens=-1)
    assert (caught.value.code, caught.value.param) == ("invalid_value", "max_tokens")


def test_a_broken_stream_raises(client):
    seen = ""
    with pytest.raises((openai.APIError, httpx.RemoteProtocolError)) as caught:
        for chunk in client.chat.completions.create(model="fault/words~cut@900", messages=PROMPT, stream=True):
            seen += chunk.choices[0].delta.content or ""
            assert chunk.choices[0].finish_reason is None
    assert isinstance(caught.value, openai.APIError), "the error event must be heard before the connection ends"
    assert caught.value.code == "upstream_truncated"
    assert TEXT.startswith(seen)


def test_leaving_a_stream_closes_the_providers_at_once(client, faultd):
    user = faultd.user()
    stream = client.chat.completions.create(model="fault/endless", messages=PROMPT, stream=True, user=user)
    for _ in zip(range(3), stream):
        pass
    import time

    left = time.monotonic()
    stream.close()
    entry = faultd.wait(user, "closed")
    assert entry["closed"] - left <= 0.1


def test_the_client_retries_and_gets_through(gateway, faultd):
    """The client's own retries need a status and a `Retry-After` that they understand."""
    user = faultd.user()
    with openai.OpenAI(api_key=gateway.key, base_url=f"{gateway.url}/v1", max_retries=1) as client:
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="fault/s500", messages=PROMPT, user=user)
    assert len(faultd.entries(user)) == 2
