"""Disks that are full, read-only or locked, and processes that are killed: what was answered is there, and all goes on by
itself once it can."""

import asyncio
import concurrent.futures
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
import requests
from harness.flushes import Flushes
from harness.gateway import ROOT
from test_files import ANN, Caller, told


def may_mount():
    """Whether this host lets the tests have file systems of their own."""
    command = ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


NEEDS_MOUNTS = pytest.mark.skipif(not may_mount(), reason="needs to mount file systems")
#: A file system of 8 MiB in a mount name space of the gateway's own.
MOUNT = 'mount -t tmpfs -o size=8m,mode=0700 tmpfs "$0" && exec "$@"'


def on_small_disk(start, folder, **settings):
    folder.mkdir(mode=0o700)
    prefix = ["unshare", "-m", "sh", "-c", MOUNT, str(folder)]
    gateway = start({"keys": [ANN], "files": {"minFree": 0}, **settings}, prefix=prefix)
    return gateway, Caller(gateway, ANN)


def files_in(folder):
    return {"files": {"minFree": 0, "url": f"file:{folder}"}}


def works(gateway):
    assert asyncio.run(gateway.call("/health/live")).status == 200
    assert asyncio.run(gateway.chat("gatehouse/echo")).status == 200


def inside(gateway, *command):
    subprocess.run(["nsenter", "-t", str(gateway.process.pid), "-m", *command], check=True)


@NEEDS_MOUNTS
def test_a_disk_that_fills_up_takes_what_fits(start, tmp_path):
    small = tmp_path / "small"
    gateway, ann = on_small_disk(start, small, **files_in(small))
    first = ann.upload("a.txt", b"a" * (5 << 20))
    assert first.status_code == 201
    told(ann.upload("b.txt", b"b" * (5 << 20)), 507, "insufficient_storage")
    works(gateway)
    assert ann.send("GET", f"/api/files/{first.json()['id']}/content").content == b"a" * (5 << 20)
    assert ann.send("DELETE", f"/api/files/{first.json()['id']}").status_code == 200
    again = ann.upload("b.txt", b"b" * (5 << 20))
    assert again.status_code == 201, "room came back, and nobody started anything anew"


@NEEDS_MOUNTS
def test_a_database_on_a_full_disk(start, tmp_path):
    """Not even a row can be written. Calls are served all the same."""
    small = tmp_path / "small"
    gateway, ann = on_small_disk(start, small, storage={"url": f"sqlite:{small}/gatehouse.db"})
    kept = ann.upload("a.txt", b"a").json()["id"]
    # What else fills a disk.
    inside(gateway, "sh", "-c", f"head -c 20m /dev/zero > {small}/filler 2>/dev/null || true")
    for n in range(3):
        told(ann.upload(f"{n}.txt", os.urandom(100).hex().encode()), 507, "insufficient_storage")
    works(gateway)
    assert ann.send("GET", f"/api/files/{kept}/content").content == b"a"
    inside(gateway, "rm", f"{small}/filler")
    assert ann.upload("b.txt", b"b").status_code == 201
    assert sorted(file["name"] for file in ann.files()) == ["a.txt", "b.txt"]


@NEEDS_MOUNTS
def test_a_disk_that_becomes_read_only(start, tmp_path):
    small = tmp_path / "small"
    gateway, ann = on_small_disk(start, small, **files_in(small))
    kept = ann.upload("a.txt", b"a").json()["id"]
    inside(gateway, "mount", "-o", "remount,ro", str(small))
    told(ann.upload("b.txt", b"b"), 503, "storage_unavailable")
    works(gateway)
    assert ann.send("GET", f"/api/files/{kept}/content").content == b"a"
    inside(gateway, "mount", "-o", "remount,rw", str(small))
    assert ann.upload("b.txt", b"b").status_code == 201


