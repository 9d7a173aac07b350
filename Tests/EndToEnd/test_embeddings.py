"""Embeddings: every caller gets the same vectors, whoever makes them and however they are written on the way.

The vendors are played by Tests/Support/modeld/embeddings.py, which knows what each takes and refuses the rest.
"""

import base64
import json
import re
import struct

import httpx
import openai
import pytest
from google import genai
from google.genai import errors, types

from harness import matrix  # noqa: F401  (finds Tests/Support)
from harness.upstream import Answer, Upstream
from modeld.embeddings import LENGTH, packed, respond, single, tokens, vector

#: Upstream: its provider, kind, base path and a real model.
TARGETS = {
    "compatible": ("compatible", "text-embedding-3-small"),
    "mistral": ("mistral", "codestral-embed"),
    "ollama": ("ollama", "nomic-embed-text:v1.5"),
    "gemini": ("gemini", "gemini-embedding-2"),
    "cohere": ("cohere", "embed-v4.0"),
    "titan": ("bedrock", "amazon.titan-embed-text-v2:0"),
    "bedrock cohere": ("bedrock", "cohere.embed-v4:0"),
    "cohere in a region": ("bedrock", "eu.cohere.embed-v4:0"),
}
PROVIDERS = {
    "compatible": ("openai-compatible", "/v1"),
    "mistral": ("mistral", "/v1"),
    "ollama": ("ollama", "/v1"),
    "gemini": ("gemini", "/v1beta"),
    "cohere": ("cohere", "/v2"),
    "bedrock": ("bedrock", ""),
}
#: Callers of OpenAI's embeddings are passed on to those who speak them.
PASSED = ("compatible", "mistral", "ollama")
TRANSLATED = tuple(name for name in TARGETS if name not in PASSED)
SEVERAL = tuple(name for name in TARGETS if name != "titan")
TEXTS = ["Grüezi mitenand", 'Say "hello"\n\tto the 🌍', "one two three four"]
TEXT = TEXTS[1]
SECRET = "sk-upstream-SECRET-canary at /etc/provider/secret.yaml on 10.9.8.7"


def targets(*names):
    return pytest.mark.parametrize("target", names or tuple(TARGETS))


def model(target):
    return "/".join(TARGETS[target])


class Vendors(Upstream):
    """All vendors behind one address; a test may put its own answer in place of theirs."""

    def __init__(self):
        self.instead = None
        super().__init__(self.reply)

    def reply(self, request):
        if self.instead:
            return self.instead
        status, body, headers = respond(request.path, request.headers, request.body)
        return Answer(body, status, headers=headers)


@pytest.fixture(scope="module")
def server():
    server = Vendors()
    yield server
    server.stop()


@pytest.fixture
def upstream(server):
    server.requests.clear()
    server.instead = None
    return server


@pytest.fixture(scope="module")
def gateway(module_starter, server):
    providers = [
        {
            "name": name,
            "kind": kind,
            "baseURL": f"{server.url}/{name}{path}",
            **({"region": "eu-west-1"} if kind == "bedrock" else {}),
            "keys": [{"value": "AKIDEXAMPLE:secret" if kind == "bedrock" else "sk-upstream"}],
        }
        for name, (kind, path) in PROVIDERS.items()
    ]
    messages = {"name": "messages", "kind": "anthropic", "baseURL": server.url, "keys": [{"value": "sk-upstream"}]}
    return module_starter({"providers": [*providers, messages]})


