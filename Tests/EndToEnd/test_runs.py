"""Calls that go on without their callers: followed, resumed, cancelled, and what becomes of them when the gateway ends."""

import asyncio
import json
import signal
import socket

import pytest
import requests
from harness.gateway import eventually, request_bytes
from test_files import ANN, BOB, Caller

SLOW = "fault/words~split@200~drip@100"
#: Some words, then nothing.
STALLED = "fault/words~stall@900"


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    return module_starter({"keys": [ANN, BOB], "providers": [faultd.provider()], "files": {"minFree": 0}})


@pytest.fixture
def ann(gateway):
    return Caller(gateway, ANN)


@pytest.fixture
def bob(gateway):
    return Caller(gateway, BOB)


def begin(caller, text="one two three", model="gatehouse/echo", **fields):
    made = caller.send("POST", "/api/generate", json={"model": model, "prompt": text, "background": True, **fields})
    assert made.status_code == 202, made.text
    assert made.headers["x-gatehouse-run"] == made.json()["id"]
    return made.json()


def ended(caller, id):
    def look():
        run = caller.send("GET", f"/api/runs/{id}").json()
        return run if run["status"] != "running" else None

    return eventually(look, what="the run's end")


def parse(text):
    """Numbers, names and data of events."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "id" in fields:
            events.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return events


def events(caller, id, after=None):
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    return parse(caller.send("GET", f"/api/runs/{id}/events", headers=headers).text)


def test_a_run_goes_on_without_its_caller(ann):
    run = begin(ann, "one two three")
    assert run["status"] in ("running", "finished") and run["events"] == f"/api/runs/{run['id']}/events"
    done = ended(ann, run["id"])
    assert (done["status"], done["response"], done["stop"]) == ("finished", "one two three", "stop")
    assert done["usage"]["output_tokens"] == 3 and done["ended_at"] >= done["created_at"]
    assert run["id"] in [one["id"] for one in ann.send("GET", "/api/runs").json()["runs"]]


def test_events_go_on_behind_the_last_that_was_seen(ann):
    id = begin(ann, " ".join(f"word{n}" for n in range(500)))["id"]
    ended(ann, id)
    whole = events(ann, id)
    assert [number for number, _, _ in whole] == list(range(1, len(whole) + 1))
    assert whole[0][1] == "started" and whole[-1][1] == "finished"
    for after in (0, 1, 17, len(whole) - 1, len(whole), len(whole) + 5):
        assert events(ann, id, after) == whole[after:]
    assert parse(ann.send("GET", f"/api/runs/{id}/events?after=17").text) == whole[17:]


def test_a_stream_that_broke_is_resumed_without_a_gap(gateway, ann):
    """The caller's connection breaks in the middle; the run goes on, and nothing is told twice or missing."""
    body = {"model": SLOW, "prompt": "x", "background": True, "stream": True}
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as wire:
        wire.sendall(request_bytes("/api/generate", body, key=ANN["value"]))
        text = b""
        while text.count(b"event: text.delta") < 3:
            text += wire.recv(4096)
    head, _, rest = text.partition(b"\r\n\r\n")
    id = next(line[17:].decode() for line in head.split(b"\r\n") if line.lower().startswith(b"x-gatehouse-run: "))
    seen = [int(line[4:]) for line in rest.split(b"\n") if line.startswith(b"id: ") and line[4:].isdigit()]
    done = ended(ann, id)
    assert done["status"] == "finished"
    late = events(ann, id, seen[-1])
    assert [number for number, _, _ in late] == list(range(seen[-1] + 1, done["last_event"] + 1))
    assert late[-1][1] == "finished"
    told = "".join(data["text"] for _, name, data in events(ann, id) if name == "text.delta")
    assert told == done["response"]


def test_a_caller_who_follows_gets_events_as_they_come(gateway, ann):
    id = begin(ann, model=SLOW)["id"]
    url = f"{gateway.url}/api/runs/{id}/events"
    with requests.get(url, headers=ann.headers, stream=True, timeout=20) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        pieces = response.iter_content(4096)
        first = next(pieces)
        assert ann.send("GET", f"/api/runs/{id}").json()["status"] == "running", "told before the end"
        rest = b"".join(pieces)
    assert parse((first + rest).decode()) == events(ann, id)


def test_a_run_is_cancelled(gateway, ann, faultd):
    id = begin(ann, model=STALLED, user="cancelled-run")["id"]
    eventually(lambda: events_so_far(ann, id) > 2, what="some events")
    cancelled = ann.send("POST", f"/api/runs/{id}/cancel").json()
    assert cancelled["status"] == "cancelled"
    last = events(ann, id)[-1]
    assert last[1] == "failed" and last[2]["error"]["code"] == "RUN_CANCELLED"
    # Once more changes nothing.
    assert ann.send("POST", f"/api/runs/{id}/cancel").json()["status"] == "cancelled"
    assert ended(ann, id)["error"]["code"] == "RUN_CANCELLED"


