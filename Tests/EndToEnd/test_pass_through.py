"""Surfaces that are passed through: moderations, images, speech, rankings, and what transcriptions share with them.

What goes out and what comes back are the same bytes but for the model's name; only rankings are translated.
"""

import json
import random
import threading
import uuid

import httpx
import openai
import pytest

from harness.surfaces import (
    BOUNDARY,
    FILE,
    MODEL,
    SECRET,
    SOUND,
    Scripted,
    Told,
    events,
    form,
    post,
    providers,
    send,
    tokens,
)
from harness.upstream import Answer

MODERATION = {
    "id": "modr-1",
    "model": "omni-moderation-2024-09-26",
    "results": [
        {"flagged": True, "categories": {"violence": True}, "category_scores": {"violence": 0.9945721030235291}}
    ],
}
IMAGE = {
    "created": 1713833628,
    "data": [{"b64_json": "aGVsbG8="}],
    "usage": {
        "total_tokens": 286,
        "input_tokens": 14,
        "output_tokens": 272,
        "input_tokens_details": {"text_tokens": 14, "image_tokens": 0},
    },
}
DOCUMENTS = ["Carson City", "Washington, D.C.", "Zürich 🌍"]
QUERY = "What is the capital?"
COHERE_RANKING = {
    "id": "c995b490",
    "results": [{"index": 1, "relevance_score": 0.9999989}, {"index": 0, "relevance_score": 0.6807725}],
    "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
}
JINA_RANKING = {
    "model": "bge-reranker-v2-m3",
    "object": "list",
    "results": [
        {"index": 2, "relevance_score": 0.8215377926826477},
        {"index": 0, "relevance_score": -4.758295059204102},
    ],
    "usage": {"prompt_tokens": 55, "total_tokens": 55},
}
#: Route: a request without its model, and an answer.
BODIES = {
    "/v1/moderations": ({"input": "I want to"}, MODERATION),
    "/v1/images/generations": ({"prompt": "A red circle", "size": "1024x1024"}, IMAGE),
    "/v1/audio/speech": ({"input": "Grüezi", "voice": "alloy"}, {"audio_data": "ZWxpZGVk"}),
    "/v1/rerank": ({"query": QUERY, "documents": DOCUMENTS}, COHERE_RANKING),
}
ROUTES = {
    "/v1/moderations": "moderations",
    "/v1/images/generations": "images",
    "/v1/audio/speech": "speech",
    "/v1/audio/transcriptions": "transcriptions",
    "/v1/rerank": "rerank",
}
paths = pytest.mark.parametrize("path", BODIES)


@pytest.fixture(scope="module")
def server():
    server = Scripted()
    yield server
    server.stop()


@pytest.fixture
def upstream(server):
    server.requests.clear()
    server.next = None
    return server


@pytest.fixture(scope="module")
def gateway(module_starter, server):
    return module_starter({"providers": providers(server)})


@pytest.fixture(scope="module")
def client(gateway):
    with openai.OpenAI(api_key=gateway.key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=30) as client:
        yield client


def provider(path):
    return "cohere" if path == "/v1/rerank" else "vendor"


# Every surface


@paths
def test_the_bytes_go_through_but_for_the_models_name(gateway, upstream, path):
    fields, answer = BODIES[path]
    # Spaces, escapes, numbers as written, members that nobody knows: all of it must arrive.
    rest = json.dumps(fields)[1:-1]
    template = '{ %s , "vendor_option":{"kept":[1,2.50,1e3]},\n"model" : "%s"  }'
    written = json.dumps(answer, indent=3, ensure_ascii=False).encode() + b"\n"
    upstream.next = Answer(written)
    got = post(gateway, path, (template % (rest, f"{provider(path)}/the/model:1")).encode())
    assert (got.status_code, got.headers["content-type"]) == (200, "application/json")
    assert got.content == written
    request = upstream.one()
    assert request.body == (template % (rest, "the/model:1")).encode()
    version = "/v2/rerank" if path == "/v1/rerank" else path
    assert request.path == f"/{provider(path)}{version}"


