"""Files that agents make in their workspace: kept for the key that asked, and given out so that they can do no harm."""
import asyncio
import json

import pytest

from harness.gateway import eventually
from harness.sandbox import need_sandbox

#: An agent that makes the files that its prompt names, as JSON: a path and its content, or where a link leads.
MAKER = """#!/usr/bin/python3 -IS
import json, os, sys
for path, content in json.loads(sys.stdin.read()).items():
    if os.path.dirname(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    if isinstance(content, list):
        os.symlink(content[0], path)
    elif isinstance(content, int):
        open(path, "wb").truncate(content)
    else:
        open(path, "wb").write(content.encode("latin-1"))
print("made")
"""
PNG = "\x89PNG\r\n\x1a\n" + "x" * 100
KEYS = [{"name": name, "value": f"gh-test-key-of-{name}-0123456789", "models": ["*"]} for name in ["ann", "bob"]]
ANN, BOB = (key["value"] for key in KEYS)


@pytest.fixture(scope="module")
def maker(tmp_path_factory):
    need_sandbox()
    path = tmp_path_factory.mktemp("maker") / "maker"
    path.write_text(MAKER)
    path.chmod(0o755)
    return str(path)


def configuration(maker, **artifacts):
    agents = [{"name": name, "kind": "custom", "command": [maker], "sandbox": sandbox}
              for name, sandbox in [("maker", "workspace"), ("reader", "readOnly")]]
    return {"agents": agents, "keys": KEYS, "artifacts": artifacts or {"maxSize": "1MiB", "maxFiles": 20}}


@pytest.fixture(scope="module")
def gateway(module_starter, maker):
    return module_starter(configuration(maker))


def make(gateway, files, key=ANN, session=None, model="maker", **fields):
    headers = [("x-session-id", session)] if session else []
    body = {"model": model, "messages": [{"role": "user", "content": json.dumps(files)}], **fields}
    return asyncio.run(gateway.call("/v1/chat/completions", body, key=key, headers=headers, timeout=60))


def get(gateway, path, key=ANN):
    return asyncio.run(gateway.call(path, key=key))


def names(response):
    return [artifact["name"] for artifact in response.json()["artifacts"]]


def test_files_are_listed_and_given_out(gateway):
    made = make(gateway, {"notes.txt": "Gr\xc3\xbc\xc3\x9fe", "out/plot.png": PNG, "data.bin": "\x00\xff"}, session="s-1")
    assert made.status == 200, f"{made.body}\n{gateway.tail()}"
    assert made.headers["x-gatehouse-artifacts"] == "/api/artifacts/s-1"
    listing = get(gateway, made.headers["x-gatehouse-artifacts"])
    assert listing.status == 200
    assert names(listing) == ["data.bin", "notes.txt", "out/plot.png"]
    assert [artifact["size"] for artifact in listing.json()["artifacts"]] == [2, 7, 108]
    plot = get(gateway, "/api/artifacts/s-1/out/plot.png")
    assert (plot.status, plot.body) == (200, PNG.encode("latin-1"))
    assert plot.headers["content-type"] == "image/png"
    assert plot.headers["content-disposition"].startswith("inline")
    notes = get(gateway, "/api/artifacts/s-1/notes.txt")
    assert notes.headers["content-type"] == "text/plain; charset=utf-8"
    assert notes.body.decode() == "Grüße"


def test_the_native_api_tells_of_each(gateway):
    body = {"model": "maker", "prompt": json.dumps({"a b.txt": "x", "out/c.bin": "yy"}), "stream": True}
    answer = asyncio.run(gateway.call("/api/generate", body, key=ANN, headers=[("x-session-id", "native")], timeout=60))
    assert answer.status == 200, answer.body
    files = [json.loads(data) for data in answer.events if '"url"' in data]
    assert files == [{"name": "a b.txt", "size": 1, "url": "/api/artifacts/native/a%20b.txt"},
                     {"name": "out/c.bin", "size": 2, "url": "/api/artifacts/native/out/c.bin"}]
    assert get(gateway, files[1]["url"]).body == b"yy"


def test_a_stream_tells_where_as_well_and_without_a_session_it_is_the_call(gateway):
    made = make(gateway, {"a.txt": "x"}, stream=True)
    assert made.events[-1] == "[DONE]"
    place = made.headers["x-gatehouse-artifacts"]
    assert place == "/api/artifacts/" + made.headers["x-request-id"]
    assert names(get(gateway, place)) == ["a.txt"]


@pytest.mark.parametrize("name, content", [
    ("page.html", "<script>alert(1)</script>"), ("picture.svg", "<svg onload='alert(1)'/>"), ("fake.png", "<html>"),
    ("program.exe", "MZ"), ("paper.pdf", "%PDF-1.7"), ("no-ending", "<html>")])