def events_so_far(caller, id):
    return caller.send("GET", f"/api/runs/{id}").json()["last_event"]


def test_a_failure_is_told_as_the_last_event(ann):
    id = begin(ann, model="fault/words~clean@600")["id"]
    done = ended(ann, id)
    assert done["status"] == "failed" and done["error"]["code"] == "UPSTREAM_TRUNCATED"
    assert events(ann, id)[-1][1] == "failed"


def test_what_is_wrong_is_told_at_once(ann):
    for body, status, code in [
        ({"model": "nobody", "prompt": "x"}, 404, "MODEL_NOT_FOUND"),
        ({"model": "gatehouse/echo"}, 400, "MISSING_FIELD"),
        ({"model": "gatehouse/echo", "prompt": "x", "background": 5}, 400, "INVALID_VALUE"),
    ]:
        answer = ann.send("POST", "/api/generate", json={"background": True, **body})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    bad = ann.send("GET", f"/api/runs/{begin(ann)['id']}/events", headers={"Last-Event-ID": "x"})
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, "INVALID_VALUE")


def test_anothers_run_is_as_if_it_did_not_exist(ann, bob):
    id = begin(ann, "secret words")["id"]
    for method, path in [("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("DELETE", "")]:
        answer = bob.send(method, f"/api/runs/{id}{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "RUN_NOT_FOUND"), path
        assert answer.json()["error"]["message"] == bob.send(method, f"/api/runs/run_x{path}").json()["error"]["message"]
    assert bob.send("GET", "/api/runs").json() == {"runs": []}
    assert ended(ann, id)["response"] == "secret words"


def test_a_deleted_run_is_gone(ann):
    id = begin(ann, model=SLOW)["id"]
    assert ann.send("DELETE", f"/api/runs/{id}").json() == {"id": id, "deleted": True}
    assert ann.send("GET", f"/api/runs/{id}").status_code == 404
    assert ann.send("GET", f"/api/runs/{id}/events").status_code == 404


def test_runs_of_one_key_are_bounded(start, faultd):
    gateway = start({"keys": [ANN, BOB], "providers": [faultd.provider()], "runs": {"concurrency": 2}})
    ann, bob = Caller(gateway, ANN), Caller(gateway, BOB)
    ids = [begin(ann, model=STALLED)["id"] for _ in range(2)]
    refused = ann.send("POST", "/api/generate", json={"model": SLOW, "prompt": "x", "background": True})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "OVERLOADED")
    assert int(refused.headers["retry-after"]) > 0
    begin(bob)
    for id in ids:
        ann.send("POST", f"/api/runs/{id}/cancel")
    begin(ann)


def test_what_happened_before_a_kill_is_kept(start, faultd, tmp_path):
    config = {"keys": [ANN], "providers": [faultd.provider()]}
    first = start(config, data=tmp_path / "data")
    ann = Caller(first, ANN)
    done = begin(ann, "one two three")["id"]
    ended(ann, done)
    cut = begin(ann, model=STALLED)["id"]
    eventually(lambda: events_so_far(ann, cut) > 3, what="some events")
    # They are brought to the store once a second.
    eventually(lambda: stored(tmp_path, cut) > 2, what="events in the store")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(10)
    first.ended_by_test = True
    second = start(config, data=tmp_path / "data")
    ann = Caller(second, ANN)
    assert ended(ann, done)["response"] == "one two three"
    run = ended(ann, cut)
    assert run["status"] == "interrupted" and run["error"]["code"] == "RUN_INTERRUPTED" and run["response"]
    told = events(ann, cut)
    assert [number for number, _, _ in told] == list(range(1, len(told) + 1)) and told[-1][1] == "failed"
    assert asyncio.run(second.chat("gatehouse/echo")).status == 200


def stored(tmp_path, id):
    import sqlite3

    with sqlite3.connect(f"file:{tmp_path}/data/gatehouse.db?mode=ro", uri=True) as database:
        return database.execute("SELECT last FROM run WHERE id = ?", (id,)).fetchone()[0]


def test_a_gateway_that_ends_lets_runs_end(start, faultd, tmp_path):
    config = {"keys": [ANN], "providers": [faultd.provider()]}
    first = start(config, data=tmp_path / "data")
    id = begin(Caller(first, ANN), model=SLOW)["id"]
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(20) == 0
    first.ended_by_test = True
    second = start(config, data=tmp_path / "data")
    run = ended(Caller(second, ANN), id)
    assert run["status"] == "finished" and run["response"]
