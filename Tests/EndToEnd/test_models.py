"""The list of models: in the shape of each official client, and made of what the providers list themselves."""

import concurrent.futures
import contextlib
import threading

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types

from harness.gateway import eventually

MEMBER = "sk-member-of-the-models-tests"
CLIENTS = ["openai", "anthropic", "gemini"]
#: More than the providers' default pages hold.
MANY = [f"model-{number:02}" for number in range(45)]


def openai_list(names):
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "x"} for name in names]}


class Lister:
    """One official client, told what a user does with models."""

    def __init__(self, kind, url, key):
        self.kind = kind
        if kind == "openai":
            self.client = openai.OpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0, timeout=20)
        elif kind == "anthropic":
            self.client = anthropic.Anthropic(api_key=key, base_url=url, max_retries=0, timeout=20)
        else:
            self.client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url, timeout=20_000))

    def names(self):
        """All names, over as many pages as the client asks for."""
        return [self.name(model) for model in self.client.models.list()]

    def get(self, name):
        if self.kind == "gemini":
            return self.client.models.get(model=name)
        return self.client.models.retrieve(name)

    def name(self, model):
        return model.name.removeprefix("models/") if self.kind == "gemini" else model.id

    def failure(self, call):
        """The client's own error."""
        with pytest.raises((openai.APIStatusError, anthropic.APIStatusError, genai.errors.APIError)) as caught:
            call()
        return caught.value

    def status(self, call):
        error = self.failure(call)
        return error.code if self.kind == "gemini" else error.status_code


@contextlib.contextmanager
def lister(kind, gateway, key=None):
    one = Lister(kind, gateway.url, key or gateway.key)
    try:
        yield one
    finally:
        one.client.close()


def provider(name, kind, url, **more):
    keys = [] if kind == "ollama" else [{"name": "main", "value": f"sk-{name}-provider-key"}]
    return {"name": name, "kind": kind, "baseURL": url, "keys": keys, **more}


def listed(gateway, key=None):
    answer = httpx.get(
        f"{gateway.url}/v1/models", headers={"authorization": f"Bearer {key or gateway.key}"}, timeout=20
    )
    assert answer.status_code == 200, answer.text
    return [model["id"] for model in answer.json()["data"]]


@pytest.fixture(scope="module")
def shared(module_starter):
    """A gateway with names of every sort, and a key that may use some of them."""
    # Nothing listens at the discard port: what is listed comes from the configuration.
    configured = {"baseURL": "http://127.0.0.1:9", "kind": "openai-compatible", "keys": [{"value": "sk-nothing-there"}]}
    return module_starter(
        {
            "providers": [
                {"name": "left", "models": ["small", "vendor/large:free"], **configured},
                {"name": "right", "models": ["small"], **configured},
            ],
            "models": [{"name": "mine", "targets": [{"provider": "left", "model": "small"}]}],
            "keys": [{"name": "member", "value": MEMBER, "models": ["left/*", "gatehouse/echo"]}],
        }
    )


# The three shapes


@pytest.mark.parametrize("kind", CLIENTS)
def test_each_client_lists_and_gets(shared, kind):
    with lister(kind, shared) as client:
        names = client.names()
        assert sorted(names) == ["gatehouse/echo", "left/small", "left/vendor/large:free", "mine", "right/small"]
        assert [client.name(client.get(name)) for name in names] == names


def test_what_each_client_is_told_of_a_model(shared):
    with lister("openai", shared) as client:
        model = client.get("left/vendor/large:free")
        assert (model.object, model.owned_by) == ("model", "left") and model.created > 1_700_000_000
    with lister("anthropic", shared) as client:
        model = client.get("left/small")
        assert (model.type, model.display_name) == ("model", "left/small") and model.created_at.year >= 2025
        page = client.client.models.list()
        assert (page.first_id, page.last_id, page.has_more) == (page.data[0].id, page.data[-1].id, False)
    with lister("gemini", shared) as client:
        model = client.get("left/small")
        assert (model.name, model.display_name) == ("models/left/small", "left/small")
        assert "generateContent" in model.supported_actions


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_model_unlisted_is_had_by_its_providers_name(shared, kind):
    with lister(kind, shared) as client:
        assert client.name(client.get("left/never-heard-of")) == "left/never-heard-of"
        assert "left/never-heard-of" not in client.names()


