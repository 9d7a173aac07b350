"""Keys that are made while the gateway runs: what they may do, and that they stop when they are revoked."""

import asyncio
import json
import os
import signal
import sqlite3
import stat
import time

import pytest
from harness.gateway import eventually, run
from harness.wire import read_body, read_head, request_bytes

ENDLESS = "fault/endless"
LONG = {"connect": "1s", "firstByte": "60s", "idle": "60s", "total": "60s"}


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    return module_starter({
        "server": {"trustedProxies": ["127.0.0.0/8"]},
        "providers": [faultd.provider(timeouts=LONG)],
        "keys": [{"name": "configured", "value": "sk-configured-0001"}],
    })


def api(gateway, method, path, body=None, key=None, headers=()):
    response = asyncio.run(gateway.call(f"/admin/api/{path}", body, method=method, key=key or gateway.key, headers=headers))
    return response.status, response.json()


def made(gateway, name, **fields):
    status, answer = api(gateway, "POST", "keys", {"name": name, **fields})
    assert status == 201, answer
    return answer


def ask(gateway, key, path="/v1/chat/completions", headers=(), model="gatehouse/echo"):
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    return asyncio.run(gateway.call(path, body, key=key, headers=headers))


def outcome(response):
    return response.status if response.status == 200 else (response.status, response.error["code"])


# Making and changing


def test_a_key_is_made_shown_once_and_works(gateway):
    key = made(gateway, "once", tags=["ci"])
    assert key["key"].startswith(key["prefix"]) and len(key["key"]) == 67
    assert outcome(ask(gateway, key["key"])) == 200
    status, shown = api(gateway, "GET", f"keys/{key['id']}")
    assert status == 200 and "key" not in shown
    assert shown == {name: value for name, value in key.items() if name != "key"}
    status, found = api(gateway, "GET", f"keys?prefix={key['prefix']}")
    assert [each["name"] for each in found["keys"]] == ["once"]
    assert [each["name"] for each in api(gateway, "GET", "keys?tag=ci")[1]["keys"]] == ["once"]
    secret = key["key"][11:]
    assert secret not in json.dumps(api(gateway, "GET", "keys")) + json.dumps(api(gateway, "GET", "audit"))


def test_nothing_of_a_token_is_kept(gateway):
    key = made(gateway, "hidden")["key"]
    ask(gateway, key)
    ask(gateway, key + "0")
    secret = key[11:].encode()
    for folder, _, names in os.walk(gateway.home):
        for name in names:
            assert secret not in open(os.path.join(folder, name), "rb").read(), name
    pepper = gateway.data / "keys.pepper"
    assert stat.S_IMODE(pepper.stat().st_mode) == 0o600


def test_wrong_tokens_are_all_alike(gateway):
    live = made(gateway, "alike")["key"]
    gone = made(gateway, "alike-gone")
    assert api(gateway, "DELETE", f"keys/{gone['id']}")[1]["state"] == "revoked"
    old = made(gateway, "alike-old", expires_at=1)["key"]
    wrong = [gone["key"], old, live[:-1], live + "0", live[:20], live.upper(), "' OR 1=1--", "%", "gh-", "x" * 9000]
    bodies = {(response.status, response.error["message"]) for response in (ask(gateway, key) for key in wrong)}
    assert len(bodies) == 1 and bodies.pop()[0] == 401


@pytest.mark.parametrize("body, param", [
    ({}, "name"), ({"name": "a b"}, "name"), ({"name": "x", "role": "root"}, "role"),
    ({"name": "x", "models": "*"}, "models"), ({"name": "x", "models": ["a*b"]}, "models[0]"),
    ({"name": "x", "routes": ["v1"]}, "routes[0]"), ({"name": "x", "addresses": ["here"]}, "addresses[0]"),
    ({"name": "x", "expires_at": "soon"}, "expires_at"), ({"name": "x", "team": "nobody"}, "team"),
    ({"name": "x", "digest": "00"}, "digest"), ({"name": "x", "id": "vk_1"}, "id"),
    ({"name": "admin"}, "name"), ({"name": "configured"}, "name"),
])
def test_what_is_wrong_is_named(gateway, body, param):
    status, answer = api(gateway, "POST", "keys", body)
    assert status == 400 and answer["error"]["param"] == param, answer


