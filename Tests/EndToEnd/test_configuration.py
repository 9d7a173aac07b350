"""Configuration as an operator meets it: what is refused and how, what is printed, and what a reload does."""
import asyncio
import os
import signal
import socket
import subprocess

import pytest

from harness.agents import FakeAgents
from harness.gateway import BINARY, environment, eventually, run
from harness.wire import read_head

SECRETS = {"OPENAI_API_KEY": "sk-hidden-openai-1", "CI_KEY": "sk-hidden-ci-2"}


def refused(arguments, home, *telling, extra=None, code=78):
    """Runs a command that must be refused: the exit code, one line for each of `telling`, and no trace left."""
    result = run(arguments, home, extra)
    assert result.returncode == code, result.stderr + result.stdout
    lines = result.stderr.strip().splitlines()
    assert len(lines) == len(telling), result.stderr
    for line, words in zip(lines, telling, strict=True):
        for word in words:
            assert word in line, f"{word!r} is not in {line!r}"
    assert result.stdout == ""
    return result


def file(tmp_path, text):
    path = tmp_path / "gatehouse.yaml"
    path.write_text(text)
    return path


REFUSED = [
    # what is wrong, the file, a list of what each line of the refusal must hold
    ("public bind", "server: { host: 0.0.0.0 }\n", [["server.host", "0.0.0.0", "server.tls", "allowPlaintext"]]),
    ("public bind, IPv6", "server: { host: '::' }\n", [["server.host", "::", "server.tls"]]),
    ("empty secret", 'keys: [ { name: ci, value: "" } ]\n', [["keys[0].value", "empty"]]),
    ("empty provider key", "providers:\n  - name: openai\n    keys: [ { value: '' } ]\n",
     [["providers[0].keys[0].value", "empty", "line 3"]]),
    ("unset variable", 'keys: [ { name: ci, value: "${NOWHERE_SET}" } ]\n', [["keys[0].value", "NOWHERE_SET"]]),
    ("unknown section", "sever: {}\n", [["sever", 'did you mean "server"?', "line 1"]]),
    ("unknown key", "server:\n  prot: 80\n", [["server.prot", 'did you mean "port"?', "line 2"]]),
    ("unknown key in a list", "providers:\n  - name: openai\n    basURL: x\n",
     [["providers[0].basURL", 'did you mean "baseURL"?', "line 3"]]),
    ("unknown kind", "providers: [ { name: a, kind: opnai } ]\n", [["providers[0].kind", 'did you mean "openai"?']]),
    ("wrong type", "server: { port: many }\n", [["server.port", '"many"', "65535"]]),
    ("plain HTTP to elsewhere", "providers: [ { name: a, kind: openai, baseURL: 'http://example.com' } ]\n",
     [["providers[0].baseURL", "https", "allowPlaintext"]]),
    ("unknown target", "models: [ { name: fast, targets: [ { provider: opnai, model: x } ] } ]\n",
     [["models[0].targets[0].provider", '"opnai"']]),
    ("twice the same name", "providers: [ { name: openai }, { name: openai } ]\n", [["providers[1].name", "openai"]]),
    ("several at once", "server: { prot: 1 }\nlogging: { level: loud }\n",
     [["server.prot", "line 1"], ["logging.level", '"loud"', "line 2"]]),
    ("not there yet", "storage: { url: 'postgres://gatehouse@db/gatehouse' }\n", [["storage.url"]]),
    ("an ending that is none", "files: { extensions: [.txt, PDF] }\n", [["files.extensions[1]", '"PDF"', ".txt"]]),
    ("files elsewhere", "files: { url: 's3:bucket' }\n", [["files.url", '"s3:bucket"']]),
    ("a home for two", "agents: [ { name: claude, home: /srv/a }, { name: codex, accounts: [ { name: b, home: /srv/a } ] } ]\n",
     [["agents[1].accounts[0].home", "claude"]]),
    ("a certificate that is none", "server: { tls: { certificate: /dev/null, key: /dev/null } }\n", [["server.tls"]]),
    ("not YAML", "server: { port: 1\n", [["gatehouse.yaml"]]),
    ("a list instead of a map", "- 1\n", [["group"]]),
]


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("text, telling", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_wrong_file_is_refused_with_78(tmp_path, command, text, telling):
    data = tmp_path / "data"
    refused([command, "--config", file(tmp_path, text), "--data-dir", data], tmp_path, *telling)
    assert not data.exists(), "nothing is made by a command that refuses"


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o770])
def test_a_data_directory_that_others_may_enter_is_refused(tmp_path, command, mode):
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(mode)
    refused([command, "--data-dir", data], tmp_path, [str(data), f"{mode:04o}", "chmod 700"])