@paths
def test_who_asked_and_what_became_of_it(gateway, upstream, path):
    fields, body = BODIES[path]
    upstream.next = Answer(body, headers={"x-request-id": "req-of-the-vendor"})
    name = f"{provider(path)}/m"
    own = f"own-{uuid.uuid4()}"
    headers = {"x-request-id": own, "x-canary": "canary", "cookie": "canary"}
    got = post(gateway, path, {"model": name, **fields}, **headers)
    told = {key: got.headers[f"x-gatehouse-{key}"] for key in ("provider", "model", "attempts")}
    assert told == {"provider": provider(path), "model": "m", "attempts": "1"}
    assert got.headers["x-request-id"] == own
    record = gateway.access(own)
    expected = {
        "route": ROUTES[path],
        "path": path,
        "status": 200,
        "outcome": "completed",
        "model": name,
        "provider": provider(path),
        "upstream_model": "m",
        "attempts": 1,
        "key": "admin",
        "bytes_out": len(got.content),
        "upstream_request_id": "req-of-the-vendor",
    }
    assert {key: record.get(key) for key in expected} == expected
    headers = upstream.one().headers
    assert headers["authorization"] == f"Bearer sk-{provider(path)}"
    assert gateway.key not in str(headers) and "canary" not in str(headers)


@pytest.mark.parametrize("key", [None, "sk-wrong"])
@pytest.mark.parametrize("path", ROUTES)
def test_a_key_is_needed(gateway, upstream, path, key):
    is_form = path == "/v1/audio/transcriptions"
    body = form(MODEL, FILE) if is_form else json.dumps({"model": "vendor/m", **BODIES[path][0]}).encode()
    kind = f"multipart/form-data; boundary={BOUNDARY}" if is_form else "application/json"
    headers = {"content-type": kind, **({"authorization": f"Bearer {key}"} if key else {})}
    got = httpx.post(f"{gateway.url}{path}", headers=headers, content=body, timeout=30)
    Told(got, path).check(401, "invalid_api_key", "API key" if path == "/v1/rerank" else None)
    assert upstream.requests == []


@paths
def test_a_model_is_needed(gateway, upstream, path):
    fields = BODIES[path][0]
    Told(post(gateway, path, fields), path).check(400, "missing_field", "model")
    for wrong in (7, "", "a b", None):
        Told(post(gateway, path, {"model": wrong, **fields}), path).check(400, "invalid_value", "model")
    Told(post(gateway, path, {"model": "nobody/nothing", **fields}), path).check(404, "model_not_found", "model")
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/moderations", "input"),
        ("/v1/images/generations", "prompt"),
        ("/v1/audio/speech", "input"),
        ("/v1/rerank", "documents"),
    ],
)
def test_what_is_asked_for_must_be_there(gateway, upstream, path, field):
    fields = {key: value for key, value in BODIES[path][0].items() if key != field}
    Told(post(gateway, path, {"model": f"{provider(path)}/m", **fields}), path).check(400, "missing_field", field)
    assert upstream.requests == []


@paths
def test_bodies_that_are_none(gateway, upstream, path):
    half, twice = b'{"model":', b'{"model":"vendor/a","model":"vendor/b"}'
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    told = [
        Told(post(gateway, path, half), path),
        Told(post(gateway, path, twice), path),
        Told(post(gateway, path, form(MODEL), **{"content-type": kind}), path),
        Told(httpx.get(f"{gateway.url}{path}", headers={"authorization": f"Bearer {gateway.key}"}), path),
    ]
    assert [(one.status, one.code) for one in told] == [
        (400, "invalid_json"),
        (400, "invalid_json"),
        (415, "unsupported_media_type"),
        (405, "method_not_allowed"),
    ]
    assert upstream.requests == []