def test_a_name_is_never_given_twice(gateway):
    key = made(gateway, "mine")
    assert api(gateway, "POST", "keys", {"name": "mine"})[1]["error"]["param"] == "name"
    assert api(gateway, "DELETE", "keys/mine")[0] == 200
    assert api(gateway, "POST", "keys", {"name": "mine"})[1]["error"]["param"] == "name"
    assert api(gateway, "PATCH", f"keys/{key['id']}", {"role": "viewer"})[0] == 404
    assert api(gateway, "PATCH", "keys/nothing", {})[0] == 404


def test_what_a_key_may_do_can_be_changed(gateway):
    key = made(gateway, "changed")
    for change, expected in [
        ({"models": ["other"]}, (403, "model_not_allowed")),
        ({"models": None, "routes": ["/v1/messages"]}, (403, "permission_denied")),
        ({"routes": [], "addresses": ["192.0.2.0/24"]}, (403, "permission_denied")),
        ({"addresses": [], "role": "viewer"}, (403, "permission_denied")),
        ({"role": "member", "expires_at": 1}, (401, "invalid_api_key")),
        ({"expires_at": None}, 200),
    ]:
        status, answer = api(gateway, "PATCH", f"keys/{key['id']}", change)
        assert status == 200, answer
        assert outcome(ask(gateway, key["key"])) == expected, change
    assert api(gateway, "PATCH", "keys/changed", {"name": "other"})[1]["error"]["param"] == "name"


def test_every_setting_comes_back_as_it_was_given(gateway):
    fields = {"role": "operator", "models": ["*", "a/b*"], "routes": ["/v1/*"], "addresses": ["::1", "10.0.0.0/8"],
              "tags": ["t", "u"], "expires_at": 4102444800,
              "rate_limit": {"requests": "60/min", "tokens": "5000/day", "concurrency": 3, "burst": 90}}
    key = made(gateway, "whole", **fields)
    assert {name: key[name] for name in fields} == fields
    status, again = api(gateway, "PATCH", "keys/whole", fields)
    assert status == 200 and {name: again[name] for name in fields} == fields


def test_a_key_has_its_own_limit(gateway):
    key = made(gateway, "slow", rate_limit={"requests": "2/day"})["key"]
    assert [outcome(ask(gateway, key)) for _ in range(3)] == [200, 200, (429, "rate_limited")]
    assert asyncio.run(gateway.call("/api/key", key=key)).status == 429, "on both lanes"
    assert api(gateway, "PATCH", "keys/slow", {"rate_limit": None})[1]["rate_limit"] is None
    assert outcome(ask(gateway, key)) == 200


# Where from, and what for


def test_routes_confine_a_key_on_both_lanes(gateway):
    key = made(gateway, "routes", routes=["/v1/chat/completions", "/api/f*"])["key"]
    assert outcome(ask(gateway, key)) == 200
    assert outcome(ask(gateway, key, "/v1/messages"))[0] == 403
    get = lambda path: asyncio.run(gateway.call(path, key=key)).status  # noqa: E731
    assert (get("/api/files"), get("/api/runs"), get("/v1/models")) == (200, 403, 403)
    assert get("/api/%66iles") in (403, 404)


@pytest.mark.parametrize("forwarded, allowed", [
    ([], False), (["10.1.2.3"], True), (["11.1.2.3"], False), (["10.1.2.3, 11.0.0.1"], False),
    (["11.0.0.1, 10.1.2.3"], True), (["10.1.2.3", "11.0.0.1"], False), (["10.1.2.3, nonsense"], False),
    (["10.1.2.3, 127.0.0.9"], True),
])
def test_addresses_are_those_that_trusted_proxies_saw(gateway, forwarded, allowed):
    name = f"addresses-{abs(hash(tuple(forwarded)))}"
    key = made(gateway, name, addresses=["10.0.0.0/8"])["key"]
    headers = [("x-forwarded-for", line) for line in forwarded]
    assert outcome(ask(gateway, key, headers=headers)) == (200 if allowed else (403, "permission_denied"))
    status = asyncio.run(gateway.call("/api/files", key=key, headers=headers)).status
    assert status == (200 if allowed else 403)