@pytest.mark.parametrize("kind", CLIENTS)
def test_an_unknown_model_is_not_found(shared, kind):
    with lister(kind, shared) as client:
        assert client.status(lambda: client.get("nobody/small")) == 404


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_key_is_needed(shared, kind):
    with lister(kind, shared, key="sk-not-a-key-of-this-gateway") as client:
        assert client.status(client.names) == 401
        assert client.status(lambda: client.get("gatehouse/echo")) == 401


def test_errors_of_openai_clients(shared):
    with lister("openai", shared) as client:
        assert client.failure(lambda: client.get("nobody/small")).code == "model_not_found"
    with lister("openai", shared, key="sk-not-a-key-of-this-gateway") as client:
        assert client.failure(client.names).code == "invalid_api_key"


def test_errors_of_anthropic_clients(shared):
    with lister("anthropic", shared) as client:
        body = client.failure(lambda: client.get("nobody/small")).body
        assert (body["type"], body["error"]["type"], body["error"]["code"]) == (
            "error", "not_found_error", "model_not_found")
    with lister("anthropic", shared, key="sk-not-a-key-of-this-gateway") as client:
        body = client.failure(client.names).body
        assert (body["type"], body["error"]["type"], body["error"]["code"]) == (
            "error", "authentication_error", "invalid_api_key")


def test_errors_of_gemini_clients(shared):
    with lister("gemini", shared) as client:
        error = client.failure(lambda: client.get("nobody/small"))
        assert error.status == "NOT_FOUND"
        assert error.details["error"]["details"][0]["reason"] == "model_not_found"
    with lister("gemini", shared, key="sk-not-a-key-of-this-gateway") as client:
        error = client.failure(client.names)
        assert error.status == "UNAUTHENTICATED"
        assert error.details["error"]["details"][0]["reason"] == "invalid_api_key"


@pytest.mark.parametrize("path", ["/v1/models", "/v1beta/models", "/v1/models/mine", "/v1beta/models/mine"])
def test_without_any_key_nothing_is_told(shared, path):
    answer = httpx.get(shared.url + path, timeout=20)
    assert answer.status_code == 401
    assert "mine" not in answer.text and "left" not in answer.text


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_key_is_told_only_of_what_it_may_use(shared, kind):
    with lister(kind, shared, key=MEMBER) as client:
        assert sorted(client.names()) == ["gatehouse/echo", "left/small", "left/vendor/large:free"]
        assert client.name(client.get("left/small")) == "left/small"
        # Existing or not: both look the same to this key.
        for name in ["right/small", "mine", "nobody/small"]:
            assert client.status(lambda name=name: client.get(name)) == 404


# The providers' own lists


def anthropic_pages(page, limit_of_server=1000):
    """Anthropic's list: `limit` is 20 unless said, the next page begins after `after_id`."""
    query = page.query
    limit = min(int(query.get("limit", 20)), limit_of_server)
    begin = MANY.index(query["after_id"]) + 1 if "after_id" in query else 0
    names = MANY[begin : begin + limit]
    return {
        "data": [{"type": "model", "id": name, "display_name": name} for name in names],
        "has_more": begin + limit < len(MANY),
        "first_id": names[0],
        "last_id": names[-1],
    }


def token_pages(page, size, token, next_token, entry, default, limit_of_server):
    """A list whose next page begins at a token; tokens need percent-encoding in a query."""
    query = page.query
    limit = min(int(query.get(size, default)), limit_of_server)
    begin = int(query[token].removeprefix("at+/=&")) if token in query else 0
    answer = {"models": [entry(name) for name in MANY[begin : begin + limit]]}
    if begin + limit < len(MANY):
        answer[next_token] = f"at+/=&{begin + limit}"
    return answer


def gemini_pages(page, limit_of_server=1000):
    return token_pages(
        page, "pageSize", "pageToken", "nextPageToken",
        lambda name: {"name": f"models/{name}", "displayName": name}, 50, limit_of_server,
    )


def cohere_pages(page, limit_of_server=1000):
    return token_pages(
        page, "page_size", "page_token", "next_page_token",
        lambda name: {"name": name, "endpoints": ["chat"]}, 20, limit_of_server,
    )


#: Kind to: the base's path, where the list lies, the header with the key, and the list.
PROVIDERS = {
    "openai": ("/v1", "/v1/models", ("authorization", "Bearer sk-p-provider-key"), lambda _: openai_list(MANY)),
    "openai-compatible": ("/api", "/api/v1/models", ("authorization", "Bearer sk-p-provider-key"),
                          lambda _: openai_list(MANY)),
    "mistral": ("/v1", "/v1/models", ("authorization", "Bearer sk-p-provider-key"), lambda _: openai_list(MANY)),
    "anthropic": ("/v1", "/v1/models", ("x-api-key", "sk-p-provider-key"), anthropic_pages),
    "gemini": ("/v1beta", "/v1beta/models", ("x-goog-api-key", "sk-p-provider-key"), gemini_pages),
    "cohere": ("/v2", "/v1/models", ("authorization", "Bearer sk-p-provider-key"), cohere_pages),
    "ollama": ("/v1", "/api/tags", None, lambda _: {"models": [{"name": name, "model": name} for name in MANY]}),
}


