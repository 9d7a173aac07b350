"""Uploaded files: what is taken, what is refused, who may see them, and that none is lost."""

import asyncio
import base64
import concurrent.futures
import hashlib
import os
import random
import signal
import socket

import openai
import pytest
import requests
from harness.gateway import eventually

ANN, BOB = ({"name": name, "value": f"gh-key-of-{name}-0123456789", "models": ["*"]} for name in ("ann", "bob"))
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def gateway(module_starter):
    endings = [".txt", ".jsonl", ".pdf", ".png", ".gif"]
    return module_starter({"keys": [ANN, BOB], "files": {
        "extensions": endings, "maxSize": "2MiB", "quota": "8MiB", "maxFiles": 40, "minFree": 0}})


class Caller:
    def __init__(self, gateway, key):
        self.url, self.headers = gateway.url, {"Authorization": f"Bearer {key['value']}"}

    def send(self, method, path, **how):
        how["headers"] = {**self.headers, **how.get("headers", {})}
        return requests.request(method, self.url + path, timeout=30, **how)

    def upload(self, name, content, type=None, headers=None, **fields):
        file = (name, content) if type is None else (name, content, type)
        return self.send("POST", "/api/upload", files={"file": file}, data=fields, headers=headers or {})

    def files(self, **query):
        return self.send("GET", "/api/files", params=query).json()["files"]

    def clear(self):
        for file in self.files(limit=1000):
            assert self.send("DELETE", f"/api/files/{file['id']}").status_code == 200


@pytest.fixture
def ann(gateway):
    caller = Caller(gateway, ANN)
    caller.clear()
    return caller


@pytest.fixture
def bob(gateway):
    return Caller(gateway, BOB)


def told(response, status, code):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"].lower() == code
    assert "/tmp" not in response.text and "gatehouse.db" not in response.text
    return error


# What is taken