def test_without_trusted_proxies_nobodys_word_is_taken(start):
    gateway = start({})
    near = made(gateway, "near", addresses=["127.0.0.1"])["key"]
    far = made(gateway, "far", addresses=["10.0.0.0/8"])["key"]
    for header in ("x-forwarded-for", "forwarded", "x-real-ip"):
        assert outcome(ask(gateway, near, headers=[(header, "10.1.1.1")])) == 200
        assert outcome(ask(gateway, far, headers=[(header, "10.1.1.1")]))[0] == 403


# Whose they are


def test_users_teams_and_organizations(gateway):
    home = api(gateway, "POST", "organizations", {"name": "acme"})[1]
    team = api(gateway, "POST", "teams", {"name": "search", "organization": "acme"})[1]
    status, user = api(gateway, "POST", "users", {"name": "ann", "team": team["id"], "service": True})
    assert status == 201 and user["organization"] == home["id"] and user["service"] is True
    key = made(gateway, "anns", user="ann")
    assert (key["user"], key["team"], key["organization"]) == (user["id"], team["id"], home["id"])
    own = asyncio.run(gateway.call("/api/key", key=key["key"])).json()
    assert (own["name"], own["user"], own["role"]) == ("anns", user["id"], "member")
    assert [each["name"] for each in api(gateway, "GET", f"keys?member={home['id']}")[1]["keys"]] == ["anns"]
    assert [each["name"] for each in api(gateway, "GET", "teams")[1]["teams"]] == ["search"]
    assert api(gateway, "PATCH", "users/ann", {"name": "anna"})[1]["name"] == "anna"
    assert api(gateway, "PATCH", "users/anna", {"role": "admin"})[1]["error"]["param"] == "role"
    assert api(gateway, "DELETE", f"organizations/{home['id']}")[0] == 400
    status, answer = api(gateway, "DELETE", f"users/{user['id']}")
    assert status == 200 and answer["revoked_keys"] == ["anns"]
    assert outcome(ask(gateway, key["key"])) == (401, "invalid_api_key")
    assert api(gateway, "GET", f"users/{user['id']}")[0] == api(gateway, "DELETE", f"users/{user['id']}")[0] == 404
    assert api(gateway, "POST", "organizations", {"name": "acme"})[1]["error"]["param"] == "name"


# Roles


def test_nobody_gives_more_than_is_his(gateway):
    operator = made(gateway, "operator-1", role="operator", models=["fast*"])["key"]
    chief = made(gateway, "chief", role="admin")
    refused = [({"role": "admin"}, "role"), ({"models": ["*"]}, "models"), ({}, "models")]
    for number, (fields, param) in enumerate(refused):
        status, answer = api(gateway, "POST", "keys", {"name": f"more-{number}", **fields}, key=operator)
        assert (status, answer["error"]["code"], answer["error"]["param"]) == (403, "field_not_allowed", param)
    status, own = api(gateway, "POST", "keys", {"name": "enough", "models": ["fast"]}, key=operator)
    assert status == 201
    assert api(gateway, "PATCH", "keys/enough", {"role": "admin"}, key=operator)[0] == 403
    assert api(gateway, "PATCH", f"keys/{chief['id']}", {"tags": ["x"]}, key=operator)[0] == 403
    assert api(gateway, "DELETE", f"keys/{chief['id']}", key=operator)[0] == 403
    assert outcome(ask(gateway, chief["key"])) == 200
    viewer = made(gateway, "viewer-1", role="viewer")["key"]
    assert api(gateway, "GET", "keys", key=viewer)[0] == api(gateway, "GET", "audit", key=viewer)[0] == 200
    for method, path, body in [("POST", "keys", {"name": "v"}), ("DELETE", "keys/enough", None), ("PATCH", "keys/enough", {})]:
        assert api(gateway, method, path, body, key=viewer)[0] == 403


# Audit


def test_every_change_leaves_its_entry(gateway):
    boss = made(gateway, "boss", role="admin")["key"]
    key = api(gateway, "POST", "keys", {"name": "audited"}, key=boss, headers=[("x-forwarded-for", "192.0.2.77")])[1]
    api(gateway, "PATCH", "keys/audited", {"tags": ["t"]}, key=boss)
    api(gateway, "PATCH", "keys/audited", {"tags": ["t"]}, key=boss)
    api(gateway, "PATCH", "keys/audited", {"role": "emperor"}, key=boss)
    api(gateway, "DELETE", "keys/audited", key=boss)
    api(gateway, "DELETE", "keys/audited", key=boss)
    entries = [each for each in api(gateway, "GET", "audit?limit=1000")[1]["audit"] if each["id"] == key["id"]]
    assert [each["action"] for each in entries] == ["key.revoke", "key.change", "key.create"]
    assert {each["by"] for each in entries} == {"boss"} and {each["name"] for each in entries} == {"audited"}
    assert [each["address"] for each in entries] == ["127.0.0.1", "127.0.0.1", "192.0.2.77"]
    assert entries[1]["details"] == {"tags": ["t"]} and abs(entries[0]["at"] - time.time()) < 60
    number = entries[0]["number"]
    assert api(gateway, "GET", f"audit?before={number}&limit=1")[1]["audit"][0]["number"] == number - 1


