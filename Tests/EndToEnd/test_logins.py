"""Logins over the API: a vendor's program on a terminal of its own, led from elsewhere, and nothing left of it."""
import asyncio
import json
import os
import pathlib
import pty
import select
import signal
import subprocess

import pytest

from harness.gateway import BINARY, environment, eventually
from harness.sandbox import why_no_sandbox

LOGINCLI = pathlib.Path(__file__).resolve().parents[1] / "Support/logincli.py"
GOOD = "good-code#1"
BOB = "sk-bob-of-logins-0000001"


@pytest.fixture
def bin(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ["claude", "codex"]:
        (folder / name).symlink_to(LOGINCLI)
    return folder


@pytest.fixture
def begin(start, bin):
    """Starts a gateway with an agent whose login does this, and its accounts."""
    def begin(scenario, *accounts, kind="claude"):
        return start({
            "agents": [{"name": "team", "kind": kind, "command": str(bin / kind), "timeouts": {"grace": "300ms"},
                        "sandbox": "off" if why_no_sandbox() else "readOnly", "environment": {"FAKE_LOGIN": scenario},
                        "accounts": [{"name": name} for name in accounts or ("one",)]}],
            "keys": [{"name": "bob", "value": BOB}],
        })
    return begin


def call(gateway, method, path="", body=None, key=None):
    request = gateway.call(f"/api/agents/team/login{path}", body, method=method, key=key or gateway.key)
    return asyncio.run(request)


def login(gateway, account=None):
    response = call(gateway, "POST", body={"account": account} if account else {})
    assert response.status == 202, response.body
    assert response.headers["cache-control"] == "no-store"
    return response.json()


def status(gateway, account=None):
    response = call(gateway, "GET", f"?account={account}" if account else "")
    assert response.status == 200, response.body
    return response.json()


def reaches(gateway, *states, account=None):
    def look():
        now = status(gateway, account)
        return now if now["state"] in states else None
    return eventually(look, 20, f"a login that is {states}")


def code(response):
    """The code of an error of the native API."""
    return response.error["code"].lower()


def ask(gateway):
    return asyncio.run(gateway.chat("team"))


def is_over(gateway):
    """Nothing is left: no process, no descriptor, no directory of a run."""
    eventually(lambda: not gateway.children(), 15, "the end of all processes")
    gateway.await_baseline()
    runs = gateway.data / "runs"
    eventually(lambda: not [name for name in os.listdir(runs) if name.startswith("run-")], what="no directory of a run")


def test_a_code_is_brought_back_and_the_account_serves(begin):
    gateway = begin("box")
    assert ask(gateway).error["code"] == "agent_not_authenticated"
    assert login(gateway)["state"] == "starting"
    waiting = reaches(gateway, "waiting")
    assert waiting["style"] == "code" and waiting["problem"] is None and waiting["user_code"] is None
    source = LOGINCLI.read_text()
    assert waiting["url"].startswith("https://claude.ai/oauth/authorize?") and waiting["url"].endswith("&state=x~1")
    assert " " not in waiting["url"] and all(part in source for part in waiting["url"].split("&"))
    assert 500 < waiting["seconds_left"] <= 600
    again = call(gateway, "POST", body={})
    assert (again.status, code(again)) == (400, "invalid_argument")
    assert call(gateway, "POST", "/code", {"code": "wrong-code-CANARY"}).json()["state"] == "verifying"
    refused = reaches(gateway, "waiting")
    assert refused["problem"] == "code_refused"
    assert call(gateway, "POST", "/code", {"code": GOOD}).status == 200
    done = reaches(gateway, "succeeded", "failed")
    assert done["state"] == "succeeded" and done["probed"] is True and done["url"] is None
    answer = ask(gateway)
    assert answer.status == 200, "the account is back without a reset"
    is_over(gateway)
    log = gateway.log_file.read_text()
    for secret in [GOOD, "wrong-code-CANARY", "sk-fake-login-CANARY"]:
        assert secret not in log + json.dumps(done) + json.dumps(refused)
    assert "client_id" not in log and "Welcome" not in log
    file = gateway.data / "accounts/team/one/.claude/.credentials.json"
    assert "CANARY" in file.read_text()


def test_a_device_shows_its_code(begin):
    gateway = begin("device", "one", "two", kind="codex")
    missing = call(gateway, "POST", body={})
    assert (missing.status, code(missing), missing.error["details"]["param"]) == (400, "missing_field", "account")
    login(gateway, "one")
    login(gateway, "two")
    shown = reaches(gateway, "waiting", account="two")
    assert (shown["style"], shown["url"]) == ("device", "https://auth.openai.com/codex/device")
    assert eventually(lambda: status(gateway, "two")["user_code"], what="the code") == "ABCD-12345"
    assert call(gateway, "POST", "/code", {"account": "two", "code": "x"}).status == 400
    (gateway.data / "accounts/team/two/approved").write_text("")
    assert reaches(gateway, "succeeded", "failed", account="two")["state"] == "succeeded"
    assert status(gateway, "one")["state"] == "waiting", "each account by itself"
    assert not (gateway.data / "accounts/team/one/.codex").exists()
    assert call(gateway, "POST", "/cancel", {"account": "one"}).json()["state"] == "cancelled"
    is_over(gateway)


@pytest.mark.parametrize("scenario, problem", [
    ("dies", "no_url"), ("lies", "not_signed_in"), ("flood", "too_much_output")])
def test_a_login_that_goes_wrong_says_how(begin, scenario, problem):
    gateway = begin(scenario)
    login(gateway)
    ended = reaches(gateway, "failed", "succeeded")
    assert (ended["state"], ended["problem"]) == ("failed", problem)
    is_over(gateway)
    login(gateway)
    reaches(gateway, "failed")


@pytest.mark.parametrize("scenario", ["hang", "silent", "foreign"])
def test_a_program_that_will_not_end_is_ended(begin, scenario):
    gateway = begin(scenario)
    login(gateway)
    if scenario == "silent":
        reaches(gateway, "waiting")
    else:
        eventually(lambda: len(gateway.children()) >= 3, what="the program and its child")
        assert status(gateway)["url"] is None
    cancelled = call(gateway, "POST", "/cancel", {})
    assert cancelled.json()["state"] == "cancelled"
    is_over(gateway)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_logins_end_with_the_gateway(begin, number):
    gateway = begin("silent")
    login(gateway)
    reaches(gateway, "waiting")
    children = gateway.children()
    assert children
    gateway.ended_by_test = True
    gateway.signal(number)
    assert gateway.wait() == (0 if number == signal.SIGTERM else -number)
    eventually(lambda: not [pid for pid in children if pathlib.Path(f"/proc/{pid}").exists()], 5, "their end")


def test_only_operators_lead_logins(begin):
    gateway = begin("box")
    for method, path, body in [("POST", "", {}), ("GET", "", None), ("POST", "/code", {"code": "x"}), ("POST", "/cancel", {})]:
        assert call(gateway, method, path, body, key=BOB).status == 403
        assert call(gateway, method, path, body, key="sk-nobody").status == 401
    assert call(gateway, "GET").status == 404, "none was begun"
    assert call(gateway, "POST", "/code", {"code": "x", "codes": 1}).error["details"]["param"] == "codes"
    assert code(call(gateway, "POST", "/code", {})) == "missing_field"
    assert call(gateway, "POST", body={"account": "nobody"}).status == 404
    assert code(call(gateway, "POST", body={"account": 7})) == "invalid_value"
    other = asyncio.run(gateway.call("/api/agents/nobody/login", {}))
    assert other.status == 404
    broken = asyncio.run(gateway.call("/api/agents/team/login/code", b'{"code":"broken-CANARY'))
    assert broken.status == 400 and b"CANARY" not in broken.body


def test_an_account_is_added_in_a_terminal(tmp_path, bin):
    """`gatehouse agents add-account`: the vendor's program has the operator's own terminal."""
    extra = {"PATH": f"{bin}:/usr/bin:/bin", "FAKE_LOGIN": "box"}
    config = tmp_path / "gatehouse.yaml"
    config.write_text(json.dumps({"agents": [
        {"name": "claude", "environment": {"FAKE_LOGIN": "box"}, "accounts": [{"name": "work"}]}]}))
    ours, theirs = pty.openpty()
    command = [str(BINARY), "agents", "add-account", "claude", "work", "--data-dir", str(tmp_path / "data"),
               "--config", str(config)]
    process = subprocess.Popen(command, env=environment(tmp_path, extra), stdin=theirs, stdout=theirs, stderr=theirs,
                               start_new_session=True, preexec_fn=lambda: _take_terminal(theirs))
    os.close(theirs)
    text = _read_until(ours, "Paste code here > ")
    assert str(tmp_path / "data/accounts/claude/work") in text and "https://claude.ai/oauth" in text
    os.write(ours, f"{GOOD}\r".encode())
    text = _read_until(ours, "is logged in.")
    assert process.wait(20) == 0, text
    os.close(ours)
    home = tmp_path / "data/accounts/claude/work"
    assert home.stat().st_mode & 0o777 == 0o700 and (home / ".claude/.credentials.json").exists()


def _take_terminal(descriptor):
    import fcntl
    import termios
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


def _read_until(descriptor, what):
    text = b""
    while what.encode() not in text:
        ready, _, _ = select.select([descriptor], [], [], 20)
        assert ready, text.decode(errors="replace")
        try:
            text += os.read(descriptor, 4096)
        except OSError:
            break
    assert what.encode() in text, text.decode(errors="replace")
    return text.decode(errors="replace")


@pytest.mark.parametrize("arguments, words", [
    (["claude", "../x"], "an account's name"), (["nobody", "work"], "there is no agent"),
])
def test_what_cannot_be_added_says_why(tmp_path, arguments, words):
    result = subprocess.run([str(BINARY), "agents", "add-account", *arguments, "--data-dir", str(tmp_path / "data")],
                            env=environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert result.returncode == 69 and words in result.stderr
    assert not (tmp_path / "x").exists()


def test_the_doctor_looks_at_each_account(tmp_path, bin):
    """By the CLI's own word, in the home of the account."""
    config = tmp_path / "gatehouse.yaml"
    config.write_text(json.dumps({"agents": [{
        "name": "team", "kind": "claude", "command": str(bin / "claude"),
        "sandbox": "off" if why_no_sandbox() else "readOnly", "accounts": [{"name": "in"}, {"name": "out"}]}]}))
    for name in ["in", "out"]:
        home = tmp_path / "data/accounts/team" / name
        home.mkdir(parents=True)
        for folder in [home, *list(home.parents)[:3]]:
            folder.chmod(0o700)
    (tmp_path / "data/accounts/team/in/.claude").mkdir()
    (tmp_path / "data/accounts/team/in/.claude/.credentials.json").write_text("{}")
    result = subprocess.run(
        [str(BINARY), "doctor", "--json", "--config", str(config), "--data-dir", str(tmp_path / "data")],
        env=environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    found = {(one["subject"], one["check"]): one["result"] for one in json.loads(result.stdout)["findings"]}
    assert found["agent team, account in", "login"] == "ok", found
    assert found["agent team, account out", "login"] == "broken"