@pytest.mark.parametrize("name", ["gatehouse/echo", "messages/claude"])
@paths
def test_a_target_that_does_not_do_it(gateway, upstream, path, name):
    got = post(gateway, path, {"model": name, **BODIES[path][0]})
    told = Told(got, path)
    assert (told.status, told.code) == (400, "unsupported_parameter")
    assert path in told.message
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("status", "seen", "code"),
    [
        (400, 400, "upstream_rejected"),
        (401, 502, "upstream_auth_failed"),
        (404, 404, "upstream_model_unknown"),
        (429, 429, "upstream_rate_limited"),
        (500, 502, "upstream_error"),
        (503, 503, "upstream_overloaded"),
    ],
)
@pytest.mark.parametrize("path", ROUTES)
def test_errors_of_the_provider(gateway, upstream, path, status, seen, code):
    body = {"message": SECRET, "error": {"message": SECRET, "type": "x", "param": None, "code": None}}
    upstream.next = Answer(body, status, headers={"retry-after": "7"})
    if path == "/v1/audio/transcriptions":
        got = send(gateway, form(MODEL, FILE))
    else:
        got = post(gateway, path, {"model": f"{provider(path)}/m", **BODIES[path][0]})
    told = Told(got, path)
    assert (told.status, told.code) == (seen, code)
    assert "SECRET" not in got.text and "10.9.8.7" not in got.text
    if seen in (429, 503):
        assert got.headers["retry-after"] == "7"
    record = gateway.access(got.headers["x-request-id"])
    assert (record["status"], record["outcome"], record["error_code"]) == (seen, "failed", code)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<html>Welcome</html>", kind="text/html"),
        Answer(b"<html>Welcome</html>"),
        Answer(b""),
        Answer(b'{"id": "x", "resul'),
        Answer(b'["x"]'),
    ],
    ids=["page", "page called JSON", "nothing", "half", "list"],
)
@paths
def test_answers_that_are_none(gateway, upstream, path, answer):
    upstream.next = answer
    told = Told(post(gateway, path, {"model": f"{provider(path)}/m", **BODIES[path][0]}), path)
    assert (told.status, told.code) == (502, "upstream_invalid_response")


# Moderations and images


def test_moderations_by_the_client(client, upstream):
    upstream.next = Answer(MODERATION)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    inputs = [{"type": "text", "text": "I want to"}, image]
    answer = client.moderations.create(model="vendor/omni-moderation-latest", input=inputs)
    assert answer.results[0].flagged and answer.results[0].category_scores.violence == 0.9945721030235291
    assert upstream.one().json() == {"model": "omni-moderation-latest", "input": inputs}


def test_images_by_the_client(client, gateway, upstream):
    upstream.next = Answer(IMAGE)
    raw = client.images.with_raw_response.generate(model="vendor/gpt-image-1", prompt="A red circle", size="1024x1024")
    answer = raw.parse()
    assert (answer.data[0].b64_json, answer.usage.total_tokens) == ("aGVsbG8=", 286)
    assert tokens(gateway.access(raw.headers["x-request-id"])) == (14, 272)


def test_a_large_image(gateway, upstream):
    picture = random.Random(1).randbytes(4 << 20).hex()
    upstream.next = Answer({**IMAGE, "data": [{"b64_json": picture}]})
    got = post(gateway, "/v1/images/generations", {"model": "vendor/gpt-image-1", "prompt": "A red circle"})
    assert got.json()["data"][0]["b64_json"] == picture
    assert tokens(gateway.access(got.headers["x-request-id"])) == (14, 272)


def test_a_stream_of_images(client, gateway, upstream):
    partial = {"type": "image_generation.partial_image", "b64_json": "aGVs", "partial_image_index": 0}
    whole = {"type": "image_generation.completed", "b64_json": "aGVsbG8=", "usage": IMAGE["usage"]}
    upstream.next = Answer(iter(events(partial, whole)), kind="text/event-stream")
    stream = client.images.generate(
        model="vendor/gpt-image-1", prompt="A red circle", stream=True, partial_images=1
    )
    with stream:
        seen = [event.type for event in stream]
    assert seen == ["image_generation.partial_image", "image_generation.completed"]
    assert upstream.one().json()["stream"] is True
    record = gateway.access(stream.response.headers["x-request-id"])
    assert (record["stream"], *tokens(record)) == (True, 14, 272)


# Speech


def test_speech_by_the_client(client, gateway, upstream):
    upstream.next = Answer(SOUND, kind="audio/mpeg")
    answer = client.audio.speech.create(
        model="vendor/tts-1", voice="alloy", input="Grüezi", response_format="mp3", speed=1.25
    )
    assert answer.content == SOUND
    assert answer.response.headers["content-type"] == "audio/mpeg"
    record = gateway.access(answer.response.headers["x-request-id"])
    assert (record["status"], record["bytes_out"]) == (200, len(SOUND))
    assert upstream.one().json() == {
        "model": "tts-1",
        "voice": "alloy",
        "input": "Grüezi",
        "response_format": "mp3",
        "speed": 1.25,
    }