@pytest.mark.parametrize("command", ["check", "serve"])
def test_an_admin_key_that_others_may_read_is_refused(tmp_path, command):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "admin.key").write_text("gh-admin-0123456789abcdef0123456789abcdef\n")
    (data / "admin.key").chmod(0o644)
    result = refused([command, "--data-dir", data], tmp_path, ["admin.key", "0644"])
    assert "0123456789" not in result.stderr


def test_a_file_that_is_not_there_is_refused(tmp_path):
    refused(["check", "--config", tmp_path / "absent.yaml"], tmp_path, ["absent.yaml"])


def test_a_variable_nobody_knows_is_refused(tmp_path):
    refused(["check"], tmp_path, ["GATEHOUSE_SERVER_PROT", "GATEHOUSE_SERVER_PORT"],
            extra={"GATEHOUSE_SERVER_PROT": "80"})


def test_wrong_usage_is_64(tmp_path):
    for arguments in [["frob"], ["serve", "--port", "many"], ["serve", "--frob"], ["check", "extra"]]:
        result = run(arguments, tmp_path)
        assert result.returncode == 64, arguments
        assert "Usage" in result.stderr


FULL = """
server: { port: 8181 }
providers:
  - name: openai
    keys: [ { name: main, value: "${OPENAI_API_KEY}" } ]
    headers: { X-Team: sk-hidden-header-3 }
agents:
  - { name: mine, kind: custom, command: [/bin/cat], environment: { TOKEN: sk-hidden-token-4 } }
keys:
  - { name: ci, value: "${CI_KEY}", models: ["openai/*"] }
"""


def test_check_prints_what_is_in_force_without_secrets(tmp_path):
    result = run(["check", "--config", file(tmp_path, FULL), "--data-dir", tmp_path / "data"], tmp_path, SECRETS)
    assert result.returncode == 0, result.stderr
    assert "hidden" not in result.stdout + result.stderr
    assert result.stdout.count("<redacted>") == 4
    for line in ["port: 8181", "host: 127.0.0.1", "- name: openai", "- name: mine", "- name: ci",
                 'models: ["openai/*"]']:
        assert line in result.stdout, line
    assert not (tmp_path / "data").exists()


def test_what_check_prints_is_a_configuration(tmp_path):
    first = run(["check", "--config", file(tmp_path, FULL)], tmp_path, SECRETS).stdout
    again = tmp_path / "again.yaml"
    # The redacted values stand for secrets that must each be a different one.
    for number in range(first.count("<redacted>")):
        first = first.replace("<redacted>", f"secret-{number}", 1)
    again.write_text(first)
    result = run(["check", "--config", again], tmp_path)
    assert result.returncode == 0, result.stderr
    for number in range(4):
        first = first.replace(f"secret-{number}", "<redacted>")
    assert result.stdout == first


def setting(tmp_path, name, arguments=(), extra=None):
    result = run(["check", "--config", file(tmp_path, "server: { port: 8181, drain: 5s }\n"), *arguments], tmp_path,
                 extra)
    assert result.returncode == 0, result.stderr
    return next(line.split(": ", 1)[1] for line in result.stdout.splitlines() if line.strip().startswith(f"{name}:"))


def test_variables_are_over_the_file(tmp_path):
    assert setting(tmp_path, "port") == "8181"
    assert setting(tmp_path, "port", extra={"GATEHOUSE_SERVER_PORT": "9191"}) == "9191"
    assert setting(tmp_path, "drain", extra={"GATEHOUSE_SERVER_PORT": "9191"}) == "5s"
    (tmp_path / "port").write_text("9292\n")
    assert setting(tmp_path, "port", extra={"GATEHOUSE_SERVER_PORT_FILE": str(tmp_path / "port")}) == "9292"


def test_a_secret_may_come_from_a_file(start, tmp_path):
    (tmp_path / "ci").write_text("sk-from-a-file-5\n")
    gateway = start('keys: [ { name: ci, value: "${CI_KEY}" } ]\n', env={"CI_KEY_FILE": str(tmp_path / "ci")})
    assert asyncio.run(gateway.call("/v1/models", key="sk-from-a-file-5")).status == 200
    assert asyncio.run(gateway.call("/v1/models", key="sk-from-a-file-6")).status == 401


def test_options_are_over_variables(tmp_path):
    """The variable's port is taken, so that only the option's can work."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environ = environment(tmp_path, {"GATEHOUSE_SERVER_PORT": str(port)})
        process = subprocess.Popen([BINARY, "serve", "--port", "0", "--data-dir", tmp_path / "data"], env=environ,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            line = process.stdout.readline()
            assert "listens on" in line and f":{port}" not in line
        finally:
            process.terminate()
            process.communicate()
        assert process.returncode == 0
        busy = run(["serve", "--data-dir", tmp_path / "data"], tmp_path, {"GATEHOUSE_SERVER_PORT": str(port)})
        assert busy.returncode == 69
        assert "in use" in busy.stderr and str(port) in busy.stderr


# Reload

def reload(gateway, words="Configuration reloaded"):
    """SIGHUP, and the log's answer to it."""
    seen = gateway.log_file.read_text().count(words)
    gateway.signal(signal.SIGHUP)
    eventually(lambda: gateway.log_file.read_text().count(words) > seen, what=f"log with {words!r}")


