"""Who may do what: every route of the router against docs/authorisation.md, and then each route x each role, and each
route that names something x another's key."""

import asyncio
import random
import re

import pytest
from harness.gateway import ROOT
from harness.wire import crowd, exchange, request_bytes
from test_files import ANN, BOB, Caller

PAGE = ROOT / "docs/authorisation.md"
ROLES = {name: f"sk-role-{name}-0123456789" for name in ("viewer", "member", "operator", "admin")}
READING = ("GET", "HEAD", "OPTIONS")
#: Nothing that a route names is there: whoever may use it hears of that, or of what is wrong with an empty body.
NOTHING = "nothing-there"


def rows():
    """Method, path, who and whose, of each row of the page."""
    found = re.findall(r"^\| `([A-Z]+)` \| `([^`]+)` \| (\w+) \| (\w+) \|$", PAGE.read_text(), re.MULTILINE)
    assert len(found) > 60
    return found


def fill(path, value):
    return re.sub(r"\{model\}|(?<=/):\w+|\*\*", value, path)


def may(role, method, who):
    """The one rule: what each kind of key may do with each kind of route."""
    if who == "anybody":
        return True
    if role == "viewer":
        return method in READING and who in ("member", "admin")
    return role in {"member": ("member", "operator", "admin"), "admin": ("operator", "admin"),
                    "operator": ("operator", "admin")}[who]


@pytest.fixture(scope="module")
def gateway(module_starter):
    keys = [{"name": f"role-{role}", "value": value, "role": role} for role, value in ROLES.items()]
    return module_starter({"keys": [ANN, BOB, *keys], "files": {"minFree": 0}})


def test_every_route_has_its_row_and_every_row_its_route(gateway):
    answer = asyncio.run(gateway.call("/admin/api/routes")).json()["routes"]
    routes = [(each["method"], each["path"], {"open": "anybody"}.get(each["access"], each["access"])) for each in answer]
    table = [row[:3] for row in rows()]
    assert sorted(set(routes) - set(table)) == [], "routes without a row in docs/authorisation.md"
    assert sorted(set(table) - set(routes)) == [], "rows of docs/authorisation.md without a route"
    assert len(routes) == len(set(route[:2] for route in routes)) and len(table) == len(set(table))


@pytest.mark.parametrize("method, path, who, whose", rows())
def test_what_names_something_says_whose_it_is(method, path, who, whose):
    names = re.search(r"/:\w+|\*\*", path) is not None
    if who == "member" and names:
        assert whose != "nobody" or path.startswith(("/v1/models", "/v1beta/models")), "whose is what this route names?"


def status(gateway, method, path, key):
    body = {} if method in ("POST", "PATCH", "PUT") else None
    data = request_bytes(path, body, method=method, key=key)
    if method in ("HEAD", "OPTIONS"):
        return asyncio.run(head(gateway.port, data))
    return asyncio.run(exchange(gateway.port, data)).status


async def head(port, data):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


@pytest.mark.parametrize("role", [None, "wrong", *ROLES])
@pytest.mark.parametrize("method, path, who, whose", rows(), ids=lambda value: value.strip("/").replace("/", "-"))
def test_each_route_for_each_role(gateway, method, path, who, whose, role):
    key = None if role is None else ROLES.get(role, "sk-role-nobody-0123456789")
    got = status(gateway, method, fill(path, NOTHING), key)
    if who == "anybody":
        assert got not in (401, 403)
    elif role in (None, "wrong"):
        assert got == 401
    elif may(role, method, who):
        assert got not in (401, 403, 500)
    else:
        assert got == 403


#: Spellings of a path that must not lead past the table.
TRICKS = ["/{}", "/./{}", "/x/../{}", "/{}/", "/{};x", "/{}%00", "/{}%2F", "/%2e/{}", "/{}.", "/{}?x=/v1/models"]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("path", ["admin/api/keys", "admin/api/audit", "metrics", "health", "ADMIN/API/KEYS", "/admin/api/keys"])
def test_no_spelling_leads_past_the_table(gateway, trick, path):
    for role, allowed in ((None, (400, 401, 404)), ("member", (400, 403, 404))):
        response = asyncio.run(exchange(gateway.port, request_bytes(trick.format(path), key=ROLES.get(role))))
        assert response.status in allowed, (role, response.body)


# Whatever is another key's


@pytest.fixture(scope="module")
def hers(gateway):
    """One thing of each kind that belongs to the first key."""
    ann = Caller(gateway, ANN)
    file = ann.upload("a.txt", b"secret").json()["id"]
    body = {"model": "gatehouse/echo", "prompt": "secret", "session_id": "hers", "background": True}
    run = ann.send("POST", "/api/generate", json=body).json()["id"]
    ann.send("POST", "/api/sessions", json={"id": "her session"})
    upload = ann.send("POST", "/api/uploads", headers={
        "Upload-Length": "9", "Tus-Resumable": "1.0.0", "Upload-Metadata": "filename YS50eHQ="})
    assert upload.status_code == 201, upload.text
    answer = ann.send("POST", "/v1/responses", json={"model": "gatehouse/echo", "input": "secret"}).json()["id"]
    return {"file": file, "run": run, "session": "her%20session", "artifact": "hers/a.txt", "response": answer,
            "upload": upload.headers["location"].rsplit("/", 1)[1]}