def test_speech_is_heard_while_it_is_made(client, upstream):
    heard, in_time = threading.Event(), []

    def pieces():
        yield SOUND
        in_time.append(heard.wait(10))
        yield SOUND[::-1]

    upstream.next = Answer(pieces(), kind="audio/ogg")
    speech = client.audio.speech.with_streaming_response
    with speech.create(model="vendor/tts-1", voice="alloy", input="Grüezi") as answer:
        assert answer.headers["content-type"] == "audio/ogg"
        got = b""
        for piece in answer.iter_bytes():
            got += piece
            if got == SOUND:
                heard.set()
    assert got == SOUND + SOUND[::-1]
    assert in_time == [True], "the first piece came with the second only"


@pytest.mark.parametrize(
    "kind", ["audio/mpeg", "audio/pcm;rate=24000", "application/octet-stream", "audio/wav; codecs=1"]
)
def test_the_type_of_the_sound(gateway, upstream, kind):
    upstream.next = Answer(SOUND, kind=kind)
    got = post(gateway, "/v1/audio/speech", {"model": "vendor/tts-1", "input": "Grüezi", "voice": "alloy"})
    assert (got.headers["content-type"], got.content) == (kind, SOUND)


def test_long_speech(gateway, upstream):
    sound = random.Random(2).randbytes(40 << 20)
    pieces = (sound[start : start + 65_536] for start in range(0, len(sound), 65_536))
    upstream.next = Answer(pieces, kind="audio/wav")
    got = post(gateway, "/v1/audio/speech", {"model": "vendor/tts-1", "input": "Grüezi", "voice": "alloy"})
    assert got.content == sound
    assert gateway.access(got.headers["x-request-id"])["bytes_out"] == len(sound)


def test_speech_that_breaks_off_is_not_made_whole(gateway, upstream):
    """What came is sound and nothing else, and the caller sees that there is more to it."""
    upstream.next = Answer(iter([SOUND, None]), kind="audio/mpeg")
    headers = {"authorization": f"Bearer {gateway.key}"}
    body = {"model": "vendor/tts-1", "input": "Grüezi", "voice": "alloy"}
    got = b""
    with httpx.stream("POST", f"{gateway.url}/v1/audio/speech", json=body, headers=headers, timeout=30) as answer:
        with pytest.raises(httpx.RemoteProtocolError):
            for piece in answer.iter_raw():
                got += piece
    assert got == SOUND
    record = gateway.access(answer.headers["x-request-id"])
    assert (record["outcome"], record["error_code"]) == ("failed", "upstream_truncated")


def test_leaving_speech_closes_the_providers(client, gateway, upstream):
    def pieces():
        while True:
            yield SOUND

    upstream.next = Answer(pieces(), kind="audio/mpeg")
    speech = client.audio.speech.with_streaming_response
    with speech.create(model="vendor/tts-1", voice="alloy", input="Grüezi") as answer:
        next(answer.iter_bytes())
    assert upstream.one().left.wait(10)
    assert gateway.access(answer.headers["x-request-id"])["outcome"] == "client_gone"


def test_speech_as_events(client, gateway, upstream):
    written = events(
        {"type": "speech.audio.delta", "audio": "aGVsbG8="},
        {"type": "speech.audio.done", "usage": {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}},
    )
    upstream.next = Answer(iter(written), kind="text/event-stream")
    answer = client.audio.speech.create(
        model="vendor/gpt-4o-mini-tts", voice="alloy", input="Grüezi", extra_body={"stream_format": "sse"}
    )
    assert answer.content == b"".join(written)
    assert answer.response.headers["content-type"].startswith("text/event-stream")
    assert tokens(gateway.access(answer.response.headers["x-request-id"])) == (14, 101)


# Rankings


def rerank(gateway, name, path="/v1/rerank", **fields):
    return post(gateway, path, {"model": name, "query": QUERY, "documents": DOCUMENTS, **fields})


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
def test_rankings_by_cohere(gateway, upstream, path):
    upstream.next = Answer(COHERE_RANKING)
    got = rerank(gateway, "cohere/rerank-v3.5", path, top_n=2, max_tokens_per_doc=100)
    assert got.json() == COHERE_RANKING
    request = upstream.one()
    assert request.path == "/cohere/v2/rerank"
    assert request.json() == {
        "model": "rerank-v3.5",
        "query": QUERY,
        "documents": DOCUMENTS,
        "top_n": 2,
        "max_tokens_per_doc": 100,
    }


