"""`gatehouse doctor`: what is configured is tried out, and what is broken said with what to do."""
import json
import os
import pathlib

import pytest

from harness.gateway import run
from harness.sandbox import need_sandbox, why_no_sandbox

SECRET = "sk-test-0123456789abcdefghij"
SANDBOX = {"sandbox": "off"} if why_no_sandbox() else {}

#: A CLI under any name: it knows its version, its login, and whether it is to hang.
TOOL = """#!/usr/bin/python3 -IS
import os, sys, time
mode = {mode!r}
if sys.argv[1:] == ["--version"]:
    if mode == "hangs":
        os.fork()
        time.sleep(600)
    if mode == "fails":
        sys.exit("it cannot find its own parts, and tells {secret}")
    print({version!r})
elif sys.argv[1:] in (["login", "status"], ["auth", "status"], ["status"]):
    print("Logged in" if mode == "in" else "Not logged in", file=sys.stderr)
    sys.exit(0 if mode == "in" else 1)
else:
    sys.stdin.read()
    print('{{"type":"thread.started","thread_id":"t"}}')
    print('{{"type":"item.completed","item":{{"id":"1","type":"agent_message","text":"ready"}}}}')
    print('{{"type":"turn.completed","usage":{{"input_tokens":3,"output_tokens":1}}}}')
"""


@pytest.fixture
def examine(tmp_path):
    """Writes a configuration and asks the doctor; gives the exit code, the findings and all that was said."""

    def examine(config, *arguments, data="data", extra=None):
        (tmp_path / "gatehouse.yaml").write_text(json.dumps(config))
        command = ["doctor", "--json", "--config", tmp_path / "gatehouse.yaml", "--data-dir", tmp_path / data, *arguments]
        outcome = run(command, tmp_path, extra=extra, timeout=120)
        assert SECRET not in outcome.stdout + outcome.stderr
        document = json.loads(outcome.stdout) if outcome.stdout else {"findings": []}
        found = {(finding["subject"], finding["check"]): finding for finding in document["findings"]}
        return outcome, found

    return examine


@pytest.fixture
def tool(tmp_path):
    def tool(kind, mode, version="0.144.1", **more):
        folder = tmp_path / f"tool-{kind}-{mode}"
        folder.mkdir(exist_ok=True)
        path = folder / kind
        path.write_text(TOOL.format(mode=mode, version=version, secret=SECRET))
        path.chmod(0o755)
        return {"name": f"{kind}-{mode}", "kind": kind, "command": str(path), **SANDBOX, **more}

    return tool


def test_nothing_configured_is_nothing_broken(examine, tmp_path):
    outcome, found = examine({})
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert json.loads(outcome.stdout)["healthy"] is True
    assert found["data directory", "access"]["result"] == "ok"
    assert not (tmp_path / "data").exists(), "a doctor makes nothing"


def test_a_table_for_people(tmp_path):
    outcome = run(["doctor", "--data-dir", tmp_path / "data"], tmp_path)
    assert outcome.returncode == 0
    lines = outcome.stdout.splitlines()
    assert lines[0].split() == ["SUBJECT", "CHECK", "RESULT", "DETAIL"]
    assert lines[-1].split()[1:] == ["checks,", "0", "broken,", lines[-1].split()[4], "worth", "knowing"]


def test_a_broken_configuration_is_told_as_everywhere(examine):
    outcome, _ = examine({"servr": {}})
    assert outcome.returncode == 78
    assert "servr" in outcome.stderr


def test_a_data_directory_that_others_may_enter_is_broken(examine, tmp_path):
    (tmp_path / "data").mkdir(mode=0o755)
    os.chmod(tmp_path / "data", 0o755)
    outcome, found = examine({})
    assert outcome.returncode == 1
    assert found["data directory", "access"]["result"] == "broken"


