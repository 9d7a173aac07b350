"""Sessions that the gateway keeps: they go on, are nobody else's, and go when they are told to."""

import json
import socket

import pytest
import requests
from harness.gateway import eventually, request_bytes
from test_files import ANN, BOB, Caller
from test_runs import ended

SLOW = "fault/words~split@200~drip@100"



@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    return module_starter({"keys": [ANN, BOB], "providers": [faultd.provider()], "files": {"minFree": 0}})


@pytest.fixture
def ann(gateway):
    return Caller(gateway, ANN)


@pytest.fixture
def bob(gateway):
    return Caller(gateway, BOB)


def turn(caller, session, prompt, model="gatehouse/echo", **fields):
    body = {"model": model, "prompt": prompt, "session_id": session, **fields}
    return caller.send("POST", "/api/generate", json=body)


def said(caller, session):
    """Roles and texts of what is kept."""
    messages = caller.send("GET", f"/api/sessions/{session}").json()["messages"]
    texts = []
    for message in messages:
        content = message["content"]
        text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        texts.append((message["role"], text))
    return texts


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_session_goes_on(ann, faultd, stream):
    """The upstream keeps nothing: what it is sent must be the whole conversation, in order."""
    session, user = f"goes-on-{stream}", faultd.user()
    for prompt in ("One?", "Two?"):
        answer = turn(ann, session, prompt, "fault/words" if stream else "fault/whole", stream=stream, user=user)
        assert answer.status_code == 200, answer.text
    sent = [entry for entry in faultd.entries(user)]
    assert len(sent) == 2

    messages = json.loads(sent[1]["body"])["messages"]
    words = "Four score and seven years ago Zürich 🌍"
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"] == words or messages[1]["content"][0]["text"] == words
    assert said(ann, session) == [("user", "One?"), ("assistant", words), ("user", "Two?"), ("assistant", words)]


def test_messages_stand_for_themselves(ann):
    turn(ann, "s1", "One")
    body = {"model": "gatehouse/echo", "session_id": "s1", "messages": [{"role": "user", "content": "Elsewhere"}]}
    assert ann.send("POST", "/api/generate", json=body).json()["response"] == "Elsewhere"
    assert said(ann, "s1") == [("user", "One"), ("assistant", "One")]
    # The header alone continues nothing.
    headers = {"X-Session-ID": "s1"}
    ann.send("POST", "/api/generate", json={"model": "gatehouse/echo", "prompt": "Two"}, headers=headers)
    assert len(said(ann, "s1")) == 2


def test_what_failed_is_not_kept(ann):
    turn(ann, "s2", "One")
    assert "UPSTREAM_TRUNCATED" in turn(ann, "s2", "Two", "fault/words~clean@600", stream=True).text
    assert turn(ann, "s2", "Three").status_code == 200
    assert [text for _, text in said(ann, "s2")] == ["One", "One", "Three", "Three"]


def test_one_turn_at_a_time(gateway, ann):
    body = {"model": SLOW, "prompt": "One", "session_id": "s3", "stream": True}
    with requests.post(f"{gateway.url}/api/generate", json=body, headers=ann.headers, stream=True, timeout=20) as first:
        pieces = first.iter_content(4096)
        next(pieces)
        refused = turn(ann, "s3", "Two")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "SESSION_BUSY")
        assert int(refused.headers["retry-after"]) > 0
        assert turn(ann, "another", "Two").status_code == 200
        assert ann.send("DELETE", "/api/sessions/s3").status_code in (404, 409)
        assert b"event: finished" in b"".join(pieces)
    assert turn(ann, "s3", "Two").status_code == 200


def test_a_caller_who_left_does_not_hold_a_session(gateway, ann):


    body = {"model": SLOW, "prompt": "x", "session_id": "s4", "stream": True}
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as wire:
        wire.sendall(request_bytes("/api/generate", body, key=ANN["value"]))
        wire.recv(4096)
    eventually(lambda: turn(ann, "s4", "Two").status_code == 200, what="the end of the turn")
    assert said(ann, "s4") == [("user", "Two"), ("assistant", "Two")]


def test_runs_are_turns_too(ann):
    first = turn(ann, "s5", "One", background=True)
    assert first.status_code == 202
    assert ended(ann, first.json()["id"])["status"] == "finished"
    eventually(lambda: turn(ann, "s5", "Two").status_code == 200, what="the next turn")
    assert [text for _, text in said(ann, "s5")] == ["One", "One", "Two", "Two"]


def test_files_of_earlier_turns_are_known_later(ann):
    ann.upload("a.txt", b"the content", session_id="s6")
    assert "the content" in turn(ann, "s6", "Read", files=["a.txt"]).json()["response"]
    shown = ann.send("GET", "/api/sessions/s6").json()
    assert shown["messages"][0]["content"][0] == {"type": "file", "id": "a.txt"}
    assert [file["name"] for file in shown["files"]] == ["a.txt"]
    assert turn(ann, "s6", "And?").status_code == 200