@pytest.fixture(scope="module")
def client(gateway):
    with openai.OpenAI(api_key=gateway.key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def google(gateway):
    options = types.HttpOptions(base_url=gateway.url, timeout=20_000)
    with genai.Client(api_key=gateway.key, http_options=options) as client:
        yield client


def post(gateway, body, path="/v1/embeddings", **headers):
    """Plain HTTP, for what no client would send."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json", **headers}
    return httpx.post(f"{gateway.url}{path}", headers=headers, content=content, timeout=20)


def contents(texts):
    """Each text on its own. Newer models of Google make one vector of all the strings in a list."""
    return [types.Content(role="user", parts=[types.Part.from_text(text=text)]) for text in texts]


def singles(numbers):
    return [single(number) for number in numbers]


def unpacked(text):
    """The numbers of a vector in base64."""
    return [number for (number,) in struct.iter_unpack("<f", base64.b64decode(text))]


def check_record(gateway, answer, target, count):
    record = gateway.access(answer.headers["x-request-id"])
    provider, name = TARGETS[target]
    told = {key: record[key] for key in ("status", "outcome", "provider", "upstream_model", "model", "attempts")}
    assert told == {
        "status": 200,
        "outcome": "completed",
        "provider": provider,
        "upstream_model": name,
        "model": model(target),
        "attempts": 1,
    }
    assert (record.get("input_tokens"), record.get("output_tokens")) == (count, 0)


# What clients get


@targets()
def test_the_clients_default_gives_whole_vectors(client, gateway, upstream, target):
    """It asks for base64 without being told to, and decodes it out of its user's sight."""
    raw = client.embeddings.with_raw_response.create(model=model(target), input=TEXT)
    answer = raw.parse()
    assert [one.embedding for one in answer.data] == [vector(TEXT)]
    assert len(answer.data[0].embedding) == LENGTH
    wire = raw.http_response.json()
    assert wire["data"][0]["embedding"] == packed(vector(TEXT)), "not base64 on the wire"
    assert (answer.object, answer.data[0].object, answer.data[0].index) == ("list", "embedding", 0)
    assert answer.model
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (tokens(TEXT), tokens(TEXT))
    assert raw.headers["x-gatehouse-provider"] == TARGETS[target][0]
    assert raw.headers["x-gatehouse-model"] == TARGETS[target][1]
    assert "x-gatehouse-dropped-params" not in raw.headers
    check_record(gateway, raw, target, tokens(TEXT))


@pytest.mark.parametrize("encoding", ["float", "base64"])
@targets()
def test_the_encoding_asked_for(client, upstream, target, encoding):
    answer = client.embeddings.create(model=model(target), input=TEXT, encoding_format=encoding)
    got = answer.data[0].embedding
    if encoding == "base64":
        assert got == packed(vector(TEXT))
    else:
        assert singles(got) == vector(TEXT)


@targets()
def test_floats_where_nothing_is_said(gateway, upstream, target):
    answer = post(gateway, {"model": model(target), "input": TEXT})
    assert answer.status_code == 200
    assert singles(answer.json()["data"][0]["embedding"]) == vector(TEXT)


@targets(*SEVERAL)
def test_a_list_of_texts(client, gateway, upstream, target):
    raw = client.embeddings.with_raw_response.create(model=model(target), input=TEXTS)
    answer = raw.parse()
    assert [one.index for one in answer.data] == [0, 1, 2]
    assert [one.embedding for one in answer.data] == [vector(text) for text in TEXTS]
    upstream.one()
    count = sum(map(tokens, TEXTS))
    assert answer.usage.prompt_tokens == count
    check_record(gateway, raw, target, count)


@targets()
def test_a_list_of_one(client, upstream, target):
    answer = client.embeddings.create(model=model(target), input=[TEXT])
    assert [one.embedding for one in answer.data] == [vector(TEXT)]


@pytest.mark.parametrize(
    ("target", "most"), [("titan", 1), ("cohere", 96), ("bedrock cohere", 96), ("gemini", 100), ("compatible", 2048)]
)
def test_as_many_texts_as_the_target_takes(client, upstream, target, most):
    texts = [f"text {number}" for number in range(most)]
    answer = client.embeddings.create(model=model(target), input=texts)
    assert [one.embedding for one in answer.data] == [vector(text) for text in texts]
    upstream.requests.clear()
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=model(target), input=[*texts, "one more"])
    if target in PASSED:
        assert caught.value.code == "upstream_rejected"
        return
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "input")
    assert upstream.requests == [], "what the target cannot take must not reach it"


@targets(*(name for name in TARGETS if name != "mistral"))
def test_dimensions(client, upstream, target):
    answer = client.embeddings.create(model=model(target), input=TEXT, dimensions=256)
    assert answer.data[0].embedding == vector(TEXT, 256)


def test_dimensions_of_mistral_have_a_name_of_their_own(client, upstream):
    """Within one dialect the caller's bytes go out: the vendor's word works, OpenAI's is the vendor's to refuse."""
    own = {"output_dimension": 256}
    answer = client.embeddings.create(model=model("mistral"), input=TEXT, extra_body=own)
    assert answer.data[0].embedding == vector(TEXT, 256)
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=model("mistral"), input=TEXT, dimensions=256)
    assert caught.value.code == "upstream_rejected"