def status(gateway, model, key):
    async def look():
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
        return await gateway.call("/v1/chat/completions", body, key=key)

    response = asyncio.run(look())
    return response.status if response.status == 200 else (response.status, response.error["code"])


def aliased(faultd, name, key):
    return {"providers": [faultd.provider()],
            "models": [{"name": name, "targets": [{"provider": "fault", "model": "whole"}]}],
            "keys": [{"name": "ci", "value": key, "models": [name]}]}


def test_a_reload_applies_models_and_keys(start, faultd):
    gateway = start(aliased(faultd, "old", "sk-old-key"))
    assert status(gateway, "old", "sk-old-key") == 200
    assert status(gateway, "new", gateway.key) == (404, "model_not_found")
    gateway.configure(aliased(faultd, "new", "sk-new-key"))
    assert status(gateway, "old", "sk-old-key") == 200, "nothing changes before the signal"
    reload(gateway)
    assert status(gateway, "new", "sk-new-key") == 200
    assert status(gateway, "new", "sk-old-key") == (401, "invalid_api_key")
    assert status(gateway, "old", gateway.key) == (404, "model_not_found")


@pytest.mark.parametrize("broken, telling", [
    ("server: { prot: 1 }\n", "server.prot"),
    ("providers: [\n", "gatehouse.yaml"),
    ('keys: [ { name: ci, value: "" } ]\n', "keys[0].value"),
    (None, "gatehouse.yaml"),
], ids=["unknown key", "not YAML", "empty secret", "no file"])
def test_a_broken_file_keeps_the_last_good_one(start, faultd, broken, telling):
    gateway = start(aliased(faultd, "old", "sk-old-key"))
    if broken is None:
        gateway.config_file.unlink()
    else:
        gateway.configure(broken)
    reload(gateway, "Configuration not reloaded")
    assert telling in gateway.log_file.read_text()
    assert "sk-old-key" not in gateway.log_file.read_text()
    assert status(gateway, "old", "sk-old-key") == 200
    gateway.configure(aliased(faultd, "mended", "sk-old-key"))
    reload(gateway)
    assert status(gateway, "mended", "sk-old-key") == 200


def test_a_running_call_keeps_the_configuration_it_began_with(start, faultd, tmp_path):
    agents = FakeAgents(tmp_path / "fakes")
    gate = agents.gate()
    config = {**aliased(faultd, "old", "sk-old-key"), "agents": [agents.configuration("custom", "mine")]}
    gateway = start(config)
    mark, prompt = agents.run(lines=["first"], gate=gate, then=["second"])
    user = faultd.user()

    async def stream(body):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(gateway.request("/v1/chat/completions", {**body, "stream": True}))
        assert (await read_head(reader)).status == 200
        return reader, writer

    async def look():
        async with asyncio.timeout(30):
            agent, agent_writer = await stream({
                "model": "mine", "messages": [{"role": "user", "content": prompt}]})
            await asyncio.to_thread(agents.notes, mark)
            provider, provider_writer = await stream({
                "model": "fault/words~drip@250", "user": user, "messages": [{"role": "user", "content": "x"}]})
            gateway.configure({"keys": []})
            await asyncio.to_thread(reload, gateway)
            assert not faultd.entry(user).get("sent"), "the stream runs on while the configuration changes"
            refused = await gateway.chat("fault/words")
            await asyncio.to_thread(lambda: os.close(os.open(gate, os.O_WRONLY)))
            answers = [await agent.readuntil(b"\r\n0\r\n\r\n"), await provider.readuntil(b"\r\n0\r\n\r\n")]
            agent_writer.close()
            provider_writer.close()
            return refused, answers

    refused, (from_agent, from_provider) = asyncio.run(look())
    assert (refused.status, refused.error["code"]) == (404, "model_not_found")
    assert b"second" in from_agent and b"data: [DONE]" in from_agent
    assert "🌍".encode() in from_provider and b"data: [DONE]" in from_provider
    # The provider is gone from the configuration: what its last answer came over has no further use.
    faultd.wait(user, "closed")


def test_a_reload_without_a_file_changes_nothing(start):
    gateway = start()
    reload(gateway)
    assert status(gateway, "gatehouse/echo", gateway.key) == 200