def test_a_locked_database_is_told_and_forgotten(start, tmp_path):
    data = tmp_path / "data"
    gateway = start({"keys": [ANN], "files": {"minFree": 0}}, data=data)
    ann = Caller(gateway, ANN)
    kept = ann.upload("a.txt", b"a").json()["id"]
    lock = sqlite3.connect(data / "gatehouse.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    refused = ann.upload("b.txt", b"b")
    told(refused, 503, "storage_busy")
    health = asyncio.run(gateway.call("/health")).json()["storage"]
    assert health["available"] is False and "locked" in health["reason"]
    assert int(refused.headers["retry-after"]) > 0
    works(gateway)
    assert ann.send("GET", f"/api/files/{kept}/content").content == b"a"
    lock.execute("ROLLBACK")
    lock.close()
    assert ann.upload("b.txt", b"b").status_code == 201
    assert asyncio.run(gateway.call("/health")).json()["storage"] == {"available": True}


def test_contents_that_cannot_be_flushed_are_not_taken(start, tmp_path):
    """fsync() fails with EIO: nothing was promised, nothing is left, and it is well again by itself."""
    flushes, data = Flushes(tmp_path), tmp_path / "data"
    gateway = start({"keys": [ANN], "files": {"minFree": 0}}, data=data, env=flushes.environment)
    ann = Caller(gateway, ANN)
    kept = ann.upload("a.txt", b"a").json()["id"]
    flushes.fail(str(data / "files"))
    for n in range(3):
        told(ann.upload(f"{n}.txt", b"content %d" % n), 503, "storage_unavailable")
    works(gateway)
    assert [file["name"] for file in ann.files()] == ["a.txt"]
    assert ann.send("GET", f"/api/files/{kept}/content").content == b"a"
    flushes.fail("")
    # The same contents, which the disk was given before and may have lost, are written anew.
    again = [ann.upload(f"{n}.txt", b"content %d" % n) for n in range(3)]
    assert [made.status_code for made in again] == [201] * 3
    for n, made in enumerate(again):
        assert ann.send("GET", f"/api/files/{made.json()['id']}/content").content == b"content %d" % n
    assert len(blobs(data)) == 4


def test_a_database_that_cannot_be_flushed_ends_the_process(start, tmp_path):
    """What it was told to keep cannot be relied on: it says so by its exit code, and whoever starts it anew finds all that
    was answered before."""
    flushes, data = Flushes(tmp_path), tmp_path / "data"
    config = {"keys": [ANN], "files": {"minFree": 0}}
    gateway = start(config, data=data, env=flushes.environment)
    ann = Caller(gateway, ANN)
    kept = {ann.upload(f"{n}.txt", b"%d" % n).json()["id"]: b"%d" % n for n in range(5)}
    flushes.fail("gatehouse.db")
    try:
        answer = ann.upload("lost.txt", b"lost")
        assert answer.status_code == 503, answer.text
    except requests.RequestException:
        pass
    assert gateway.process.wait(20) == 74
    gateway.ended_by_test = True
    flushes.fail("")
    ann = Caller(start(config, data=data, env=flushes.environment), ANN)
    assert {file["id"] for file in ann.files()} >= set(kept)
    for id, content in kept.items():
        assert ann.send("GET", f"/api/files/{id}/content").content == content
    assert ann.upload("more.txt", b"more").status_code == 201


def test_a_word_that_nobody_knows_is_one_object_s_trouble(start, tmp_path):
    """A row that another hand has changed: the others are as before."""
    data = tmp_path / "data"
    gateway = start({"keys": [ANN], "files": {"minFree": 0}}, data=data)
    ann = Caller(gateway, ANN)
    odd, fine = (ann.upload(f"{n}.txt", b"%d" % n).json()["id"] for n in range(2))
    with sqlite3.connect(data / "gatehouse.db") as database:
        database.execute("UPDATE file SET type = 'x/y', size = 99 WHERE id = ?", (odd,))
    told(ann.send("GET", f"/api/files/{odd}/content"), 503, "storage_unavailable")
    assert ann.send("GET", f"/api/files/{fine}/content").content == b"1"
    assert len(ann.files()) == 2


def test_a_damaged_database_is_refused(start, tmp_path):
    data = tmp_path / "data"
    gateway = start({"keys": [ANN], "files": {"minFree": 0}}, data=data)
    ann = Caller(gateway, ANN)
    for n in range(50):
        ann.upload(f"{n}.txt", b"%d" % n)
    gateway.stop()
    gateway.ended_by_test = True
    with open(data / "gatehouse.db", "r+b") as file:
        for page in range(3, 12):
            file.seek(page * 4096)
            file.write(os.urandom(4096))
    with pytest.raises(AssertionError, match="damaged"):
        start({"keys": [ANN]}, data=data)


class Uploaders:
    """Threads that upload until the gateway is gone, and note what was answered."""

    def __init__(self, ann, threads=6):
        self.ann, self.kept, self.lock = ann, {}, threading.Lock()
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.ends = [self.pool.submit(self.run, random.Random(n)) for n in range(threads)]

    def run(self, chance):
        while True:
            content = chance.randbytes(chance.randrange(1, 40_000)).hex().encode()
            try:
                made = self.ann.upload("a.txt", content)
            except requests.RequestException:
                return
            assert made.status_code == 201, made.text
            with self.lock:
                self.kept[made.json()["id"]] = hashlib.sha256(content).hexdigest()

    def wait(self):
        for end in self.ends:
            end.result()
        self.pool.shutdown()


class Talkers(Uploaders):
    """Threads that talk until the gateway is gone: each in a session of its own, with a run now and then."""

    def __init__(self, ann, name, threads=4):
        self.name, self.runs = name, []
        super().__init__(ann, threads)

    def run(self, chance):
        session = f"{self.name}-{chance.random()}"
        headers = {"X-Session-ID": session, "X-Gatehouse-Session": "continue"}
        self.kept[session] = []
        for number in range(100_000):
            say = {"messages": [{"role": "user", "content": f"Turn {number}"}]}
            try:
                made = self.ann.send(
                    "POST", "/v1/chat/completions", json={"model": "gatehouse/echo", **say}, headers=headers)
                begun = self.ann.send(
                    "POST", "/v1/responses", json={"model": "gatehouse/echo", "input": "x", "background": True})
            except requests.RequestException:
                return
            assert made.json()["choices"][0]["message"]["content"] == f"Turn {number}"
            assert begun.json()["status"] == "queued"
            with self.lock:
                self.kept[session].append(number)
                self.runs.append(begun.json()["id"])


def check_talk(ann, talkers):
    """Of what was said each turn is there whole or not at all, in its order; what began has ended."""
    for session, answered in talkers.kept.items():
        found = ann.send("GET", f"/api/sessions/{session}")
        # Conversations reach the disk a moment after their answers.
        messages = found.json()["messages"] if found.status_code == 200 else []
        words = [one["content"] if isinstance(one["content"], str) else one["content"][0]["text"] for one in messages]
        count = len(words) // 2
        assert words == [f"Turn {number}" for number in range(count) for _ in range(2)], session
        # The last may have been kept and not told.
        assert count <= len(answered) + 1
    for id in talkers.runs[-50:]:
        status = ann.send("GET", f"/v1/responses/{id}").json()["status"]
        assert status in ("completed", "failed"), status


def test_kills_at_any_moment_lose_nothing_that_was_answered(start, tmp_path, clock):
    """Under uploads and calls. GATEHOUSE_KILLS sets how often (6)."""
    data, kept, talkers = tmp_path / "data", {}, None
    config = {"keys": [ANN], "files": {"minFree": 0}}
    chance, slowest = random.Random(7), 0
    for number in range(int(os.environ.get("GATEHOUSE_KILLS", 6))):
        began = time.monotonic()
        gateway = start(config, data=data, env=clock.environment)
        slowest = max(slowest, time.monotonic() - began)
        if talkers:
            check_talk(Caller(gateway, ANN), talkers)
        uploaders, talkers = Uploaders(Caller(gateway, ANN)), Talkers(Caller(gateway, ANN), number)
        time.sleep(chance.uniform(0.02, 0.6))
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait(10)
        gateway.ended_by_test = True
        uploaders.wait()
        talkers.wait()
        kept |= uploaders.kept
    print(f"{len(kept)} files, the slowest start took {slowest:.2f} s")
    gateway = start(config, data=data, env=clock.environment)
    ann = Caller(gateway, ANN)
    listed = {file["id"]: file["sha256"] for file in ann.files(limit=1000)}
    page = ann.files(limit=1000)
    while len(page) == 1000:
        page = ann.files(limit=1000, after=page[-1]["id"])
        listed |= {file["id"]: file["sha256"] for file in page}
    assert kept.items() <= listed.items()
    for id, digest in listed.items():
        assert hashlib.sha256(ann.send("GET", f"/api/files/{id}/content").content).hexdigest() == digest
    # What no row knows goes after an hour, and nothing else does.
    gateway.stop()
    gateway.ended_by_test = True
    clock.forward(7200)
    gateway = start(config, data=data, env=clock.environment)
    deadline = time.monotonic() + 20
    while len(contents := blobs(data)) != len(set(listed.values())):
        assert time.monotonic() < deadline, f"{len(contents)} contents for {len(set(listed.values()))}"
        time.sleep(0.1)
    assert len(Caller(gateway, ANN).files(limit=1)) == 1


def blobs(data):
    return [file for file in (data / "files").rglob("*") if file.is_file()]


class Memory:
    """How much more of it the gateway had in use at any moment in between."""

    def __init__(self, gateway):
        self.gateway, self.before = gateway, gateway.resident()
        self.highest, self.done = self.before, threading.Event()
        self.watcher = threading.Thread(target=self.watch)

    def watch(self):
        while not self.done.wait(0.01):
            self.highest = max(self.highest, self.gateway.resident())

    def __enter__(self):
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.watcher.join()

    @property
    def more(self):
        return self.highest - self.before


def test_bombs_are_unpacked_without_the_gateways_memory(start, tmp_path):
    """What would be gigabytes is read by a process of its own, within limits; the gateway itself sees a short text."""
    made = tmp_path / "documents"
    made.mkdir()
    subprocess.run(["python3", ROOT / "Tests/Support/documents.py", made], check=True)
    endings = [".docx", ".pdf", ".xlsx", ".pptx", ".txt"]
    files = {"minFree": 0, "extensions": endings, "quota": "4GiB", "maxSize": "1GiB"}
    gateway = start({"keys": [ANN], "files": files}, data=tmp_path / "data")
    ann = Caller(gateway, ANN)

    def ask(id):
        return ann.send("POST", "/api/generate", json={"model": "gatehouse/echo", "prompt": "x", "files": [id]})

    # Once before, so that what is there once is there.
    usual = ann.upload("hello.docx", (made / "hello.docx").read_bytes()).json()["id"]
    first = ask(usual)
    if first.status_code == 503 and "sandbox" in first.text.lower():
        pytest.skip("this host has no sandbox to read documents in")
    assert first.status_code == 200, first.text
    statuses = {}
    with Memory(gateway) as memory:
        for name in ["ratio.docx", "entries.docx", "overlap.docx", "million.docx", "deep.docx", "entities.docx",
                     "repeated.xlsx", "much.docx", "objects.pdf", "flate.pdf", "recursive.pdf", "many.pdf"]:
            sent = ann.upload(name, (made / name).read_bytes())
            statuses[name] = ask(sent.json()["id"]).status_code if sent.status_code == 201 else sent.status_code
    print(statuses, f"{memory.more / (1 << 20):.1f} MiB more memory")
    assert set(statuses.values()) <= {200, 413, 415, 422}, statuses
    assert statuses["ratio.docx"] == 413 and statuses["overlap.docx"] in (413, 415), statuses
    assert memory.more < 32 << 20
    works(gateway)
    assert ask(usual).status_code == 200


def test_a_large_upload_takes_no_memory(start, tmp_path):
    """GATEHOUSE_LARGE sets its size in MiB (256)."""
    size = int(os.environ.get("GATEHOUSE_LARGE", 256)) << 20
    gateway = start({"keys": [ANN], "files": {"minFree": 0, "maxSize": "2GiB", "quota": "4GiB"}}, data=tmp_path / "data")
    ann = Caller(gateway, ANN)
    assert ann.upload("small.txt", b"x" * (1 << 20)).status_code == 201
    head = b'--x\r\ncontent-disposition: form-data; name="file"; filename="large.txt"\r\n\r\n'
    piece = b"a line of text, and more of them\n" * (1 << 15)
    count = size // len(piece)

    def body():
        yield head
        for _ in range(count):
            yield piece
        yield b"\r\n--x--\r\n"

    began = time.monotonic()
    with Memory(gateway) as memory:
        made = ann.send("POST", "/api/upload", data=body(), headers={"content-type": "multipart/form-data; boundary=x"})
    took = time.monotonic() - began
    assert made.status_code == 201, made.text
    assert made.json()["size"] == count * len(piece)
    print(f"{size >> 20} MiB in {took:.1f} s, {memory.more / (1 << 20):.1f} MiB more memory")
    assert memory.more < 32 << 20
    began = time.monotonic()
    digest = hashlib.sha256()
    with requests.get(f"{gateway.url}/api/files/{made.json()['id']}/content", headers=ann.headers, stream=True,
                      timeout=60) as response:  # fmt: skip
        for data in response.iter_content(1 << 20):
            digest.update(data)
    assert digest.hexdigest() == made.json()["sha256"]
    print(f"down in {time.monotonic() - began:.1f} s")