def test_one_is_taken_from_here_to_there(ann):
    made = ann.send("POST", "/api/sessions", json={})
    assert made.status_code == 201 and made.json()["messages"] == []
    turn(ann, made.json()["id"], "Remember")
    messages = ann.send("GET", f"/api/sessions/{made.json()['id']}").json()["messages"]
    copy = ann.send("POST", "/api/sessions", json={"id": "the copy", "messages": messages})
    assert copy.status_code == 201
    assert said(ann, "the%20copy") == [("user", "Remember"), ("assistant", "Remember")]
    for body, field in [
        ({"id": "the copy"}, "id"),
        ({"id": 5}, "id"),
        ({"id": ""}, "id"),
        ({"messages": 5}, "messages"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "messages[0].role"),
        ({"words": 5}, "words"),
    ]:
        refused = ann.send("POST", "/api/sessions", json=body)
        assert (refused.status_code, refused.json()["error"]["details"]["param"]) == (400, field)


def test_one_is_forked(ann, bob, faultd):
    """Both know what was said before, and neither what the other says."""
    turn(ann, "trunk", "one")
    turn(ann, "trunk", "two")
    fork = ann.send("POST", "/api/sessions/trunk/fork", json={"id": "branch", "until": 2})
    assert fork.status_code == 201 and len(fork.json()["messages"]) == 2, fork.text
    turn(ann, "branch", "three")
    turn(ann, "trunk", "four")
    assert [text for _, text in said(ann, "branch")] == ["one", "one", "three", "three"]
    assert [text for _, text in said(ann, "trunk")] == ["one", "one", "two", "two", "four", "four"]
    assert len(ann.send("POST", "/api/sessions/trunk/fork", json={}).json()["messages"]) == 6
    for path, body, status, param in [
        ("trunk", {"id": "branch"}, 400, "id"), ("trunk", {"until": 7}, 400, "until"), ("trunk", {"until": "x"}, 400, "until"),
        ("none", {}, 404, None),
    ]:
        answer = ann.send("POST", f"/api/sessions/{path}/fork", json=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["error"].get("details", {}).get("param") == param, answer.text
    assert bob.send("POST", "/api/sessions/trunk/fork", json={}).status_code == 404


def test_anothers_session_is_as_if_it_did_not_exist(ann, bob):
    turn(ann, "shared name", "secret of hers")
    ann.upload("a.txt", b"secret", session_id="shared name")
    for method in ("GET", "DELETE"):
        answer = bob.send(method, "/api/sessions/shared%20name")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "SESSION_NOT_FOUND")
    assert bob.send("GET", "/api/sessions").json() == {"sessions": []}
    # The same name is another session of his own.
    assert turn(bob, "shared name", "his").json()["response"] == "his"
    assert said(bob, "shared%20name") == [("user", "his"), ("assistant", "his")]
    assert said(ann, "shared%20name")[0] == ("user", "secret of hers")
    bob.send("DELETE", "/api/sessions/shared%20name")
    assert said(ann, "shared%20name")[0] == ("user", "secret of hers")


def test_deleting_one_really_deletes(gateway, ann):
    kept = ann.upload("kept.txt", b"kept", session_id="other").json()["id"]
    file = ann.upload("a.txt", b"going", session_id="gone").json()["id"]
    turn(ann, "gone", "One")
    run = turn(ann, "gone", "Two", background=True).json()["id"]
    ended(ann, run)
    row = next(one for one in ann.send("GET", "/api/sessions").json()["sessions"] if one["id"] == "gone")
    assert (row["files"], row["bytes"], row["runs"]) == (1, 5, 1)
    deleted = eventually(lambda: done(ann.send("DELETE", "/api/sessions/gone")), what="the deletion")
    assert deleted == {"id": "gone", "deleted": True}
    for path in ("/api/sessions/gone", f"/api/files/{file}", f"/api/runs/{run}"):
        assert ann.send("GET", path).status_code == 404, path
    assert ann.send("GET", f"/api/files/{kept}/content").content == b"kept"
    assert turn(ann, "gone", "New").json()["response"] == "New"
    assert len(said(ann, "gone")) == 2


def done(answer):
    return answer.json() if answer.status_code == 200 else None


def test_one_outlives_the_gateway(start, tmp_path):
    first = start({"keys": [ANN]}, data=tmp_path / "data")
    turn(Caller(first, ANN), "s", "One")
    first.stop()
    first.ended_by_test = True
    second = start({"keys": [ANN]}, data=tmp_path / "data")
    ann = Caller(second, ANN)
    assert turn(ann, "s", "Two").status_code == 200
    assert [text for _, text in said(ann, "s")] == ["One", "One", "Two", "Two"]
