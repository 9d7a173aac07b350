"""`gatehouse agents record`: a transcript of one run, without secrets, that tests could read as one of theirs."""
import json
import os
import stat

import pytest

from harness.agents import FakeAgents
from harness.gateway import run

SECRET = "swordfish-of-the-house"
TOKEN = "sk-live-0123456789abcdefghijklmnop"


@pytest.fixture
def agents(tmp_path):
    return FakeAgents(tmp_path / "agents")


@pytest.fixture
def record(tmp_path, agents):
    def record(configuration, prompt, *arguments, env=None):
        (tmp_path / "gatehouse.yaml").write_text(json.dumps({"agents": [configuration]}))
        command = ["agents", "record", configuration["name"], "--prompt", prompt,
                   "--config", tmp_path / "gatehouse.yaml", "--data-dir", tmp_path / "data", *arguments]
        return run(command, tmp_path, extra=env, timeout=60)

    return record


def test_a_run_and_what_was_made_of_it(record, agents, tmp_path):
    lines = [{"type": "thread.started", "thread_id": "t-1"},
             {"type": "item.completed", "item": {"id": "1", "type": "agent_message", "text": "All is well."}},
             {"type": "turn.completed", "usage": {"input_tokens": 3, "output_tokens": 4}}]
    _, prompt = agents.run(lines=lines, stderr="a word beside\n")
    outcome = record(agents.configuration("codex"), prompt, "--output", tmp_path / "codex.json")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout == "" and "a whole answer" in outcome.stderr
    file = tmp_path / "codex.json"
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    transcript = json.loads(file.read_text())
    assert transcript["agent"] == "codex"
    assert transcript["argv"][1:] == ["exec", "--json", "--skip-git-repo-check", "--ephemeral", "--color", "never",
                                      "-s", "read-only", "-"]
    assert transcript["stdin"] == "<prompt>"
    assert [json.loads(line) for line in transcript["stdout_lines"]] == lines
    assert transcript["stderr_lines"] == ["a word beside"]
    assert len(transcript["stdout_ms"]) == 3 and transcript["stdout_ms"] == sorted(transcript["stdout_ms"])
    assert (transcript["exit_code"], transcript["signal"], transcript["cut"]) == (0, None, False)
    assert transcript["events"] == [
        {"type": "started", "model": None, "session": "t-1"}, {"type": "text", "text": "All is well."}]
    assert transcript["result"]["finished"] == "stop"
    assert transcript["result"]["usage"]["output"] == 4
    assert "PATH" in transcript["environment"]


def test_a_failure_is_recorded_as_well(record, agents):
    _, prompt = agents.run(stderr="error: something broke\n", exit=3)
    outcome = record(agents.configuration("codex"), prompt)
    assert outcome.returncode == 0
    transcript = json.loads(outcome.stdout)
    assert transcript["exit_code"] == 3
    assert transcript["result"]["failed"] == "failed"
    assert "something broke" in transcript["result"]["detail"]


def test_secrets_are_taken_out(record, agents, tmp_path):
    text = f"{SECRET} {TOKEN} ann@mail.example.org {tmp_path}/.codex the rest"
    _, prompt = agents.run(lines=[{"type": "item.completed", "item": {"id": "1", "type": "agent_message", "text": text}},
                                  {"type": "turn.completed"}], stderr=f"OPENAI_API_KEY={TOKEN}\n")
    outcome = record(agents.configuration("codex", environment={"PLAIN": SECRET}), prompt, env={"OPENAI_API_KEY": TOKEN})
    assert outcome.returncode == 0, outcome.stderr
    for word in [SECRET, TOKEN, "ann@", str(tmp_path)]:
        assert word not in outcome.stdout, word
    transcript = json.loads(outcome.stdout)
    [event] = [event for event in transcript["events"] if event["type"] == "text"]
    assert event["text"] == "<secret> <secret> <email> <home>/.codex the rest"
    assert transcript["stderr_lines"] == ["OPENAI_API_KEY=<secret>"]


def test_the_prompt_does_not_stand_in_the_arguments(record, agents):
    _, prompt = agents.run(lines=["irrelevant"])
    outcome = record(agents.configuration("agy"), prompt)
    argv = json.loads(outcome.stdout)["argv"]
    assert argv[-2:] == ["-p", "<prompt>"]


def test_an_existing_file_stays(record, agents, tmp_path):
    _, prompt = agents.run(lines=["irrelevant"])
    (tmp_path / "there").write_text("mine")
    outcome = record(agents.configuration("codex"), prompt, "-o", tmp_path / "there")
    assert outcome.returncode == 74
    assert (tmp_path / "there").read_text() == "mine"


def test_an_unknown_agent_is_wrong_use(tmp_path):
    outcome = run(["agents", "record", "nobody", "--data-dir", tmp_path / "data"], tmp_path)
    assert outcome.returncode == 64
    assert "nobody" in outcome.stderr