def test_a_change_that_cannot_be_noted_is_not_made(start):
    gateway = start({})
    key = made(gateway, "kept")
    with sqlite3.connect(gateway.data / "gatehouse.db") as database:
        database.execute("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END")
    assert api(gateway, "DELETE", "keys/kept")[0] == 503
    assert api(gateway, "POST", "keys", {"name": "new"})[0] == 503
    assert outcome(ask(gateway, key["key"])) == 200
    assert [each["name"] for each in api(gateway, "GET", "keys")[1]["keys"]] == ["kept"]
    with sqlite3.connect(gateway.data / "gatehouse.db") as database:
        database.execute("DROP TRIGGER no")
    assert api(gateway, "DELETE", "keys/kept")[0] == 200


# Ending


async def open_stream(gateway, key, path="/v1/chat/completions"):
    """A stream that does not end by itself, once its first event is here."""
    body = {"model": ENDLESS, "stream": True}
    body |= {"input": "x"} if path == "/v1/responses" else {"max_tokens": 99, "messages": [{"role": "user", "content": "x"}]}
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request_bytes(path, body, key=key))
    response = await read_head(reader)
    assert response.status == 200
    return response, reader, writer


@pytest.mark.parametrize("path, ending", [
    ("/v1/chat/completions", '"code":"key_revoked"'), ("/v1/messages", '"type":"error"'), ("/v1/responses", '"type":"response.failed"'),
])
@pytest.mark.parametrize("how", ["api", "command", "expiry"])
def test_streams_end_with_their_key(gateway, path, ending, how):
    name = f"stream-{how}-{path.rsplit('/', 1)[1]}"
    expiry = {"expires_at": int(time.time()) + 3} if how == "expiry" else {}
    key = made(gateway, name, **expiry)["key"]

    async def scene():
        response, reader, writer = await open_stream(gateway, key, path)
        _, other, others = await open_stream(gateway, gateway.key)
        if how == "api":
            assert (await gateway.call(f"/admin/api/keys/{name}", method="DELETE")).status == 200
        elif how == "command":
            done = await asyncio.to_thread(run, ["keys", "revoke", name, "--data-dir", gateway.data], gateway.home)
            assert done.returncode == 0, done.stderr
        began = time.monotonic()
        async with asyncio.timeout(15):
            await read_body(reader, response)
        seconds = time.monotonic() - began
        assert await other.read(1), "another key's goes on"
        writer.close()
        others.close()
        return response, seconds

    response, seconds = asyncio.run(scene())
    assert seconds < 5 + (3 if how == "expiry" else 0)
    assert ending in response.events[-1] and "[DONE]" not in response.events
    assert outcome(ask(gateway, key)) == (401, "invalid_api_key")


def test_a_call_that_has_not_begun_to_answer_is_refused(gateway, faultd):
    key, user = made(gateway, "waiting"), faultd.user()

    async def scene():
        body = {"model": "fault/never", "user": user, "messages": [{"role": "user", "content": "x"}]}
        call = asyncio.create_task(gateway.call("/v1/chat/completions", body, key=key["key"]))
        await asyncio.to_thread(faultd.ask, "GET", "/__wait", user=user, event="received", timeout=5)
        assert (await gateway.call(f"/admin/api/keys/{key['id']}", method="DELETE")).status == 200
        return await call

    assert outcome(asyncio.run(scene())) == (401, "key_revoked")
    faultd.ask("GET", "/__wait", user=user, event="closed", timeout=5)