@targets("titan", "cohere", "bedrock cohere")
def test_dimensions_that_the_model_does_not_have(client, upstream, target):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=model(target), input=TEXT, dimensions=257)
    assert caught.value.code == "upstream_rejected"


def test_titans_first_generation(client, gateway, upstream):
    raw = client.embeddings.with_raw_response.create(model="bedrock/amazon.titan-embed-text-v1", input=TEXT)
    assert raw.parse().data[0].embedding == vector(TEXT)
    assert upstream.one().json() == {"inputText": TEXT}


def test_no_usage_is_made_up(client, gateway, upstream):
    """Gemini's first generation tells none: the answer has zeros, as the client's type demands, the record nothing."""
    raw = client.embeddings.with_raw_response.create(model="gemini/gemini-embedding-001", input=TEXT)
    assert raw.parse().usage.prompt_tokens == 0
    record = gateway.access(raw.headers["x-request-id"])
    assert "input_tokens" not in record


@pytest.mark.parametrize("input", [[9906, 1917], [[9906, 1917], [0]]], ids=["one", "list"])
def test_tokens_where_they_are_known(client, gateway, upstream, input):
    raw = client.embeddings.with_raw_response.create(model=model("compatible"), input=input)
    lists = input if isinstance(input[0], list) else [input]
    assert [one.embedding for one in raw.parse().data] == [vector(one) for one in lists]
    assert upstream.one().json()["input"] == input
    check_record(gateway, raw, "compatible", sum(map(len, lists)))


@pytest.mark.parametrize("input", [[9906, 1917], [[9906, 1917]], ["a text", [9906]]], ids=["one", "list", "mixed"])
@targets(*TRANSLATED)
def test_tokens_where_they_mean_nothing(client, upstream, target, input):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=model(target), input=input)
    assert caught.value.code == "unsupported_parameter"
    assert re.fullmatch(r"input(\[\d\])?", caught.value.param)
    assert upstream.requests == []


@targets("mistral", "ollama")
def test_tokens_that_a_vendor_of_the_same_dialect_refuses(client, upstream, target):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=model(target), input=[9906, 1917])
    assert caught.value.code == "upstream_rejected"


@targets(*TRANSLATED)
def test_what_is_left_out_is_named(client, gateway, upstream, target):
    raw = client.embeddings.with_raw_response.create(model=model(target), input=TEXT, user="somebody")
    assert raw.headers["x-gatehouse-dropped-params"] == "user"
    assert gateway.access(raw.headers["x-request-id"])["dropped_params"] == "user"
    assert b"somebody" not in upstream.one().body


@targets("cohere", "bedrock cohere")
def test_a_purpose_that_the_target_knows(client, upstream, target):
    raw = client.embeddings.with_raw_response.create(
        model=model(target), input=TEXT, extra_body={"input_type": "search_query"}
    )
    assert upstream.one().json()["input_type"] == "search_query"
    assert "x-gatehouse-dropped-params" not in raw.headers


# What goes through


@targets(*PASSED)
def test_the_bytes_go_through_but_for_the_models_name(gateway, upstream, target):
    provider, name = TARGETS[target]
    template = '{ "input" :["a\\u0062c", "d"],"model":  "%s" , "encoding_format":"float"}'
    data = b'[{"embedding":[1.50,-0.0,1e-7],"index":0}]'
    body = b'{"object":"list","data":%s, "model":"x","usage":{"prompt_tokens":2}}\n' % data
    upstream.instead = Answer(body)
    answer = post(gateway, (template % f"{provider}/{name}").encode())
    assert answer.content == body
    request = upstream.one()
    assert request.body == (template % name).encode()
    assert request.path == f"/{provider}/v1/embeddings"
    check_record(gateway, answer, target, 2)


@targets()
def test_only_the_gateways_own_headers_go_upstream(gateway, upstream, target):
    post(gateway, {"model": model(target), "input": TEXT}, **{"x-canary": "canary", "cookie": "session=canary"})
    request = upstream.one()
    assert gateway.key not in str(request.headers) and "canary" not in str(request.headers)