def test_what_could_do_harm_is_saved_and_not_shown(gateway, name, content):
    make(gateway, {name: content}, session="harm")
    answer = get(gateway, f"/api/artifacts/harm/{name}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


def test_a_name_cannot_write_headers(gateway):
    name = 'a"b\r\nx-evil: 1\u00fc.txt'
    make(gateway, {name: "x"}, session="names")
    [kept] = names(get(gateway, "/api/artifacts/names"))
    assert "\r" not in kept and "\n" not in kept
    from urllib.parse import quote
    answer = get(gateway, "/api/artifacts/names/" + quote(kept, safe=""))
    assert answer.status == 200 and "x-evil" not in answer.headers
    assert answer.headers["content-disposition"].startswith("inline; filename=\"a_b__x-evil_ 1_.txt\"; filename*=UTF-8''a%22b")


def test_links_lead_nowhere(gateway):
    make(gateway, {"passwd": ["/etc/passwd"], "key": [str(gateway.data / "admin.key")], "up": [".."], "real.txt": "x"},
         session="links")
    assert names(get(gateway, "/api/artifacts/links")) == ["real.txt"]
    gateway.await_log("Files that an agent left were not kept")


def test_what_is_too_large_is_not_kept(gateway):
    make(gateway, {"large": (1 << 20) + 1, "exact": 1 << 20}, session="large")
    assert names(get(gateway, "/api/artifacts/large")) == ["exact"]
    answer = get(gateway, "/api/artifacts/large/exact")
    assert answer.body == bytes(1 << 20)


def test_anothers_do_not_exist(gateway):
    make(gateway, {"mine.txt": "x"}, session="shared-name")
    for path in ["/api/artifacts/shared-name", "/api/artifacts/shared-name/mine.txt"]:
        assert get(gateway, path).status == 200
        assert get(gateway, path, key=gateway.key).status == 404, "not even the operator's"
        foreign, nothing = get(gateway, path, key=BOB), get(gateway, path.replace("shared", "absent"), key=BOB)
        assert foreign.status == nothing.status == 404
        assert foreign.json()["error"]["message"] == nothing.json()["error"]["message"]
        assert get(gateway, path, key="gh-wrong-key-000000000000").status == 401
    make(gateway, {"bobs.txt": "x"}, key=BOB, session="shared-name")
    assert names(get(gateway, "/api/artifacts/shared-name", key=BOB)) == ["bobs.txt"]
    assert names(get(gateway, "/api/artifacts/shared-name")) == ["mine.txt"]


@pytest.mark.parametrize("path", [
    "shared-name/../../admin.key", "..%2f..%2fadmin.key", "s-1/..%2f..%2f..%2fadmin.key", "s-1/%2e%2e/notes.txt",
    "s-1/", "%00", "s-1/notes.txt%00", "s-1//notes.txt", "%ff"])
def test_paths_lead_nowhere(gateway, path):
    assert get(gateway, "/api/artifacts/" + path).status in (400, 404)


def test_a_reading_agent_leaves_nothing(gateway):
    made = make(gateway, {"a.txt": "x"}, model="reader", session="reading")
    assert "x-gatehouse-artifacts" not in made.headers
    assert get(gateway, "/api/artifacts/reading").status == 404


def test_they_go_by_themselves(start, maker):
    gateway = start(configuration(maker, ttl="1s"))
    made = make(gateway, {"a.txt": "x"}, session="short")
    assert made.status == 200
    eventually(lambda: not list((gateway.data / "artifacts").rglob("*")), what="the swept artifacts")
    assert get(gateway, "/api/artifacts/short").status == 404


def test_they_outlive_the_gateway(start, maker):
    gateway = start(configuration(maker))
    make(gateway, {"a.txt": "still here"}, session="long")
    gateway.stop()
    gateway.ended_by_test = True
    again = start(configuration(maker), data=gateway.data)
    assert get(again, "/api/artifacts/long/a.txt").body == b"still here"


def test_a_session_of_nothing_but_artifacts_is_listed_and_goes(gateway):
    made = make(gateway, {"a.txt": "x"}, session="only-files")
    assert made.status == 200
    eventually(lambda: "only-files" in [one["id"] for one in get(gateway, "/api/sessions").json()["sessions"]], what="its name")
    assert get(gateway, "/api/sessions/only-files").status == 200
    assert get(gateway, "/api/sessions/only-files", key=BOB).status == 404
    gone = asyncio.run(gateway.call("/api/sessions/only-files", method="DELETE", key=ANN))
    assert gone.status == 200
    for path in ("/api/sessions/only-files", "/api/artifacts/only-files", "/api/artifacts/only-files/a.txt"):
        assert get(gateway, path).status == 404
