"""Counting the tokens of a request: Anthropic's and Google's clients, against either kind of provider."""

import base64
import json

import anthropic
import httpx
import pytest
from google import genai
from google.genai import types
from prometheus_client.parser import text_string_to_metric_families

from harness.origin import Origin

MEMBER = "sk-member-of-the-counts-tests"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "weather", "description": "The weather of a city", "input_schema": SCHEMA}
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n not a real one").decode()
PROMPT = [{"role": "user", "content": "How is Zürich 🌍?"}]
CONTENTS = [{"role": "user", "parts": [{"text": "How is Zürich 🌍?"}]}]
ANTHROPIC_ANSWER = {"input_tokens": 42, "context_management": {"original_input_tokens": 50}}
GEMINI_ANSWER = {
    "totalTokens": 31,
    "cachedContentTokenCount": 7,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 31}],
}


class Counter(Origin):
    """Both providers in one server; what it answers can be changed for a test."""

    def __init__(self):
        self.override = None
        super().__init__(self.count)

    def count(self, request):
        if self.override:
            return self.override
        if request.path == "/v1/messages/count_tokens":
            return 200, ANTHROPIC_ANSWER
        if request.path == "/v1beta/models/gem:countTokens":
            return 200, GEMINI_ANSWER
        return 404, {"error": {"message": f"no {request.path}"}}

    @property
    def last(self):
        return self.requests[-1]


@pytest.fixture(scope="module")
def origin_of_counts():
    server = Counter()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway(module_starter, origin_of_counts):
    def provider(name, kind, **more):
        return {"name": name, "kind": kind, "baseURL": origin_of_counts.url,
                "keys": [{"name": "main", "value": f"sk-{name}-provider-key"}], **more}

    return module_starter(
        {
            "providers": [
                provider("claude", "anthropic"),
                provider("google", "gemini"),
                provider("open", "openai"),
                provider("compatible", "openai-compatible"),
                provider("mistral", "mistral"),
                provider("cohere", "cohere"),
                provider("ollama", "ollama"),
                provider("azure", "azure-openai"),
                {**provider("aws", "bedrock", region="eu-west-1"), "keys": [{"value": "AKIDEXAMPLE:secret"}]},
            ],
            "models": [{"name": "mine", "targets": [{"provider": "google", "model": "gem"}]}],
            "keys": [{"name": "member", "value": MEMBER, "models": ["claude/*"]}],
        }
    )


@pytest.fixture
def upstream(origin_of_counts):
    origin_of_counts.requests.clear()
    origin_of_counts.override = None
    yield origin_of_counts
    origin_of_counts.override = None