# What is refused


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({}, "missing_field", "input"),
        ({"input": 5}, "invalid_value", "input"),
        ({"input": {}}, "invalid_value", "input"),
        ({"input": None}, "invalid_value", "input"),
    ],
)
@targets()
def test_requests_without_an_input(gateway, upstream, target, fields, code, param):
    answer = post(gateway, {"model": model(target), **fields})
    assert answer.status_code == 400
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == (code, param)
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [1.5]}, "input"),
        ({"input": [-1]}, "input"),
        ({"input": ["a", None]}, "input[1]"),
        ({"input": ["a", {"text": "b"}]}, "input[1]"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "a", "encoding_format": 1}, "encoding_format"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "dimensions": -1}, "dimensions"),
        ({"input": "a", "dimensions": 2.5}, "dimensions"),
        ({"input": "a", "dimensions": 1 << 62}, "dimensions"),
        ({"input": "a", "user": 7}, "user"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)
@targets(*TRANSLATED)
def test_values_of_the_wrong_kind(gateway, upstream, target, fields, param):
    answer = post(gateway, {"model": model(target), **fields})
    assert answer.status_code == 400
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == ("invalid_value", param)
    assert upstream.requests == []


@pytest.mark.parametrize("name", ["messages/claude", "gatehouse/echo"])
def test_a_target_without_embeddings(client, upstream, name):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=name, input=TEXT)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "model")
    assert upstream.requests == []


def test_a_key_and_a_model_are_needed(gateway, upstream):
    body = {"model": model("compatible"), "input": TEXT}
    refused = post(gateway, body, authorization="Bearer sk-wrong")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    assert refused.headers["x-request-id"]
    nameless = post(gateway, {"input": TEXT})
    assert nameless.status_code == 400
    assert (nameless.json()["error"]["code"], nameless.json()["error"]["param"]) == ("missing_field", "model")
    unknown = post(gateway, {"model": "nobody/nothing", "input": TEXT})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
    assert upstream.requests == []


# Trouble at the provider


@pytest.mark.parametrize(
    ("status", "exception", "seen", "code"),
    [
        (400, openai.BadRequestError, 400, "upstream_rejected"),
        (401, openai.APIStatusError, 502, "upstream_auth_failed"),
        (403, openai.APIStatusError, 502, "upstream_auth_failed"),
        (404, openai.NotFoundError, 404, "upstream_model_unknown"),
        (429, openai.RateLimitError, 429, "upstream_rate_limited"),
        (500, openai.InternalServerError, 502, "upstream_error"),
        (503, openai.InternalServerError, 503, "upstream_overloaded"),
    ],
)
@targets("compatible", "ollama", "gemini", "cohere", "titan")
def test_errors_of_the_provider(client, gateway, upstream, target, status, exception, seen, code):
    bodies = {
        "compatible": {"error": {"message": SECRET, "type": "x", "param": None, "code": None}},
        "ollama": {"error": {"message": SECRET, "type": "x", "param": None, "code": None}},
        "gemini": {"error": {"code": status, "message": SECRET, "status": "UNKNOWN"}},
        "cohere": {"message": SECRET},
        "titan": {"message": SECRET},
    }
    upstream.instead = Answer(bodies[target], status, headers={"retry-after": "7"})
    with pytest.raises(exception) as caught:
        client.embeddings.create(model=model(target), input=TEXT)
    error = caught.value
    assert (error.status_code, error.code) == (seen, code)
    assert "SECRET" not in error.response.text and "10.9.8.7" not in error.response.text
    record = gateway.access(error.request_id)
    assert (record["status"], record["outcome"], record["error_code"]) == (seen, "failed", code)
    if seen in (429, 503):
        assert error.response.headers["retry-after"] == "7"


def translated(target, *vectors):
    """An answer of this vendor with these vectors."""
    return {
        "gemini": {"embeddings": [{"values": one} for one in vectors]},
        "cohere": {"id": "x", "embeddings": {"float": list(vectors)}, "texts": []},
        "titan": {"embedding": (*vectors, None)[0], "inputTextTokenCount": 1},
    }[target]