OWNED = [row for row in rows() if row[3] not in ("nobody", "key")]


@pytest.mark.parametrize("method, path, who, whose", OWNED, ids=lambda value: value.strip("/").replace("/", "-"))
@pytest.mark.parametrize("caller", ["bob", "operator", "admin"])
def test_anothers_is_as_if_it_did_not_exist(gateway, hers, method, path, who, whose, caller):
    other = Caller(gateway, BOB if caller == "bob" else {"value": ROLES[caller]})
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    how = {"headers": headers} if whose == "upload" else {}
    there = other.send(method, fill(path, hers[whose]), **how)
    nowhere = other.send(method, fill(path, "nothing/x" if "**" in path else "nothing"), **how)
    assert there.status_code == nowhere.status_code == 404
    assert "secret" not in there.text
    if method != "HEAD":
        assert there.json()["error"]["message"] == nowhere.json()["error"]["message"]
        assert there.json()["error"]["code"] == nowhere.json()["error"]["code"]


def spellings(id, count, seed):
    """Ways to write an id that might mean the same to somebody: letters encoded, changed in case, things around them."""
    chance = random.Random(seed)
    fixed = [id, id.upper(), id + "%00", id + "%20", "%20" + id, id + "/", id + "//", "./" + id, "%2e%2e/" + id, id + ";x",
             id + "%2F..", "x/../" + id, id + "?owner=ann", id + "?user=ann", id + "#x", id + "%0d%0aX-Owner:%20ann", "*", "%25",
             "%27%20OR%20%271%27=%271", id[:-1] + "_", id[:-1] + "%25", f"{id},{id}", f"[{id}]", f"%22{id}%22"]
    plain = [place for place, letter in enumerate(id) if letter.isalnum() and "%" not in id[max(0, place - 2):place + 1]]
    while len(fixed) < count:
        chosen = set(chance.sample(plain, chance.randint(1, min(4, len(plain)))))
        fixed.append("".join(f"%{ord(letter):02x}" if place in chosen else letter for place, letter in enumerate(id)))
    return fixed[:count]


def test_no_spelling_of_anothers_id_leads_to_it(gateway, hers):
    """20,000 attempts at another key's things, by every route that names one."""
    attempts = []
    callers = [BOB["value"], *(ROLES[role] for role in ("viewer", "operator", "admin"))]
    headers = [("tus-resumable", "1.0.0"), ("upload-offset", "0")]
    for number, (method, path, _, whose) in enumerate(OWNED):
        for spelling in spellings(hers[whose], 20_000 // (len(OWNED) * len(callers)) + 1, number):
            for caller in callers:
                name = (method, path, spelling, caller)
                attempts.append((name, request_bytes(fill(path, spelling), method=method, key=caller, headers=headers)))
    assert len(attempts) >= 20_000
    answers = asyncio.run(crowd(gateway.port, [one for one in attempts if one[0][0] != "HEAD"], timeout=500))
    through = [name for name, answer in answers.items() if answer is None or answer.status < 400 or b"secret" in answer.body]
    assert through == []
    heads = [one for one in attempts if one[0][0] == "HEAD"]
    assert all(asyncio.run(head(gateway.port, data)) >= 400 for _, data in heads[::8])
    # They were attempts at something: for its own key such a spelling leads there, and all is there still.
    ann = Caller(gateway, ANN)
    for root, whose in (("files", "file"), ("runs", "run"), ("sessions", "session")):
        for id in (hers[whose], spellings(hers[whose], 40, 0)[-1]):
            assert ann.send("GET", f"/api/{root}/{id}").status_code == 200


@pytest.mark.parametrize("field, path, body", [
    ("response", "/v1/responses", lambda id: {"model": "gatehouse/echo", "input": "x", "previous_response_id": id}),
    ("file", "/api/generate", lambda id: {"model": "gatehouse/echo", "prompt": "x", "files": [id]}),
])
def test_anothers_cannot_be_gone_on_from(gateway, hers, field, path, body):
    bob = Caller(gateway, BOB)
    never = hers[field][:-1] + ("b" if hers[field][-1] == "a" else "a")
    there, nowhere = (bob.send("POST", path, json=body(id)) for id in (hers[field], never))
    assert there.status_code == 404 and "secret" not in there.text
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, there.json()["error"]["code"])


@pytest.mark.parametrize("path, list_name", [("/api/files", "files"), ("/v1/files", "data"), ("/api/runs", "runs"), ("/api/sessions", "sessions")])
def test_lists_hold_ones_own_only(gateway, hers, path, list_name):
    assert Caller(gateway, ANN).send("GET", path).json()[list_name] != []
    assert Caller(gateway, BOB).send("GET", path).json()[list_name] == []


def test_it_is_all_there_for_its_own_key(gateway, hers):
    ann = Caller(gateway, ANN)
    for path in (f"/api/files/{hers['file']}", f"/api/runs/{hers['run']}", f"/api/sessions/{hers['session']}"):
        assert ann.send("GET", path).status_code == 200