def test_rankings_of_the_other_form(gateway, upstream):
    """llama.cpp, vLLM and others answer as Jina does."""
    upstream.next = Answer(JINA_RANKING)
    got = rerank(gateway, "local/bge-reranker-v2-m3", top_n=2)
    assert got.status_code == 200
    assert got.json()["results"] == JINA_RANKING["results"], "the same order and the same numbers"
    request = upstream.one()
    assert request.path == "/local/v1/rerank"
    assert request.json() == {"model": "bge-reranker-v2-m3", "query": QUERY, "documents": DOCUMENTS, "top_n": 2}
    assert "x-gatehouse-dropped-params" not in got.headers
    record = gateway.access(got.headers["x-request-id"])
    assert (record["route"], record["outcome"], *tokens(record)) == ("rerank", "completed", 55, 0)


def test_the_usage_of_the_other_form(gateway, upstream):
    """Its callers look for it where its servers put it."""
    upstream.next = Answer(JINA_RANKING)
    assert rerank(gateway, "local/bge-reranker-v2-m3").json()["usage"] == JINA_RANKING["usage"]


def test_scores_are_written_as_they_came(gateway, upstream):
    written = json.dumps(JINA_RANKING).replace("0.8215377926826477", "0.82153779268264770000123").encode()
    upstream.next = Answer(written)
    assert b"0.82153779268264770000123" in rerank(gateway, "local/m").content


def test_documents_come_back_where_they_are_wanted(gateway, upstream):
    upstream.next = Answer(JINA_RANKING)
    got = rerank(gateway, "local/m", return_documents=True)
    assert [one["document"] for one in got.json()["results"]] == [{"text": DOCUMENTS[2]}, {"text": DOCUMENTS[0]}]
    upstream.next = Answer(JINA_RANKING)
    got = rerank(gateway, "local/m", return_documents=False)
    assert all("document" not in one for one in got.json()["results"])


def test_documents_with_fields(gateway, upstream):
    documents = [{"text": text, "title": "A title"} for text in DOCUMENTS]
    upstream.next = Answer(JINA_RANKING)
    got = rerank(gateway, "local/m", documents=documents, return_documents=True)
    assert upstream.one().json()["documents"] == documents
    assert [one["document"]["text"] for one in got.json()["results"]] == [DOCUMENTS[2], DOCUMENTS[0]]


def test_what_only_cohere_knows_is_left_out_and_named(gateway, upstream):
    upstream.next = Answer(JINA_RANKING)
    got = rerank(gateway, "local/m", max_tokens_per_doc=100, priority=3)
    assert set(got.headers["x-gatehouse-dropped-params"].split(",")) == {"max_tokens_per_doc", "priority"}
    assert set(upstream.one().json()) == {"model", "query", "documents"}


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"query": None}, "missing_field", "query"),
        ({"query": 7}, "invalid_value", "query"),
        ({"documents": []}, "invalid_value", "documents"),
        ({"documents": "one"}, "invalid_value", "documents"),
        ({"documents": ["a", 7]}, "invalid_value", "documents[1]"),
        ({"top_n": 0}, "invalid_value", "top_n"),
        ({"top_n": "2"}, "invalid_value", "top_n"),
        ({"return_documents": "yes"}, "invalid_value", "return_documents"),
    ],
    ids=json.dumps,
)
def test_rankings_that_are_refused(gateway, upstream, fields, code, param):
    Told(rerank(gateway, "local/m", **fields), "/v1/rerank").check(400, code, param)
    assert upstream.requests == []


@pytest.mark.parametrize(
    "results",
    [None, {}, [{"index": 0}], [{"relevance_score": 1}], [{"index": -1, "relevance_score": 1}], [7],
     [{"index": 3, "relevance_score": 1}]],
    ids=["none", "no list", "no score", "no index", "negative", "a number", "of no document"],
)  # fmt: skip
def test_rankings_that_nobody_can_use(gateway, upstream, results):
    upstream.next = Answer({"model": "m", "results": results})
    told = Told(rerank(gateway, "local/m"), "/v1/rerank")
    assert (told.status, told.code) == (502, "upstream_invalid_response")
