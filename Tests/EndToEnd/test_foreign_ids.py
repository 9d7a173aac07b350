"""Whatever is another key's is as if it did not exist, by every route that names something: the routes are read from the
sources, so that a new one cannot be forgotten."""

import re

import pytest
from harness.gateway import ROOT
from test_files import ANN, BOB, Caller

ROUTES = ROOT / "Sources/GatehouseServer/Routes"
#: Files with routes that name something that belongs to nobody, or that have a test of their own.
ELSEWHERE = {"ModelRoutes.swift", "ArtifactRoutes.swift", "ResumableUploadRoutes.swift"}


def member_routes():
    """Method and path of each route of the control plane that any key may use and that names something."""
    found = []
    for file in sorted(ROUTES.glob("*.swift")):
        if file.name in ELSEWHERE:
            continue
        text = file.read_text()
        constants = dict(re.findall(r'let (\w+) = "([^"]*)"', text))
        for method, path in re.findall(r"routes\.add\(\s*\.(\w+),\s*([^,]+?),\s*\.member\)", text):
            parts = [constants.get(word, word.strip('"')) for word in re.split(r"\s*\+\s*", path.strip())]
            found.append((method, "".join(parts)))
    # The one path that is handed over as an argument.
    found += [("get", "/api/files/:id/content"), ("get", "/v1/files/:id/content")]
    return sorted({row for row in found if ":" in row[1] or "*" in row[1]})


@pytest.fixture(scope="module")
def gateway(module_starter):
    return module_starter({"keys": [ANN, BOB], "files": {"minFree": 0}})


@pytest.fixture(scope="module")
def hers(gateway):
    """One thing of each kind that belongs to the first key."""
    ann = Caller(gateway, ANN)
    file = ann.upload("a.txt", b"secret").json()["id"]
    body = {"model": "gatehouse/echo", "prompt": "secret", "session_id": "hers", "background": True}
    run = ann.send("POST", "/api/generate", json=body).json()["id"]
    ann.send("POST", "/api/sessions", json={"id": "her session"})
    response = ann.send("POST", "/v1/responses", json={"model": "gatehouse/echo", "input": "secret"}).json()["id"]
    return {"/api/files": file, "/v1/files": file, "/api/runs": run, "/api/sessions": "her%20session",
            "/v1/responses": response}


def test_all_routes_are_known():
    rows = member_routes()
    assert len(rows) >= 12, rows
    kinds = {path.split("/:")[0] for _, path in rows}
    assert kinds == {"/api/files", "/v1/files", "/api/runs", "/api/sessions", "/v1/responses"}


@pytest.mark.parametrize("method, path", member_routes(), ids=lambda value: value.strip("/").replace("/", "-"))
def test_anothers_is_as_if_it_did_not_exist(gateway, hers, method, path):
    root = path.split("/:")[0]
    bob = Caller(gateway, BOB)
    there = bob.send(method.upper(), path.replace(":id", hers[root]))
    nowhere = bob.send(method.upper(), path.replace(":id", "nothing"))
    assert there.status_code == nowhere.status_code == 404
    assert there.json()["error"]["message"] == nowhere.json()["error"]["message"]
    assert there.json()["error"]["code"].lower().endswith("_not_found") and "secret" not in there.text
    # It is there, for its own key.
    kept = Caller(gateway, ANN).send("GET", f"{root}/{hers[root]}")
    assert kept.status_code == 200