@pytest.fixture(scope="module")
def claude(gateway):
    with anthropic.Anthropic(api_key=gateway.key, base_url=gateway.url, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def google(gateway):
    options = types.HttpOptions(base_url=gateway.url, timeout=20_000)
    with genai.Client(api_key=gateway.key, http_options=options) as client:
        yield client


def post(gateway, path, body, key=None):
    return httpx.post(gateway.url + path, headers={"x-api-key": key or gateway.key}, json=body, timeout=20)


def count_google(gateway, model, body):
    return post(gateway, f"/v1beta/models/{model}:countTokens", body)


# One dialect on both sides


def test_claude_counts_natively(gateway, claude, upstream):
    raw = claude.messages.with_raw_response.count_tokens(
        model="claude/opus", system="Be brief", messages=PROMPT, tools=[TOOL], tool_choice={"type": "auto"},
        thinking={"type": "enabled", "budget_tokens": 2000},
    )
    assert raw.parse().input_tokens == 42
    assert json.loads(raw.http_response.content) == ANTHROPIC_ANSWER
    assert (raw.headers["x-gatehouse-provider"], raw.headers["x-gatehouse-model"]) == ("claude", "opus")
    (request,) = upstream.requests
    assert (request.method, request.path) == ("POST", "/v1/messages/count_tokens")
    assert request.headers["x-api-key"] == "sk-claude-provider-key"
    assert gateway.key not in str(request.headers)
    assert request.json() == {
        "model": "opus", "system": "Be brief", "messages": PROMPT, "tools": [TOOL], "tool_choice": {"type": "auto"},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    }


def test_claudes_betas_are_passed_on(claude, upstream):
    answer = claude.beta.messages.count_tokens(
        model="claude/opus", messages=PROMPT, betas=["context-management-2025-06-27", "token-counting-2024-11-01"]
    )
    assert answer.input_tokens == 42
    assert answer.context_management.original_input_tokens == 50
    betas = upstream.last.headers["anthropic-beta"].replace(" ", "").split(",")
    assert set(betas) == {"context-management-2025-06-27", "token-counting-2024-11-01"}


def test_what_claude_sends_that_nobody_knows_goes_through(gateway, upstream):
    body = b'{"messages":[{"role":"user","content":"x"}], "new_field": {"a":1.50}, "model":"claude/opus"}'
    answer = httpx.post(
        f"{gateway.url}/v1/messages/count_tokens", content=body, timeout=20,
        headers={"x-api-key": gateway.key, "content-type": "application/json"},
    )
    assert answer.status_code == 200
    assert upstream.last.body == body.replace(b"claude/opus", b"opus")


def test_google_counts_natively(gateway, google, upstream):
    answer = google.models.count_tokens(model="google/gem", contents="How is Zürich 🌍?")
    assert (answer.total_tokens, answer.cached_content_token_count) == (31, 7)
    (request,) = upstream.requests
    assert (request.method, request.target) == ("POST", "/v1beta/models/gem:countTokens")
    assert request.headers["x-goog-api-key"] == "sk-google-provider-key"
    assert gateway.key not in str(request.headers)
    assert request.json() == {"contents": CONTENTS}


def test_google_counts_by_an_alias_and_below_either_version(gateway, upstream):
    for root in ["/v1beta", "/v1"]:
        answer = post(gateway, f"{root}/models/mine:countTokens", {"contents": CONTENTS})
        assert answer.status_code == 200 and answer.json() == GEMINI_ANSWER
        assert upstream.last.path == "/v1beta/models/gem:countTokens"


def test_a_whole_request_of_google_names_the_model_of_the_provider(gateway, upstream):
    inner = {
        "model": "models/google/gem", "contents": CONTENTS, "systemInstruction": {"parts": [{"text": "Be brief"}]},
    }
    answer = count_google(gateway, "google/gem", {"generateContentRequest": inner})
    assert answer.status_code == 200 and answer.json() == GEMINI_ANSWER
    assert upstream.last.json() == {"generateContentRequest": {**inner, "model": "models/gem"}}


# Different dialects


def test_claude_counts_with_google(claude, upstream):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "How is the weather here?"}, image]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}]},
    ]
    answer = claude.messages.count_tokens(model="google/gem", system="Be brief", messages=messages, tools=[TOOL])
    assert answer.input_tokens == 31
    (request,) = upstream.requests
    assert request.path == "/v1beta/models/gem:countTokens"
    assert set(request.json()) == {"generateContentRequest"}
    inner = request.json()["generateContentRequest"]
    assert inner["model"] == "models/gem"
    assert inner["systemInstruction"]["parts"] == [{"text": "Be brief"}]
    assert [content["role"] for content in inner["contents"]] == ["user", "model", "user"]
    words, picture = inner["contents"][0]["parts"]
    assert words == {"text": "How is the weather here?"}
    assert picture["inlineData"] == {"mimeType": "image/png", "data": PIXEL}
    (call,) = inner["contents"][1]["parts"]
    assert (call["functionCall"]["name"], call["functionCall"]["args"]) == ("weather", {"city": "Zürich"})
    (result,) = inner["contents"][2]["parts"]
    assert result["functionResponse"]["name"] == "weather" and "sunny" in str(result["functionResponse"]["response"])
    (function,) = inner["tools"][0]["functionDeclarations"]
    assert (function["name"], function["parametersJsonSchema"]) == ("weather", SCHEMA)