@pytest.mark.parametrize("kind", PROVIDERS)
def test_asks_each_kind_for_its_list(start, origin, kind):
    base, path, key, pages = PROVIDERS[kind]
    server = origin(lambda request: (200, pages(request)) if request.path == path else (404, {}))
    gateway = start({"providers": [provider("p", kind, server.url + base)]})
    assert listed(gateway) == ["gatehouse/echo"] + [f"p/{name}" for name in MANY]
    for request in server.requests:
        assert (request.method, request.path, request.body) == ("GET", path, b"")
        if key:
            assert request.headers[key[0]] == key[1]
        else:
            assert "authorization" not in request.headers
        assert gateway.key not in str(request.headers)
        if kind == "anthropic":
            assert request.headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize("kind, pages", [
    ("anthropic", anthropic_pages), ("gemini", gemini_pages), ("cohere", cohere_pages),
])
def test_reads_all_pages_of_a_list(start, origin, kind, pages):
    """A provider may give fewer on a page than it was asked for."""
    base, path, _, _ = PROVIDERS[kind]
    server = origin(lambda request: (200, pages(request, 20)) if request.path == path else (404, {}))
    gateway = start({"providers": [provider("p", kind, server.url + base)]})
    assert listed(gateway) == ["gatehouse/echo"] + [f"p/{name}" for name in MANY]
    assert len(server.requests) == 3


def test_configured_and_listed_names_come_once(start, origin):
    server = origin(lambda _: (200, openai_list(["small", "large", "small"])))
    gateway = start(
        {
            "providers": [provider("p", "openai", server.url + "/v1", models=["large", "hidden"])],
            "models": [{"name": "mine", "targets": [{"provider": "p", "model": "small"}]}],
        }
    )
    names = listed(gateway)
    assert sorted(names) == ["gatehouse/echo", "mine", "p/hidden", "p/large", "p/small"]


def test_names_with_slashes_work_as_listed(start, origin):
    name = "vendor/family/model:free"
    chat = {
        "id": "c", "object": "chat.completion", "created": 1, "model": name,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
    }
    server = origin(lambda request: (200, chat if request.method == "POST" else openai_list([name])))
    gateway = start({"providers": [provider("p", "openai", server.url + "/v1")]})
    with lister("openai", gateway) as client:
        (own,) = [model for model in client.names() if model.startswith("p/")]
        assert client.get(own).id == f"p/{name}"
        answer = client.client.chat.completions.create(model=own, messages=[{"role": "user", "content": "x"}])
    assert answer.choices[0].message.content == "Hello"
    assert server.requests[-1].json()["model"] == name


def test_a_key_is_told_only_of_listed_models_it_may_use(start, origin):
    server = origin(lambda _: (200, openai_list(["small", "large"])))
    gateway = start(
        {
            "providers": [provider("p", "openai", server.url + "/v1")],
            "keys": [{"name": "member", "value": MEMBER, "models": ["p/small"]}],
        }
    )
    assert listed(gateway, MEMBER) == ["p/small"]


def test_an_answer_is_kept_and_asked_for_again_when_old(start, origin, clock):
    names = ["first"]
    server = origin(lambda _: (200, openai_list(names)))
    gateway = start({"providers": [provider("p", "openai", server.url + "/v1")]}, env=clock.environment)
    assert server.requests == [], "nobody has asked for the list"
    for kind in CLIENTS:
        with lister(kind, gateway) as client:
            assert client.names() == ["gatehouse/echo", "p/first"]
    names[:] = ["second"]
    clock.forward(240)
    assert listed(gateway) == ["gatehouse/echo", "p/first"]
    assert len(server.requests) == 1
    clock.forward(120)
    assert listed(gateway) == ["gatehouse/echo", "p/second"]
    assert len(server.requests) == 2