@pytest.mark.parametrize(
    "vectors", [[], [[0.5]] * 3, [[0.5], [0.5, 1]], [[0.5], []], [[0.5], ["a"]], [[0.5], [1e39]], [[0.5], [None]]],
    ids=["none", "too many", "of two lengths", "one empty", "no numbers", "too large", "null"],
)  # fmt: skip
@targets("gemini", "cohere")
def test_vectors_that_nobody_should_store(gateway, upstream, target, vectors):
    upstream.instead = Answer(translated(target, *vectors))
    answer = post(gateway, {"model": model(target), "input": TEXTS[:2]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_invalid_response")


@targets("gemini", "cohere", "titan")
def test_vectors_of_another_length_than_asked_for(gateway, upstream, target):
    upstream.instead = Answer(translated(target, [0.5, 0.25]))
    answer = post(gateway, {"model": model(target), "input": TEXT, "dimensions": 256})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_invalid_response")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<html>Welcome</html>", kind="text/html"),
        Answer(b"<html>Welcome</html>"),
        Answer(b""),
        Answer(b'{"data": [{"embedding": [0.5'),
        Answer(b"[]"),
        Answer(b"{}"),
    ],
    ids=["page", "page called JSON", "nothing", "half", "list", "empty object"],
)
@targets("compatible", "gemini", "cohere", "titan")
def test_answers_that_are_none(gateway, upstream, target, answer):
    upstream.instead = answer
    got = post(gateway, {"model": model(target), "input": TEXT})
    assert (got.status_code, got.json()["error"]["code"]) == (502, "upstream_invalid_response")


@pytest.mark.parametrize("text", ["0.1", "-0", "1e-45", "3.4028234e38", "0.30000001192092896", "1E2", "123456789"])
@targets("gemini", "cohere", "titan")
def test_numbers_come_as_the_same_floats(gateway, upstream, target, text):
    upstream.instead = Answer(json.dumps(translated(target, [[0]])).replace("[0]", f"{text}, 0.5").encode())
    body = {"model": model(target), "input": TEXT}
    got = post(gateway, body).json()["data"][0]["embedding"]
    assert singles(got) == [single(float(text)), 0.5]
    coded = post(gateway, {**body, "encoding_format": "base64"}).json()["data"][0]["embedding"]
    assert unpacked(coded) == [single(float(text)), 0.5]


# Google's client


@targets(*SEVERAL)
def test_googles_client(google, gateway, upstream, target):
    answer = google.models.embed_content(model=model(target), contents=contents(TEXTS))
    assert [singles(one.values) for one in answer.embeddings] == [vector(text) for text in TEXTS]
    record = gateway.access(answer.sdk_http_response.headers["x-request-id"])
    assert (record["route"], record["provider"]) == ("embed_content", TARGETS[target][0])
    assert record["input_tokens"] == sum(map(tokens, TEXTS))


@targets()
def test_googles_client_with_one_text(google, upstream, target):
    answer = google.models.embed_content(model=model(target), contents=TEXT)
    assert [singles(one.values) for one in answer.embeddings] == [vector(TEXT)]


@targets(*(name for name in TARGETS if name != "mistral"))
def test_dimensions_of_googles_client(google, upstream, target):
    config = types.EmbedContentConfig(output_dimensionality=256)
    answer = google.models.embed_content(model=model(target), contents=TEXT, config=config)
    assert singles(answer.embeddings[0].values) == vector(TEXT, 256)


def test_tasks_of_googles_client(google, upstream):
    config = types.EmbedContentConfig(task_type="RETRIEVAL_DOCUMENT", title="A title")
    google.models.embed_content(model=model("gemini"), contents=contents(TEXTS[:2]), config=config)
    name = TARGETS["gemini"][1]
    assert upstream.one().json()["requests"] == [
        {
            "model": f"models/{name}",
            "content": {"parts": [{"text": text}], "role": "user"},
            "taskType": "RETRIEVAL_DOCUMENT",
            "title": "A title",
        }
        for text in TEXTS[:2]
    ]
    upstream.requests.clear()
    config = types.EmbedContentConfig(task_type="RETRIEVAL_QUERY")
    answer = google.models.embed_content(model=model("cohere"), contents=TEXT, config=config)
    assert upstream.one().json()["input_type"] == "search_query"
    assert "x-gatehouse-dropped-params" not in answer.sdk_http_response.headers
    answer = google.models.embed_content(model=model("titan"), contents=TEXT, config=config)
    assert answer.sdk_http_response.headers["x-gatehouse-dropped-params"] == "input_type"