def test_google_counts_with_claude(google, upstream):
    answer = google.models.count_tokens(
        model="claude/opus",
        contents=[types.Content(role="user", parts=[
            types.Part(text="What is this?"),
            types.Part(inline_data=types.Blob(mime_type="image/png", data=base64.b64decode(PIXEL)))])],
    )
    assert answer.total_tokens == 42
    (request,) = upstream.requests
    assert request.path == "/v1/messages/count_tokens"
    body = request.json()
    assert body["model"] == "opus" and set(body) == {"model", "messages"}, "the endpoint refuses max_tokens"
    words, picture = body["messages"][0]["content"]
    assert words == {"type": "text", "text": "What is this?"}
    assert picture["source"]["type"] == "base64" and picture["source"]["media_type"] == "image/png"
    assert base64.b64decode(picture["source"]["data"]) == base64.b64decode(PIXEL)


def test_google_counts_a_whole_request_with_claude(gateway, upstream):
    whole = {
        "model": "models/claude/opus",
        "contents": CONTENTS,
        "systemInstruction": {"parts": [{"text": "Be brief"}]},
        "tools": [{"functionDeclarations": [
            {"name": "weather", "description": TOOL["description"], "parametersJsonSchema": SCHEMA}]}],
        "generationConfig": {"maxOutputTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"]},
    }
    answer = count_google(gateway, "claude/opus", {"generateContentRequest": whole})
    assert answer.status_code == 200 and answer.json() == {"totalTokens": 42}
    body = upstream.last.json()
    assert set(body) == {"model", "messages", "system", "tools"}
    assert body["messages"][0]["content"] == [{"type": "text", "text": "How is Zürich 🌍?"}]
    assert body["system"] in ("Be brief", [{"type": "text", "text": "Be brief"}])
    assert body["tools"] == [TOOL]


# Not a call to generate


@pytest.mark.parametrize("model", ["claude/opus", "google/gem"])
def test_a_count_is_no_use_of_tokens(gateway, claude, google, upstream, model):
    def used():
        text = httpx.get(f"{gateway.url}/metrics", headers={"authorization": f"Bearer {gateway.key}"}, timeout=20).text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        tokens = sum(sample.value for sample in samples if sample.name == "gen_ai_client_token_usage_sum")
        calls = sum(
            sample.value for sample in samples
            if sample.name == "gen_ai_client_operation_duration_seconds_count"
            and not sample.labels["gen_ai_operation_name"].endswith("count_tokens")
        )
        return tokens, calls

    before = used()
    first = claude.messages.with_raw_response.count_tokens(model=model, messages=PROMPT).headers["x-request-id"]
    second = count_google(gateway, model, {"contents": CONTENTS}).headers["x-request-id"]
    for request_id, route in [(first, "count_tokens"), (second, "gemini_count_tokens")]:
        record = gateway.access(request_id)
        assert (record["route"], record["status"], record["model"]) == (route, 200, model)
        assert not {"input_tokens", "output_tokens", "cost_amount"} & set(record)
    assert used() == before
    assert all(request.path.endswith(("count_tokens", ":countTokens")) for request in upstream.requests)
    assert len(upstream.requests) == 2, "one request each, none to generate"


# Refusals

ELSEWHERE = ["open/m", "compatible/m", "mistral/m", "cohere/m", "ollama/m", "azure/m", "aws/m", "gatehouse/echo"]


@pytest.mark.parametrize("model", ELSEWHERE)
def test_claude_is_told_who_does_not_count(claude, upstream, model):
    with pytest.raises(anthropic.BadRequestError) as caught:
        claude.messages.count_tokens(model=model, messages=PROMPT)
    error = caught.value.body["error"]
    assert (error["type"], error["code"], error["param"]) == (
        "invalid_request_error", "unsupported_parameter", "model")
    assert model.split("/")[0] in error["message"]
    assert upstream.requests == []


@pytest.mark.parametrize("model", ELSEWHERE)
def test_google_is_told_who_does_not_count(google, upstream, model):
    with pytest.raises(genai.errors.ClientError) as caught:
        google.models.count_tokens(model=model, contents="x")
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert caught.value.details["error"]["details"][0]["reason"] == "unsupported_parameter"
    assert model.split("/")[0] in caught.value.message
    assert upstream.requests == []


