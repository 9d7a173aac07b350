"""Uploads in several requests, as tus clients send them."""

import base64
import concurrent.futures
import hashlib
import os
import signal
import socket

import pytest
from harness.gateway import eventually, request_bytes
from test_files import ANN, BOB, Caller, told

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


@pytest.fixture(scope="module")
def gateway(module_starter):
    return module_starter({"keys": [ANN, BOB], "files": {"minFree": 0, "maxSize": "2MiB"}})


@pytest.fixture
def ann(gateway):
    return Caller(gateway, ANN)


def metadata(**pairs):
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def begin(caller, length, name="a.txt", **more):
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata(filename=name, **more)}
    return caller.send("POST", "/api/uploads", headers=headers)


def patch(caller, place, offset, data):
    return caller.send("PATCH", place, data=data, headers={**PIECE, "Upload-Offset": str(offset)})


def offset(caller, place):
    answer = caller.send("HEAD", place, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def test_a_file_comes_in_pieces(ann):
    content = os.urandom(50_000).hex().encode()
    made = begin(ann, len(content), session_id="s", filetype="text/plain")
    assert made.status_code == 201 and made.headers["tus-resumable"] == "1.0.0" and made.headers["upload-expires"]
    place = made.headers["location"]
    for start in range(0, len(content), 30_000):
        assert offset(ann, place) == start
        answer = patch(ann, place, start, content[start : start + 30_000])
        assert answer.status_code == 204
    file = ann.send("GET", f"/api/files/{answer.headers['x-gatehouse-file']}").json()
    assert (file["sha256"], file["session"]) == (hashlib.sha256(content).hexdigest(), "s")
    assert offset(ann, place) == len(content)


def test_what_a_broken_connection_brought_stays(gateway, ann):
    content = b"line of text\n" * 50_000
    place = begin(ann, len(content)).headers["location"]
    headers = [*PIECE.items(), ("Upload-Offset", "0"), ("Content-Length", str(len(content)))]
    head = request_bytes(place, None, method="PATCH", key=ANN["value"], headers=headers)
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as wire:
        wire.sendall(head + content[:200_000])
        eventually(lambda: offset(ann, place) > 0, what="the first bytes")
    at = eventually(lambda: settled(ann, place), what="an end of the first request")
    assert 0 < at <= 200_000
    done = patch(ann, place, at, content[at:])
    assert done.status_code == 204
    got = ann.send("GET", f"/api/files/{done.headers['x-gatehouse-file']}/content").content
    assert got == content


def settled(caller, place):
    """How far it is, once nobody is at it any more."""
    at = offset(caller, place)
    answer = patch(caller, place, at, b"")
    return at if answer.status_code == 204 and at else None


def test_an_upload_goes_on_behind_a_kill(start, tmp_path):
    """What a PATCH was answered for is on the disk; what it was not is known by HEAD."""
    config = {"keys": [ANN, BOB], "files": {"minFree": 0}}
    content = os.urandom(400_000).hex().encode()
    gateway = start(config, data=tmp_path / "data")
    ann = Caller(gateway, ANN)
    place = begin(ann, len(content), session_id="s").headers["location"]
    whole = begin(ann, 4, "whole.txt").headers["location"]
    file = patch(ann, whole, 0, b"text").headers["x-gatehouse-file"]
    assert patch(ann, place, 0, content[:100_000]).status_code == 204
    headers = [*PIECE.items(), ("Upload-Offset", "100000"), ("Content-Length", str(len(content) - 100_000))]
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as wire:
        wire.sendall(request_bytes(place, None, method="PATCH", key=ANN["value"], headers=headers))
        wire.sendall(content[100_000:600_000])
        eventually(lambda: offset(ann, place) > 300_000, what="some of the second request")
        gateway = killed(start, gateway, config, tmp_path)
    ann = Caller(gateway, ANN)
    assert Caller(gateway, BOB).send("HEAD", place, headers=TUS).status_code == 404
    at = offset(ann, place)
    assert 100_000 <= at <= 600_000
    told(patch(ann, place, at - 1, b"x"), 409, "upload_conflict")
    assert patch(ann, place, at, content[at : at + 50_000]).status_code == 204
    gateway = killed(start, gateway, config, tmp_path)
    ann = Caller(gateway, ANN)
    assert offset(ann, place) == at + 50_000
    done = patch(ann, place, at + 50_000, content[at + 50_000 :])
    assert done.status_code == 204
    kept = ann.send("GET", f"/api/files/{done.headers['x-gatehouse-file']}")
    assert (kept.json()["sha256"], kept.json()["session"]) == (hashlib.sha256(content).hexdigest(), "s")
    # One that was whole before is still told as such.
    told_again = ann.send("HEAD", whole, headers=TUS)
    assert (told_again.headers["upload-offset"], told_again.headers["x-gatehouse-file"]) == ("4", file)
    assert not [name for name in os.listdir(tmp_path / "data/files") if name.startswith(".")]


def killed(start, gateway, config, folder, **how):
    """Another process that goes on where this one was killed."""
    gateway.process.send_signal(signal.SIGKILL)
    gateway.process.wait(10)
    gateway.ended_by_test = True
    return start(config, data=folder / "data", **how)


def test_what_is_wrong_is_found_behind_a_kill_too(start, tmp_path):
    """What came before is looked at again: half of a text cannot become another type, nor hide what it is not."""
    config = {"keys": [ANN], "files": {"minFree": 0}}
    gateway = start(config, data=tmp_path / "data")
    ann = Caller(gateway, ANN)
    place = begin(ann, 8).headers["location"]
    assert patch(ann, place, 0, b"ab\xc3").status_code == 204
    ann = Caller(killed(start, gateway, config, tmp_path), ANN)
    assert offset(ann, place) == 3
    # The second half of a letter that is none.
    told(patch(ann, place, 3, b"\xc3abcd"), 415, "type_mismatch")
    assert ann.files() == []


def test_what_nobody_comes_for_goes(start, tmp_path, clock):
    config = {"keys": [ANN], "files": {"minFree": 0}}
    gateway = start(config, data=tmp_path / "data", env=clock.environment)
    ann = Caller(gateway, ANN)
    place = begin(ann, 8).headers["location"]
    assert patch(ann, place, 0, b"half").status_code == 204
    lost = tmp_path / "data/files/.upload-of-nobody"
    lost.write_bytes(b"left behind")
    clock.forward(7200)
    ann = Caller(killed(start, gateway, config, tmp_path, env=clock.environment), ANN)
    assert ann.send("HEAD", place, headers=TUS).status_code == 404
    names = lambda: [name for name in os.listdir(tmp_path / "data/files") if name.startswith(".")]
    eventually(lambda: not names(), what="the sweep")


def test_pieces_must_fit(ann):
    place = begin(ann, 10).headers["location"]
    told(patch(ann, place, 5, b"x"), 409, "upload_conflict")
    told(patch(ann, place, 0, b"x" * 11), 413, "file_too_large")
    answer = ann.send("PATCH", place, data=b"x", headers={**TUS, "Upload-Offset": "0", "Content-Type": "text/plain"})
    told(answer, 415, "unsupported_media_type")
    told(ann.send("PATCH", place, data=b"x", headers=PIECE), 400, "invalid_value")
    told(begin(ann, (2 << 20) + 1), 413, "file_too_large")
    told(begin(ann, 5, name="a.exe"), 415, "file_type_not_allowed")
    told(ann.send("POST", "/api/uploads", headers={**TUS, "Upload-Length": "5"}), 400, "missing_field")
    told(ann.send("POST", "/api/uploads", headers={"Upload-Length": "5"}), 400, "invalid_value")
    bad = {**TUS, "Upload-Length": "5", "Upload-Metadata": "filename !"}
    told(ann.send("POST", "/api/uploads", headers=bad), 400, "invalid_value")


def test_a_lie_is_told_at_the_end_and_nothing_is_kept(ann):
    before = len(ann.files())
    place = begin(ann, 4).headers["location"]
    told(patch(ann, place, 0, b"\x89PNG"), 415, "type_mismatch")
    assert len(ann.files()) == before
    told(patch(ann, place, 0, b"text"), 415, "type_mismatch")


def test_what_is_abandoned_or_anothers_is_not_there(gateway, ann):
    place = begin(ann, 4).headers["location"]
    for method in ("PATCH", "DELETE"):
        headers = {**PIECE, "Upload-Offset": "0"}
        told(Caller(gateway, BOB).send(method, place, headers=headers), 404, "file_not_found")
    assert Caller(gateway, BOB).send("HEAD", place, headers=TUS).status_code == 404
    assert ann.send("DELETE", place, headers=TUS).status_code == 204
    assert ann.send("HEAD", place, headers=TUS).status_code == 404


def test_uploads_on_their_way_are_bounded(gateway):
    bob = Caller(gateway, BOB)
    places = [begin(bob, 4).headers["location"] for _ in range(20)]
    told(begin(bob, 4), 413, "file_quota_exceeded")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(answer.status_code == 204 for answer in pool.map(lambda at: bob.send("DELETE", at, headers=TUS), places))
    assert begin(bob, 0).headers["x-gatehouse-file"]


def test_what_is_offered(ann):
    answer = ann.send("OPTIONS", "/api/uploads")
    assert answer.status_code == 204 and answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,termination,expiration"
    assert int(answer.headers["tus-max-size"]) == 2 << 20