@pytest.mark.parametrize("version", ["v1", "v1beta"])
@targets()
def test_google_for_one_content(gateway, upstream, target, version):
    """`embedContent`, which the client keeps for another service."""
    body = {"model": f"models/{model(target)}", "content": {"parts": [{"text": TEXT}]}}
    answer = post(gateway, body, f"/{version}/models/{model(target)}:embedContent")
    assert answer.status_code == 200
    got = answer.json()
    assert singles(got["embedding"]["values"]) == vector(TEXT)
    assert "embeddings" not in got
    assert got["usageMetadata"]["promptTokenCount"] == tokens(TEXT)
    check_record(gateway, answer, target, tokens(TEXT))


def test_google_gets_vectors_in_the_order_of_its_texts(google, upstream):
    """OpenAI's answers say which vector is whose; Google's do so by their order alone."""
    data = [{"object": "embedding", "index": index, "embedding": vector(TEXTS[index])} for index in (2, 0, 1)]
    upstream.instead = Answer({"object": "list", "data": data, "model": "x", "usage": {"prompt_tokens": 3}})
    answer = google.models.embed_content(model=model("compatible"), contents=contents(TEXTS))
    assert [singles(one.values) for one in answer.embeddings] == [vector(text) for text in TEXTS]


def test_several_texts_of_google_for_titan(google, upstream):
    with pytest.raises(errors.ClientError) as caught:
        google.models.embed_content(model=model("titan"), contents=contents(TEXTS))
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert caught.value.details["error"]["details"][0]["reason"] == "unsupported_parameter"
    assert upstream.requests == []


@targets("compatible", "gemini", "cohere", "titan")
def test_errors_of_googles_client(google, upstream, target):
    upstream.instead = Answer({"message": SECRET}, 429, headers={"retry-after": "7"})
    with pytest.raises(errors.ClientError) as caught:
        google.models.embed_content(model=model(target), contents=TEXT)
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"requests": []}, "requests"),
        ({"requests": [{}]}, "requests[0].content"),
        ({"requests": [{"content": {}}]}, "requests[0].content.parts"),
        ({"requests": 5}, "requests"),
    ],
)
@targets("compatible", "gemini")
def test_what_google_callers_get_wrong(gateway, upstream, target, body, param):
    answer = post(gateway, body, f"/v1beta/models/{model(target)}:batchEmbedContents")
    assert answer.status_code == 400
    error = answer.json()["error"]
    violations = [one for detail in error["details"] for one in detail.get("fieldViolations", [])]
    assert (error["status"], violations[0]["field"]) == ("INVALID_ARGUMENT", param)
    assert upstream.requests == []


# Recordings

#: Recorded wire: how it is asked, and where its vectors stand.
RECORDED = {
    "openai": ("compatible", lambda body: [one["embedding"] for one in body["data"]]),
    "mistral": ("mistral", lambda body: [one["embedding"] for one in body["data"]]),
    "gemini": ("gemini", lambda body: [one["values"] for one in body["embeddings"]]),
    "cohere": ("cohere", lambda body: body["embeddings"]["float"]),
    "bedrock": ("titan", lambda body: [body["embedding"]]),
}
WIRES = ("openai.embeddings", "gemini.embedContent", "cohere.embed", "bedrock.invoke")


def recorded(traffic):
    """Recorded answers with vectors: provider and body."""
    for line in (traffic / "index.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry.get("wire") not in WIRES or entry.get("status") != 200 or entry["provider"] not in RECORDED:
            continue
        body = json.loads((traffic / entry["file"]).read_text())["response"].get("body")
        try:
            vectors = RECORDED[entry["provider"]][1](body)
        except (KeyError, TypeError):
            continue  # Usage reports, models that write text, the old forms.
        if all(isinstance(one, str) or len(one) == len(vectors[0]) for one in vectors):
            yield entry["id"], entry["provider"], body, vectors


def test_recorded_answers(traffic, google, client, upstream):
    """Both clients read the same numbers, which are those that were recorded."""
    played = set()
    for name, provider, body, vectors in recorded(traffic):
        target = RECORDED[provider][0]
        decoded = [singles(one) if isinstance(one, list) else unpacked(one) for one in vectors]
        upstream.instead = Answer(body)
        texts = [f"text {number}" for number in range(len(vectors))]
        answer = client.embeddings.create(model=model(target), input=texts)
        assert [singles(one.embedding) for one in answer.data] == decoded, name
        answer = google.models.embed_content(model=model(target), contents=contents(texts))
        assert [singles(one.values) for one in answer.embeddings] == decoded, name
        played.add(provider)
    assert played == set(RECORDED)