def test_a_count_needs_a_key_and_a_model_it_may_use(gateway, upstream):
    for path, body in [
        ("/v1/messages/count_tokens", {"model": "google/gem", "messages": PROMPT}),
        ("/v1beta/models/google%2Fgem:countTokens", {"contents": CONTENTS}),
    ]:
        assert post(gateway, path, body, key="sk-not-a-key-of-this-gateway").status_code == 401
        assert post(gateway, path, body, key=MEMBER).status_code == 403
        assert post(gateway, path, body).status_code == 200
    assert post(gateway, "/v1/messages/count_tokens", {"model": "claude/opus", "messages": PROMPT}, MEMBER).is_success
    assert len(upstream.requests) == 3


@pytest.mark.parametrize("body, code, param", [
    ({"messages": PROMPT}, "missing_field", "model"),
    ({"model": "claude/opus"}, "missing_field", "messages"),
    ({"model": "claude/opus", "messages": "x"}, "invalid_value", "messages"),
    ({"model": "nobody/opus", "messages": PROMPT}, "model_not_found", "model"),
])
def test_a_wrong_request_of_claude(gateway, upstream, body, code, param):
    answer = post(gateway, "/v1/messages/count_tokens", body)
    assert answer.status_code == (404 if code == "model_not_found" else 400)
    assert answer.json()["type"] == "error"
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == (code, param)
    assert upstream.requests == []


@pytest.mark.parametrize("model", ["google/gem", "claude/opus"])
@pytest.mark.parametrize("body, code", [
    ({}, "missing_field"),
    ({"generateContentRequest": 7}, "invalid_value"),
    ({"generateContentRequest": {}}, "missing_field"),
])
def test_a_wrong_request_of_google(gateway, upstream, model, body, code):
    """Wrong in itself is wrong for every target; a value that only the provider judges may go to it."""
    upstream.override = (400, {"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}})
    answer = count_google(gateway, model, body)
    assert answer.status_code == 400
    reason = answer.json()["error"]["details"][0]["reason"]
    assert reason == code or (model == "google/gem" and reason == "upstream_rejected")


# Trouble at the provider

TROUBLE = {
    "key": ((401, {"error": {"message": "wrong key", "type": "authentication_error"}}), 502, "upstream_auth_failed"),
    "rate": ((429, {"error": {"message": "slow", "type": "rate_limit_error"}}), 429, "upstream_rate_limited"),
    "defect": ((500, {"error": {"message": "oh", "type": "api_error"}}), 502, "upstream_error"),
    "page": ((200, b"<html>welcome</html>", "text/html"), 502, "upstream_invalid_response"),
    "page called JSON": ((200, b"<html>welcome</html>"), 502, "upstream_invalid_response"),
    "nothing": ((200, b""), 502, "upstream_invalid_response"),
}


def status_and_code(answer, is_google):
    error = answer.json()["error"]
    return answer.status_code, error["details"][0]["reason"] if is_google else error["code"]


def count(gateway, is_google, model):
    if is_google:
        return count_google(gateway, model, {"contents": CONTENTS})
    return post(gateway, "/v1/messages/count_tokens", {"model": model, "messages": PROMPT})


@pytest.mark.parametrize("model", ["claude/opus", "google/gem"])
@pytest.mark.parametrize("is_google", [False, True], ids=["by claude", "by google"])
@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_at_the_provider(gateway, upstream, trouble, is_google, model):
    upstream.override, status, code = TROUBLE[trouble]
    answer = count(gateway, is_google, model)
    assert "welcome" not in answer.text
    assert status_and_code(answer, is_google) == (status, code)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("number", [None, "42", -1, 4.5, {}])
@pytest.mark.parametrize("is_google, model, field", [
    (False, "google/gem", "totalTokens"), (True, "claude/opus", "input_tokens"),
])
def test_a_count_that_is_none_is_not_made_up(gateway, upstream, is_google, model, field, number):
    upstream.override = (200, {} if number is None else {field: number})
    answer = count(gateway, is_google, model)
    assert status_and_code(answer, is_google) == (502, "upstream_invalid_response")
