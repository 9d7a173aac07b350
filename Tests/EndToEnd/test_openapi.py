"""The description of the routes: valid, complete, nothing in it that is not there, and true of what is answered."""

import re

import pytest
import requests
from harness.gateway import ROOT
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

SOURCES = ROOT / "Sources/GatehouseServer"
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")


@pytest.fixture(scope="module")
def gateway(module_starter):
    return module_starter({"files": {"minFree": 0}})


@pytest.fixture(scope="module")
def description(gateway):
    answer = requests.get(f"{gateway.url}/openapi.json", timeout=20)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    return answer.json()


def operations(description):
    return [(method, path, operation) for path, item in description["paths"].items()
            for method, operation in item.items() if method in METHODS]


def routes_of_the_sources():
    """Method and path of each route, as they are added to the router, and those of calls."""
    found = set()
    for file in sorted(SOURCES.glob("Routes/*.swift")):
        text = file.read_text()
        constants = dict(re.findall(r'let (\w+) = "([^"]*)"', text))
        for method, path in re.findall(r"routes\.add\(\s*\.(\w+),\s*([^,]+?),\s*\.\w+", text):
            parts = re.split(r"\s*\+\s*", path.strip())
            if parts[0] == "path" or (parts[0] == "root" and "root" not in constants):
                continue
            found.add((method, "".join(constants.get(word, word.strip('"')) for word in parts)))
    # Those that are added in a loop, or at a path that is handed over.
    found |= {("get", f"/{version}/models{rest}") for version in ("v1", "v1beta") for rest in ("", "/**")}
    found |= {("get", f"/{root}/files/:id/content") for root in ("api", "v1")}
    found |= {(method, f"/admin/api/{many}{rest}") for many in ("users", "teams", "organizations")
              for method, rest in (("post", ""), ("get", ""), ("get", "/:id"), ("patch", "/:id"), ("delete", "/:id"))}
    calls = (SOURCES / "FrontDoor/DataPlaneRoutes.swift").read_text().split("static func match", 1)[1]
    found |= {("post", path) for path in re.findall(r'"(/(?:v1|v2|api)/[^"]*[a-z_])"', calls)}
    for path in re.findall(r'"(/v1\w*/models/)"', calls):
        for names in re.findall(r"case ((?:\"\w+\"(?:, )?)+):", calls.split("func gemini")[1]):
            found |= {("post", f"{path}{{model}}:{name}") for name in re.findall(r"\w+", names)}
    return found


def as_described(method, path):
    special = {"/api/artifacts/**": ["/api/artifacts/{session}", "/api/artifacts/{session}/{file}"]}
    paths = special.get(path, [re.sub(r"(?<=/):(\w+)", r"{\1}", path.replace("/**", "/{model}"))])
    return {(method, one) for one in paths}


def test_it_is_valid(description):
    validate(description)
    assert description["openapi"].startswith("3.1")
    ids = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(set(ids)) == len(ids)


def test_every_route_is_written_about_and_nothing_else(description):
    bare = [(method, path) for method, path, one in operations(description) if one.get("x-undocumented") or not one["summary"]]
    assert bare == [], "write about them in Sources/GatehouseServer/Description"
    assert description.get("x-unrouted") is None, "there are no such routes"
    wanted = set().union(*(as_described(*route) for route in routes_of_the_sources()))
    assert {(method, path) for method, path, _ in operations(description)} == wanted
    assert len(wanted) > 60


def test_everything_in_it_is_routed(gateway, description):
    """Asked without a body, each of them says anything but that it does not exist."""
    for method, path, operation in operations(description):
        url = gateway.url + re.sub(r"\{\w+\}", "x", path)
        headers = {"Authorization": f"Bearer {gateway.key}", "Tus-Resumable": "1.0.0"}
        with requests.request(method, url, headers=headers, timeout=20, stream=True) as answer:
            assert answer.status_code != 405, (method, path)
            if answer.status_code == 404 and method != "head":
                assert "no such route" not in answer.text, (method, path)
        open_to_all = operation["security"] == []
        with requests.request(method, url, timeout=20, stream=True) as answer:
            assert (answer.status_code != 401) == open_to_all, (method, path)


def checked(description, name, value):
    schema = {"$ref": f"#/components/schemas/{name}", "components": description["components"]}
    OAS31Validator(schema).validate(value)
    return value


def test_what_is_answered_is_as_described(gateway, description):
    def send(method, path, wanted, status=200, **how):
        headers = {"Authorization": f"Bearer {gateway.key}", **how.pop("headers", {})}
        answer = requests.request(method, gateway.url + path, headers=headers, timeout=20, **how)
        assert answer.status_code == status, answer.text
        return checked(description, wanted, answer.json())

    echo, say = {"model": "gatehouse/echo"}, [{"role": "user", "content": "Hello"}]
    send("POST", "/v1/chat/completions", "ChatCompletion", json={**echo, "messages": say})
    send("POST", "/v1/messages", "AnthropicMessage", json={**echo, "messages": say, "max_tokens": 5})
    send("POST", "/api/generate", "Generated", json={**echo, "prompt": "Hello"})
    contents = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    send("POST", "/v1beta/models/gatehouse%2Fecho:generateContent", "GenerateContentResponse", json=contents)
    made = send("POST", "/v1/responses", "Response", json={**echo, "input": "Hello", "background": True})
    send("GET", f"/v1/responses/{made['id']}", "Response")
    send("DELETE", f"/v1/responses/{made['id']}", "OpenAIDeleted")
    run = send("POST", "/api/generate", "Run", status=202, json={**echo, "prompt": "Hello", "background": True})
    send("GET", f"/api/runs/{run['id']}", "Run")
    send("GET", "/api/runs", "RunList")
    file = send("POST", "/api/upload", "Uploaded", status=201, files={"file": ("a.txt", b"text")})
    send("GET", f"/api/files/{file['id']}", "File")
    send("GET", "/v1/files", "OpenAIFileList")
    send("POST", "/api/sessions", "Session", status=201, json={"id": "s", "messages": say})
    send("GET", "/api/sessions", "SessionList")
    send("GET", "/api/sessions/s", "Session")
    send("GET", "/v1/models", "ModelList")
    send("GET", "/v1/models", "ModelList", headers={"x-goog-api-key": gateway.key})
    send("GET", "/health", "Health")
    send("GET", "/api/accounts", "AccountList")
    key = send("POST", "/admin/api/keys", "Key", status=201, json={"name": "described"})
    send("PATCH", f"/admin/api/keys/{key['id']}", "Key", json={"tags": ["t"]})
    send("GET", "/admin/api/keys", "KeyList")
    send("GET", "/api/key", "OwnKey")
    send("POST", "/admin/api/users", "Party", status=201, json={"name": "ann"})
    send("DELETE", "/admin/api/users/ann", "Deleted")
    send("DELETE", "/api/files/none", "NativeError", status=404)
    send("GET", "/v1/responses/none", "Error", status=404)
    send("POST", "/v1/messages", "AnthropicError", status=400, json={**echo})
    send("POST", "/v1beta/models/none:generateContent", "GeminiError", status=404, json=contents)