def test_many_at_once_are_one_question_to_the_provider(start, origin):
    crowd = 12
    together = threading.Barrier(crowd)
    server = origin(lambda _: (200, openai_list(["small"])))
    gateway = start({"providers": [provider("p", "openai", server.url + "/v1")]})

    def ask():
        together.wait(20)
        return listed(gateway)

    with concurrent.futures.ThreadPoolExecutor(crowd) as pool:
        for answer in [pool.submit(ask) for _ in range(crowd)]:
            assert answer.result() == ["gatehouse/echo", "p/small"]
    assert len(server.requests) == 1


def test_a_provider_that_fails_later_keeps_what_it_said(start, origin, clock):
    answers = [(200, openai_list(["known"]))]
    server = origin(lambda _: answers[-1])
    gateway = start({"providers": [provider("p", "openai", server.url + "/v1")]}, env=clock.environment)
    assert listed(gateway) == ["gatehouse/echo", "p/known"]
    answers.append((500, {"error": {"message": "secret words of the provider"}}))
    clock.forward(360)
    assert listed(gateway) == ["gatehouse/echo", "p/known"]
    assert listed(gateway) == ["gatehouse/echo", "p/known"]
    assert len(server.requests) == 2, "one that fails is left alone for a while"
    answers.append((200, openai_list(["known", "new"])))
    clock.forward(60)
    assert listed(gateway) == ["gatehouse/echo", "p/known", "p/new"]


def test_a_provider_that_is_gone_keeps_what_it_said(start, origin, clock):
    server = origin(lambda _: (200, openai_list(["known"])))
    gateway = start({"providers": [provider("p", "openai", server.url + "/v1")]}, env=clock.environment)
    assert listed(gateway) == ["gatehouse/echo", "p/known"]
    server.stop()
    clock.forward(360)
    assert listed(gateway) == ["gatehouse/echo", "p/known"]


BROKEN = {
    "refuses the key": (401, {"error": {"message": "wrong key sk-p-provider-key"}}),
    "fails": (503, b"<html>busy</html>"),
    "is no JSON": (200, b"<html>welcome</html>"),
    "is no list": (200, {"data": {"id": "x"}}),
    "is no object": (200, 42),
    "has names that are none": (200, {"data": [{"id": 1}, {"id": ""}, {"id": "a\nb"}, {}, None, "text"]}),
    "has names without end": (200, {"data": [{"id": "x" * 100_000}]}),
    "never ends": (200, b" " * (5 << 20)),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_list_takes_nothing_from_the_others(start, origin, fault):
    broken = origin(lambda _: BROKEN[fault])
    sound = origin(lambda _: (200, openai_list(["there"])))
    gateway = start(
        {
            "providers": [
                provider("p", "openai", broken.url + "/v1", models=["configured"]),
                provider("q", "openai", sound.url + "/v1"),
            ]
        }
    )
    assert sorted(listed(gateway)) == ["gatehouse/echo", "p/configured", "q/there"]
    assert len(broken.requests) == 1
    assert "sk-p-provider-key" not in gateway.log_file.read_text()


def test_a_list_that_does_not_come_is_not_waited_for_forever(start, origin):
    released = threading.Event()

    def answer(_):
        released.wait()
        return 200, openai_list(["late"])

    silent = origin(answer)
    gateway = start({"providers": [provider("p", "openai", silent.url + "/v1", models=["configured"])]})
    try:
        assert sorted(listed(gateway)) == ["gatehouse/echo", "p/configured"]
        assert eventually(lambda: silent.requests, what="a request for the list")
    finally:
        released.set()


def test_a_list_takes_at_most_two_thousand_names(start, origin):
    names = [f"model-{number:04}" for number in range(2500)]
    server = origin(lambda _: (200, openai_list(names)))
    gateway = start({"providers": [provider("p", "openai", server.url + "/v1")]})
    assert listed(gateway) == ["gatehouse/echo"] + [f"p/{name}" for name in names[:2000]]


@pytest.mark.parametrize("kind, more", [
    ("bedrock", {"region": "eu-west-1"}),
    ("vertex", {"region": "europe-west1", "project": "project-1"}),
    ("azure-openai", {"apiVersion": "2024-10-21"}),
])
def test_providers_without_a_list_are_not_asked(start, origin, kind, more):
    server = origin(lambda _: (200, openai_list(["never"])))
    value = "AKIDEXAMPLE:secret" if kind == "bedrock" else "sk-p-provider-key"
    settings = provider("p", kind, server.url, models=["configured"], **more)
    settings["keys"] = [] if kind == "vertex" else [{"name": "main", "value": value}]
    gateway = start({"providers": [settings]})
    assert sorted(listed(gateway)) == ["gatehouse/echo", "p/configured"]
    assert server.requests == []
