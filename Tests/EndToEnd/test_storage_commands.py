"""`gatehouse migrate`, `backup` and `restore`, as an operator runs them."""

import json
import sqlite3

import pytest
from harness.gateway import run
from test_files import ANN, Caller


def command(tmp_path, *arguments):
    return run([*arguments, "--data-dir", tmp_path / "data"], tmp_path)


def test_a_database_is_made_and_brought_up_to_date(tmp_path):
    first = command(tmp_path, "migrate", "--json")
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert report["known"] == [] and report["taken"][0] == "1 files"
    again = command(tmp_path, "migrate")
    assert again.returncode == 0 and "up to date" in again.stdout and "now " not in again.stdout


def test_one_of_a_newer_version_is_refused_by_all(tmp_path):
    command(tmp_path, "migrate")
    with sqlite3.connect(tmp_path / "data/gatehouse.db") as database:
        database.execute("INSERT INTO grdb_migrations VALUES ('99 the future')")
    for arguments in (["migrate"], ["serve", "--port", "0"]):
        refused = command(tmp_path, *arguments)
        assert refused.returncode == 74 and "newer version" in refused.stderr, refused.stderr


def test_a_backup_is_made_in_use_and_restored(start, tmp_path):
    home = tmp_path / "here"
    home.mkdir()
    gateway = start({"keys": [ANN], "files": {"minFree": 0}}, data=home / "data")
    ann = Caller(gateway, ANN)
    kept = ann.upload("kept.txt", b"kept").json()["id"]
    copied = command(home, "backup", tmp_path / "copy.db")
    assert copied.returncode == 0, copied.stderr
    late = ann.upload("late.txt", b"late").json()["id"]
    busy = command(home, "restore", tmp_path / "copy.db")
    assert busy.returncode == 74 and "stop the gateway" in busy.stderr
    taken = command(home, "backup", tmp_path / "copy.db")
    assert taken.returncode == 78 and "already" in taken.stderr
    gateway.stop()
    gateway.ended_by_test = True
    restored = command(home, "restore", tmp_path / "copy.db")
    assert restored.returncode == 0 and "before-restore" in restored.stdout, restored.stderr
    ann = Caller(start({"keys": [ANN], "files": {"minFree": 0}}, data=home / "data"), ANN)
    assert ann.send("GET", f"/api/files/{kept}/content").content == b"kept"
    assert ann.send("GET", f"/api/files/{late}").status_code == 404


@pytest.mark.parametrize("arguments, status, word", [
    (["restore", "/nowhere.db"], 74, "not there"),
    (["backup", "/tmp/never-written.db"], 74, "not there"),
    (["backup"], 64, "FILE"),
])  # fmt: skip
def test_what_cannot_be_done_is_told(tmp_path, arguments, status, word):
    refused = command(tmp_path, *arguments)
    assert refused.returncode == status and word.lower() in refused.stderr.lower(), refused.stderr