def test_agents_are_looked_at_as_their_runs_would_be(examine, tool):
    agents = [tool("codex", "in"), tool("claude", "out", "2.1.207 (Claude Code)"), tool("agy", "old", "1.0.3"),
              tool("cursor-agent", "in", "2027.01.01-abc")]
    outcome, found = examine({"agents": agents})
    assert outcome.returncode == 1
    assert [found["agent codex-in", check]["result"] for check in ["path", "version", "login", "answer"]] == [
        "ok", "ok", "ok", "skipped"]
    login = found["agent claude-out", "login"]
    assert login["result"] == "broken" and "claude auth login" in login["advice"]
    assert found["agent agy-old", "version"]["result"] == "broken"
    newer = found["agent cursor-agent-in", "version"]
    assert newer["result"] == "notice" and "2026.1.28" in newer["detail"]
    if not why_no_sandbox():
        assert found["agent codex-in", "sandbox"]["detail"] == "readOnly+network"


def test_each_account_is_asked_for_its_own_login(examine, tool, tmp_path):
    homes = {name: tmp_path / f"home-{name}" for name in ["work", "open"]}
    homes["work"].mkdir(mode=0o700)
    homes["open"].mkdir()
    os.chmod(homes["open"], 0o755)
    accounts = [{"name": name, "home": str(home)} for name, home in homes.items()]
    accounts.append({"name": "none", "home": str(tmp_path / "nowhere")})
    outcome, found = examine({"agents": [tool("codex", "in", accounts=accounts)]})
    assert outcome.returncode == 1
    results = {name: found[f"agent codex-in, account {name}", "login"]["result"] for name in ["work", "open", "none"]}
    assert results == {"work": "ok", "open": "broken", "none": "broken"}
    assert "chmod 700" in found["agent codex-in, account open", "login"]["detail"]


def test_one_that_is_missing_says_how_to_install_it(examine):
    outcome, found = examine({"agents": [{"name": "codex", "kind": "codex", "command": "/nowhere/codex"}]})
    assert outcome.returncode == 1
    assert "npm install" in found["agent codex", "path"]["advice"]


def test_one_that_fails_is_broken_and_secrets_stay_secret(examine, tool):
    outcome, found = examine({"agents": [tool("codex", "fails", environment={"OWN_TOKEN": SECRET})]})
    version = found["agent codex-fails", "version"]
    assert outcome.returncode == 1 and version["result"] == "broken"
    assert "<secret>" in version["detail"] and "exit 1" in version["detail"]


def test_one_that_hangs_is_ended_with_its_children(examine, tool):
    hanging = tool("codex", "hangs")
    outcome, found = examine({"agents": [hanging]}, "--timeout", "1")
    assert outcome.returncode == 1
    assert found["agent codex-hangs", "version"]["detail"].startswith("timeout")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            assert hanging["command"].encode() not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue


def test_with_run_it_asks_for_a_word(examine, tool):
    outcome, found = examine({"agents": [tool("codex", "in")]}, "--run")
    assert outcome.returncode == 0, outcome.stdout
    assert found["agent codex-in", "answer"] == {
        "subject": "agent codex-in", "check": "answer", "result": "ok", "detail": "5 bytes of text, usage told",
        "advice": None}


def test_a_sandbox_that_hides_what_the_program_needs_is_found(examine, tmp_path, tool):
    """The program works outside, and is missing something inside: only a look from inside can tell."""
    need_sandbox()
    agent = tool("codex", "in")
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    (secret / "part").write_text("")
    path = pathlib.Path(agent["command"])
    path.write_text(path.read_text().replace("mode = ", f"open({str(secret / 'part')!r})\nmode = "))
    _, found = examine({"agents": [agent]})
    version = found["agent codex-in", "version"]
    assert version["result"] == "broken" and "agents[].read" in version["advice"]
    _, found = examine({"agents": [{**agent, "read": [str(secret)]}]})
    assert found["agent codex-in", "version"]["result"] == "ok"


def test_providers_are_asked_for_their_models(examine, faultd):
    import socket

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()[1]
    provider = {"name": "gone", "kind": "openai-compatible", "baseURL": f"http://127.0.0.1:{nobody}",
                "keys": [{"name": "main", "value": SECRET}]}
    outcome, found = examine({"providers": [provider]})
    assert outcome.returncode == 1
    assert found["provider gone", "connection"]["result"] == "broken"