def test_an_upload_is_there_whole(ann):
    content = os.urandom(100).hex().encode()
    made = ann.upload("notes.txt", content)
    assert made.status_code == 201
    told = made.json()
    assert told["success"] is True and told["filename"] == "notes.txt" and told["session_id"] == "default"
    assert (told["size"], told["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert told["type"] == "text/plain" and told["expires_at"] - told["created_at"] == 24 * 3600
    got = ann.send("GET", f"/api/files/{told['id']}/content")
    assert got.content == content
    assert ann.send("GET", f"/api/files/{told['id']}").json()["name"] == "notes.txt"
    assert [file["id"] for file in ann.files()] == [told["id"]]
    assert ann.files(session="default")[0]["id"] == told["id"] and ann.files(session="other") == []


def test_what_is_given_out_cannot_run(ann):
    id = ann.upload("a b\u00e9.txt", b"text, not more").json()["id"]
    headers = ann.send("GET", f"/api/files/{id}/content").headers
    assert headers["content-disposition"] == "attachment; filename=\"a b_.txt\"; filename*=UTF-8''a%20b%C3%A9.txt"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "private, no-store" and headers["vary"] == "Authorization"
    assert headers["content-type"].startswith("text/plain")


def test_a_document_in_base64_as_the_old_clients_send_it(ann):
    body = {"filename": "a.png", "file": base64.b64encode(PNG).decode(), "session_id": "s1"}
    made = ann.send("POST", "/api/upload", json=body)
    assert made.status_code == 201 and made.json()["session_id"] == "s1" and made.json()["type"] == "image/png"
    assert ann.send("GET", f"/api/files/{made.json()['id']}/content").content == PNG
    told(ann.send("POST", "/api/upload", json={**body, "file": "no base64!"}), 400, "invalid_value")
    told(ann.send("POST", "/api/upload", json={"file": "aGk="}), 400, "missing_field")
    told(ann.send("POST", "/api/upload", json={"filename": "a.txt"}), 400, "missing_field")
    told(ann.send("POST", "/api/upload", json={**body, "mode": "x"}), 400, "unknown_parameter")
    told(ann.send("POST", "/api/upload", data="{", headers={"content-type": "application/json"}), 400, "invalid_json")


def test_names_of_a_session_are_kept_apart(ann):
    names = [ann.upload("a.txt", f"{n}", session_id="s").json()["filename"] for n in range(3)]
    assert names == ["a.txt", "a-2.txt", "a-3.txt"]
    assert ann.upload("a.txt", "x", headers={"X-Session-ID": "t"}, session_id="s").json()["session_id"] == "t"


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_large_one_arrives_in_pieces(ann, chunked):
    content = b"line of text\n" * 150_000
    boundary = b"--x\r\n"
    head = b'content-disposition: form-data; name="file"; filename="large.txt"\r\n\r\n'
    body = boundary + head + content + b"\r\n--x--\r\n"

    def pieces():
        for start in range(0, len(body), 9973):
            yield body[start : start + 9973]

    data = pieces() if chunked else body
    made = ann.send("POST", "/api/upload", data=data, headers={"content-type": "multipart/form-data; boundary=x"})
    assert made.status_code == 201, made.text
    assert made.json()["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_client_that_waits_to_be_asked_is_asked(gateway):
    body = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    for key, status in ((ANN["value"], b"HTTP/1.1 201"), ("wrong", b"HTTP/1.1 401")):
        with socket.create_connection(("127.0.0.1", gateway.port), 20) as wire:
            wire.sendall(
                b"POST /api/upload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\nexpect: 100-continue\r\n"
                b"content-type: multipart/form-data; boundary=x\r\ncontent-length: %d\r\n\r\n" % (key.encode(), len(body))
            )
            first = wire.recv(4096)
            if status.endswith(b"201"):
                assert first.startswith(b"HTTP/1.1 100")
                wire.sendall(body)
                first = wire.recv(4096)
            assert first.startswith(status)


# The official client


def test_the_openai_client_manages_files(gateway, ann):
    with openai.OpenAI(base_url=gateway.url + "/v1", api_key=ANN["value"], max_retries=0) as client:
        manage(client)


def manage(client):
    files = [
        client.files.create(file=(f"{n}.jsonl", b'{"n": %d}\n' % n), purpose="batch" if n % 2 else "user_data")
        for n in range(5)
    ]
    assert files[0].object == "file" and files[0].bytes == 9 and files[0].status == "processed"
    assert client.files.retrieve(files[1].id).filename == "1.jsonl"
    assert client.files.content(files[2].id).read() == b'{"n": 2}\n'
    listed = [file.id for file in client.files.list(limit=2)]
    assert sorted(listed) == sorted(file.id for file in files), "pages follow each other by themselves"
    ascending = [file.id for file in client.files.list(order="asc", purpose="batch")]
    assert sorted(ascending) == sorted([files[1].id, files[3].id])
    assert client.files.delete(files[0].id).deleted is True
    with pytest.raises(openai.NotFoundError) as caught:
        client.files.retrieve(files[0].id)
    assert caught.value.code == "file_not_found"
    kept = client.files.create(
        file=("a.txt", b"x"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert kept.expires_at - kept.created_at == 3600
    for wrong in ({"purpose": "other"}, {"purpose": "batch", "expires_after": {"anchor": "created_at", "seconds": 5}}):
        with pytest.raises(openai.BadRequestError) as caught:
            client.files.create(file=("a.txt", b"x"), **wrong)
        assert caught.value.code == "invalid_value"
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.list(limit=0)
    assert caught.value.param == "limit"


# Ranges


@pytest.mark.parametrize(
    "wanted, status, part",
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=-99", 206, b"0123456789"),
        ("bytes=5-99999999999999999999", 206, b"56789"),
        ("bytes=0-0,2-3", 200, b"0123456789"),
        ("bytes=4-2", 200, b"0123456789"),
        ("lines=0-1", 200, b"0123456789"),
        ("bytes=x-", 200, b"0123456789"),
    ],
)
def test_one_range_is_answered_with_that_part(ann, wanted, status, part):
    id = ann.upload("n.txt", b"0123456789").json()["id"]
    got = ann.send("GET", f"/v1/files/{id}/content", headers={"Range": wanted})
    assert (got.status_code, got.content) == (status, part)
    if status == 206:
        start = b"0123456789".index(part)
        assert got.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/10"


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=99999999999999999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(ann, wanted):
    id = ann.upload("n.txt", b"0123456789").json()["id"]
    told(ann.send("GET", f"/api/files/{id}/content", headers={"Range": wanted}), 416, "range_not_satisfiable")


# What is refused


@pytest.mark.parametrize(
    "name, content, type, status, code",
    [
        ("a.exe", b"MZ", None, 415, "file_type_not_allowed"),
        ("a", b"x", None, 415, "file_type_not_allowed"),
        ("a.php.png", PNG, None, 415, "file_type_not_allowed"),
        ("a.png", b"<html><script>alert(1)</script>", None, 415, "type_mismatch"),
        ("a.png", PNG, "text/html", 415, "type_mismatch"),
        ("a.txt", PNG, None, 415, "type_mismatch"),
        ("a.txt", b"half a character \xc3", None, 415, "type_mismatch"),
        ("a.pdf", b"PK\x03\x04" + bytes(100), None, 415, "type_mismatch"),
        ("a.gif", b"GIF89a=1;alert(1)//", None, 415, "type_mismatch"),
        ("CON.txt", b"x", None, 400, "invalid_filename"),
    ],
)
def test_what_is_not_what_it_says_is_refused(ann, name, content, type, status, code):
    told(ann.upload(name, content, type), status, code)
    assert ann.files() == []


def test_limits_of_one_file_and_of_all(ann):
    error = told(ann.upload("a.txt", b"x" * (2 << 20) + b"y"), 413, "file_too_large")
    assert error["details"]["param"] == "file"
    for n in range(3):
        assert ann.upload(f"{n}.txt", b"%d" % n + b"x" * ((2 << 20) - 700)).status_code == 201
    assert ann.upload("4.txt", b"x" * (1 << 20)).status_code == 201
    told(ann.upload("5.txt", b"x" * ((1 << 20) + 3000)), 413, "file_quota_exceeded")
    ann.clear()
    for n in range(40):
        assert ann.upload(f"{n}.txt", b"%d" % n).status_code == 201
    told(ann.upload("more.txt", b"x"), 413, "file_quota_exceeded")


@pytest.mark.parametrize(
    "body, status, code",
    [
        (b"", 400, "bad_multipart"),
        (b"--x\r\n", 400, "bad_multipart"),
        (b"--x--\r\n", 400, "missing_field"),
        (b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n', 400, "unknown_parameter"),
        (b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\n1\r\n--x--\r\n', 400, "bad_multipart"),
        (b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n1', 400, "bad_multipart"),
        (b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n1\r\n' * 2 + b"--x--\r\n", 400,
         "bad_multipart"),
        (b"--x\r\n" + b"y: z\r\n" * 100 + b"\r\n1\r\n--x--\r\n", 400, "bad_multipart"),
        (b"z" * 5000, 400, "bad_multipart"),
    ],
)  # fmt: skip
def test_a_form_that_is_none_is_refused(gateway, ann, body, status, code):
    headers = {"content-type": "multipart/form-data; boundary=x"}
    told(ann.send("POST", "/api/upload", data=body, headers=headers), status, code)
    assert ann.files() == []
    told(ann.send("POST", "/api/upload", data=b"x", headers={"content-type": "text/plain"}), 415,
         "unsupported_media_type")  # fmt: skip


def test_a_body_that_never_ends_is_cut_at_the_limit(gateway, ann):
    """No length, no end: the answer comes soon behind the limit, and the connection with it."""
    head = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    sent = 0
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as wire:
        wire.sendall(
            b"POST /api/upload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\ntransfer-encoding: chunked\r\n"
            b"content-type: multipart/form-data; boundary=x\r\n\r\n" % ANN["value"].encode()
        )
        wire.sendall(b"%x\r\n%s\r\n" % (len(head), head))
        piece = b"8000\r\n" + b"x" * 32768 + b"\r\n"
        answer = b""
        wire.setblocking(False)
        while sent < 64 << 20 and b"\r\n\r\n" not in answer:
            try:
                sent += wire.send(piece[: len(piece)])
            except BlockingIOError:
                pass
            except ConnectionError:
                break
            try:
                answer += wire.recv(65536)
            except BlockingIOError:
                pass
            except ConnectionError:
                break
    assert answer.startswith(b"HTTP/1.1 400") or answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert sent < 16 << 20
    assert ann.files() == []


# Who may see them


def test_anothers_file_is_as_if_it_did_not_exist(ann, bob):
    id = ann.upload("secret.txt", b"secret", session_id="s").json()["id"]
    for root in ("/api/files", "/v1/files"):
        for method, path in (("GET", f"{root}/{id}"), ("GET", f"{root}/{id}/content"), ("DELETE", f"{root}/{id}")):
            there, nowhere = bob.send(method, path), bob.send(method, path.replace(id, "file-none"))
            told(there, 404, "file_not_found")
            assert there.json()["error"]["message"] == nowhere.json()["error"]["message"]
    assert bob.files() == [] and bob.files(session="s") == []
    told(bob.send("GET", "/api/files", params={"after": id}), 404, "file_not_found")
    assert ann.send("GET", f"/api/files/{id}/content").content == b"secret"


@pytest.mark.parametrize("id", ["..%2f..%2fgatehouse.db", "%00", "a" * 3000, "../admin.key", "file-1;DROP TABLE file"])
def test_ids_lead_nowhere(gateway, ann, id):
    with requests.Session() as session:
        request = requests.Request("GET", f"{gateway.url}/api/files/", headers=ann.headers).prepare()
        request.url = f"{gateway.url}/api/files/{id}/content"
        assert session.send(request).status_code in (400, 404)


# Time, crashes, disks


def test_their_time_ends(start):
    gateway = start({"keys": [ANN], "files": {"ttl": "1s", "minFree": 0}})
    ann = Caller(gateway, ANN)
    id = ann.upload("a.txt", b"x").json()["id"]
    eventually(lambda: ann.send("GET", f"/api/files/{id}").status_code == 404, what="the file's end")
    assert ann.files() == []


def test_a_client_that_leaves_leaves_nothing(gateway, ann):
    body = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n' + b"x" * (1 << 20)
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", gateway.port), 20) as wire:
            wire.sendall(
                b"POST /api/upload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\ncontent-length: 2000000\r\n"
                b"content-type: multipart/form-data; boundary=x\r\n\r\n" % ANN["value"].encode() + body
            )

    def whole_quota_is_free():
        return all(ann.upload(f"{n}.txt", b"%d" % n + b"x" * ((2 << 20) - 700)).status_code == 201 for n in range(3))

    eventually(lambda: ann.clear() or whole_quota_is_free(), what="the room that was promised")
    assert open_drafts(gateway) == 0


def open_drafts(gateway):
    """Files without a name that the gateway holds."""
    return sum("/files/#" in target for target in gateway.descriptors())


@pytest.mark.parametrize("point", ["upload.synced", "upload.linked", "upload.kept", "delete.forgotten"])
def test_a_crash_between_two_steps_loses_and_leaves_nothing(start, tmp_path, point):
    """The process ends where it is told to; what was answered with 201 is there afterwards, and nothing half."""
    data = tmp_path / "data"
    first = start({"keys": [ANN], "files": {"minFree": 0}}, data=data)
    ann = Caller(first, ANN)
    kept = [ann.upload(f"{n}.txt", b"content %d" % n).json() for n in range(3)]
    first.stop()
    first.ended_by_test = True
    broken = start({"keys": [ANN], "files": {"minFree": 0}}, data=data, env={"GATEHOUSE_CRASH_AT": point})
    broken.ended_by_test = True
    with pytest.raises(requests.exceptions.RequestException):
        if point.startswith("upload"):
            Caller(broken, ANN).upload("new.txt", b"new")
        else:
            Caller(broken, ANN).send("DELETE", f"/api/files/{kept[0]['id']}")
    assert broken.process.wait(10) == -signal.SIGKILL
    again = start({"keys": [ANN], "files": {"minFree": 0}}, data=data)
    ann = Caller(again, ANN)
    names = sorted(file["name"] for file in ann.files())
    expected = {"upload.kept": ["0.txt", "1.txt", "2.txt", "new.txt"], "delete.forgotten": ["1.txt", "2.txt"]}
    assert names == expected.get(point, ["0.txt", "1.txt", "2.txt"])
    for file in ann.files():
        content = ann.send("GET", f"/api/files/{file['id']}/content").content
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    # A content whose row was not written yet is left alone for an hour: FileStoreTests moves the clock.
    waiting = 1 if point in ("upload.linked", "delete.forgotten") else 0
    assert len([file for file in (data / "files").rglob("*") if file.is_file()]) == len(names) + waiting


def test_a_full_disk_refuses_uploads_and_nothing_else(start):
    gateway = start({"keys": [ANN], "files": {"minFree": "1TiB"}})
    ann = Caller(gateway, ANN)
    error = told(ann.upload("a.txt", b"x"), 507, "insufficient_storage")
    assert error["details"]["retry_after"] > 0
    assert asyncio.run(gateway.chat("gatehouse/echo")).status == 200


def test_many_at_once(gateway, ann):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda n: ann.upload(f"{n}.txt", b"content %d" % (n % 10)), range(30)))
    assert [one.status_code for one in made] == [201] * 30
    assert len({one.json()["id"] for one in made}) == 30
    text = asyncio.run(gateway.call("/metrics")).body.decode()
    assert 'gatehouse_uploads_total{outcome="kept"}' in text
    assert len({file["sha256"] for file in ann.files(limit=100)}) == 10


# Names


HOSTILE = [
    "../../x.txt", "..\\..\\x.txt", "/etc/cron.d/x.txt", "C:\\x.txt", "a\0b.txt", "%2e%2e%2fx.txt", "\u202egnp.txt",
    "e\u0301.txt", "\u00e9.txt", ".htaccess.txt", "x.txt.", "x.txt ", "-rf.txt", ".claude/settings.txt", "a" * 300 + ".txt",
    "\u00e9" * 200 + ".txt", ".txt", "~root.txt", "$(id).txt", "`id`.txt", "a\rb.txt", "a;b|c&d.txt", "\u2066a\u2069.txt",
    "nul.txt", "com1.txt", "a/./b/../c.txt", "\ufeffa.txt", "x.txt::$DATA", "\u200b.txt", "..txt",
]  # fmt: skip


def hostile_names(count):


    chance = random.Random(11)
    letters = list("aZ0._- /\\:*?\"<>|%~$`'\u00e9\u0301\u202e\u2066\u200f\ufeff\t\r\x7f\x01\U0001f30d")
    for _ in range(count):
        yield "".join(chance.choice(letters) for _ in range(chance.randrange(0, 40))) + chance.choice([".txt", "", ".TXT"])


def send_named(ann, name, content):
    quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").encode()
    body = b'--x\r\ncontent-disposition: form-data; name="file"; filename="' + quoted + b'"\r\n\r\n' + content + b"\r\n--x--\r\n"
    return ann.send("POST", "/api/upload", data=body, headers={"content-type": "multipart/form-data; boundary=x"})


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "files" not in path.parts)


def test_names_lead_nowhere(start, tmp_path):
    gateway = start({"keys": [ANN], "files": {"minFree": 0, "extensions": [".txt"]}}, data=tmp_path / "data")
    ann = Caller(gateway, ANN)
    ann.upload("first.txt", b"first")
    before, kept = tree(tmp_path), 0
    for number, name in enumerate([*HOSTILE, *hostile_names(400)]):
        made = send_named(ann, name, b"%d" % number)
        assert made.status_code in (201, 400, 415), (name, made.text)
        if made.status_code != 201:
            assert made.json()["error"]["code"] in ("INVALID_FILENAME", "FILE_TYPE_NOT_ALLOWED", "BAD_MULTIPART"), name
            continue
        kept += 1
        shown = made.json()["filename"]
        assert 0 < len(shown.encode()) <= 259 and not shown.startswith((".", "-", " ")) and shown.lower().endswith(".txt")
        assert not set(shown) & set('/\\:*?"<>|\0\r\n\t\x7f\u202e\u2066\u2069\u200f\ufeff'), shown
        assert ann.send("GET", f"/api/files/{made.json()['id']}/content").content == b"%d" % number
    assert tree(tmp_path) == before
    assert kept > 150
    stored = [path for path in (tmp_path / "data/files").rglob("*") if path.is_file()]
    assert all(set(path.name) <= set("0123456789abcdef") and len(path.name) == 64 for path in stored)