def test_runs_end_with_their_key(gateway, faultd):
    key = made(gateway, "runner")
    body = {"model": "fault/never", "prompt": "x", "background": True}
    started = asyncio.run(gateway.call("/api/generate", body, key=key["key"])).json()
    assert started["status"] == "running"
    assert api(gateway, "DELETE", f"keys/{key['id']}")[0] == 200

    def ended():
        with sqlite3.connect(gateway.data / "gatehouse.db") as database:
            row = database.execute("SELECT status FROM run WHERE id = ?", [started["id"]]).fetchone()
        return row and row[0] == "failed"

    eventually(ended, 5, "the run's end")


def test_many_revocations_hold_at_once(gateway):
    """Each is refused as soon as its revocation is told, on connections that had used it already."""
    keys = [made(gateway, f"many-{number}") for number in range(40)]

    async def one(key):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        body = {"model": "gatehouse/echo", "messages": [{"role": "user", "content": "x"}]}
        data = request_bytes("/v1/chat/completions", body, key=key["key"])
        statuses = []
        for step in range(2):
            writer.write(data)
            response = await read_head(reader)
            statuses.append(response.status)
            if step == 0:
                await reader.readexactly(int(response.headers["content-length"]))
                assert (await gateway.call(f"/admin/api/keys/{key['id']}", method="DELETE")).status == 200
        writer.close()
        return statuses

    async def all_of_them():
        return await asyncio.gather(*(one(key) for key in keys))

    assert asyncio.run(all_of_them()) == [[200, 401]] * 40


# Commands


def keys(gateway, *arguments, **more):
    return run(["keys", *arguments, "--data-dir", gateway.data], gateway.home, **more)


def test_commands_work_beside_a_gateway_that_runs(gateway):
    done = keys(gateway, "create", "shell", "--models", "gatehouse/*", "--tag", "by-shell", "--expires", "30d", "--json")
    assert done.returncode == 0, done.stderr
    key = json.loads(done.stdout)
    assert key["models"] == ["gatehouse/*"] and key["expires_at"] > time.time() + 29 * 86400
    eventually(lambda: outcome(ask(gateway, key["key"])) == 200, 5, "the key's beginning")
    listed = json.loads(keys(gateway, "list", "--tag", "by-shell", "--json").stdout)["keys"]
    assert [each["id"] for each in listed] == [key["id"]]
    assert key["prefix"] in keys(gateway, "list").stdout
    done = keys(gateway, "revoke", "shell")
    assert done.returncode == 0 and "revoked" in done.stdout
    revoked = time.monotonic()
    eventually(lambda: outcome(ask(gateway, key["key"])) == (401, "invalid_api_key"), 5, "the key's end")
    assert time.monotonic() - revoked < 2
    entries = [each for each in api(gateway, "GET", "audit")[1]["audit"] if each["id"] == key["id"]]
    assert all(each["by"].startswith("shell:") and each["address"] is None for each in entries) and len(entries) == 2


@pytest.mark.parametrize("arguments, code, telling", [
    (["create"], 64, "name"), (["create", "a b"], 64, "name"), (["create", "x", "--role", "root"], 64, "role"),
    (["create", "x", "--expires", "soon"], 64, "--expires"), (["create", "configured"], 64, "name"),
    (["revoke", "nobody"], 64, "nobody"),
])
def test_commands_say_what_is_wrong(gateway, arguments, code, telling):
    done = keys(gateway, *arguments)
    assert done.returncode == code and telling in done.stderr.lower(), done.stderr


def test_commands_work_without_a_gateway_and_it_finds_what_they_made(tmp_path, start):
    data = tmp_path / "data"
    done = run(["keys", "create", "early", "--data-dir", data], tmp_path)
    assert done.returncode == 0, done.stderr
    token = done.stdout.split()[-1]
    gateway = start({}, data=data)
    assert outcome(ask(gateway, token)) == 200


def test_a_configured_key_cannot_take_a_stored_ones_name(tmp_path, start):
    gateway = start({})
    made(gateway, "taken")
    gateway.configure({"keys": [{"name": "taken", "value": "sk-another-0001"}]})
    command = ["serve", "--data-dir", gateway.data, "--config", gateway.config_file]
    gateway.signal(signal.SIGHUP)
    gateway.await_log("Configuration not reloaded")
    assert outcome(ask(gateway, "sk-another-0001"))[0] == 401
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    gateway.ended_by_test = True
    done = run(command, gateway.home)
    assert done.returncode == 78 and "keys[0].name" in done.stderr
