"""Configuration: what is refused and how it is told, what `check` shows, and reloading."""
import asyncio
import json
import os
import signal

import pytest

from harness import gateway as harness
from harness.gateway import eventually

SECRET = "sk-very-secret-0123456789"
PROVIDER = {"name": "p", "kind": "openai-compatible", "baseURL": "http://127.0.0.1:9/v1"}


def serve(tmp_path, config):
    """What `serve` says about a configuration that it must refuse."""
    file = tmp_path / "gatehouse.yaml"
    file.write_text(config if isinstance(config, str) else json.dumps(config))
    return harness.run(["serve", "--config", file, "--data-dir", tmp_path / "data"], tmp_path, timeout=10)


REFUSED = {
    "public bind": ({"server": {"host": "0.0.0.0"}}, "server.host"),
    "public bind of IPv6": ({"server": {"host": "::"}}, "server.host"),
    "public name": ({"server": {"host": "example.com"}}, "server.host"),
    "a certificate without key": ({"server": {"tls": {"certificate": "/x.pem"}}}, "server.tls.key"),
    "empty key": ({"keys": [{"name": "a", "value": ""}]}, "keys[0].value"),
    "empty key of a provider": ({"providers": [PROVIDER | {"keys": [{"name": "a", "value": ""}]}]}, "providers[0].keys[0].value"),
    "unset variable": ({"keys": [{"name": "a", "value": "${NOT_THERE_AT_ALL}"}]}, "NOT_THERE_AT_ALL"),
    "the same key twice": ({"keys": [{"name": "a", "value": SECRET}, {"name": "b", "value": SECRET}]}, "keys[1].value"),
    "the same name twice": ({"providers": [PROVIDER, PROVIDER]}, "providers[1].name"),
    "unknown key": ({"sever": {}}, '"server"'),
    "unknown inner key": ({"server": {"prot": 80}}, "port"),
    "unknown key of a provider": ({"providers": [PROVIDER | {"baseUrl": "x"}]}, "baseURL"),
    "unknown kind": ({"providers": [PROVIDER | {"kind": "opanai"}]}, "openai"),
    "a target that is not there": (
        {"providers": [PROVIDER], "models": [{"name": "m", "targets": [{"provider": "q", "model": "x"}]}]},
        "models[0].targets[0].provider"),
    "a port that is none": ({"server": {"port": 99999}}, "server.port"),
    "a word for a number": ({"server": {"port": "many"}}, "server.port"),
    "a duration that is none": ({"server": {"drain": "10 parsecs"}}, "server.drain"),
    "a size that is none": ({"server": {"limits": {"body": "16 hogsheads"}}}, "server.limits.body"),
    "plain HTTP to elsewhere": ({"providers": [PROVIDER | {"baseURL": "http://example.com"}]}, "providers[0].baseURL"),
    "no URL": ({"providers": [PROVIDER | {"baseURL": "ftp://example.com"}]}, "providers[0].baseURL"),
    "credentials in a URL": ({"providers": [PROVIDER | {"baseURL": "https://u:p@example.com"}]}, "providers[0].baseURL"),
    "any origin": ({"server": {"cors": {"origins": ["*"]}}}, "server.cors.origins"),
    "a custom agent without command": ({"agents": [{"name": "a", "kind": "custom"}]}, "agents[0].command"),
    "no YAML": ("server: [", ""),
    "a list": ("- a", ""),
    "a key twice": ("server: {}\nserver: {}\n", "server"),
    "a bomb of aliases": ("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", ""),
}


@pytest.mark.parametrize(("config", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(tmp_path, config, told):
    result = serve(tmp_path, config)
    assert result.returncode == 78, result.stderr
    assert told in result.stderr
    assert SECRET not in result.stderr + result.stdout
    assert "listens" not in result.stdout
    assert not (tmp_path / "data/admin.key").exists(), "nothing is made before all is checked"


def test_all_problems_are_told_at_once(tmp_path):
    result = serve(tmp_path, {"server": {"host": "0.0.0.0", "prot": 1}, "keys": [{"name": "a", "value": ""}]})
    assert result.returncode == 78
    assert len(result.stderr.strip().splitlines()) == 3


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o777])
def test_a_data_directory_that_others_can_enter_is_refused(tmp_path, mode):
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(mode)
    result = serve(tmp_path, {})
    assert result.returncode == 78
    assert "data directory" in result.stderr and "chmod 700" in result.stderr
    assert list(data.iterdir()) == []


def test_a_file_that_is_not_there(tmp_path):
    result = harness.run(["serve", "--config", tmp_path / "none.yaml", "--data-dir", tmp_path / "data"], tmp_path)
    assert result.returncode == 78
    assert "none.yaml" in result.stderr


def test_wrong_usage_is_64(tmp_path):
    for arguments in (["serve", "--prot", "80"], ["sreve"], ["serve", "--port", "x"]):
        result = harness.run(arguments, tmp_path)
        assert result.returncode == 64, arguments
        assert result.stderr


def test_check_shows_what_is_in_force_without_secrets(tmp_path):
    secret_file = tmp_path / "key.txt"
    secret_file.write_text(SECRET + "-file\n")
    config = tmp_path / "gatehouse.yaml"
    config.write_text(
        "server: { port: 8090 }\n"
        "providers:\n  - name: p\n    kind: openai\n    keys: [ { name: main, value: \"${P_KEY}\" } ]\n"
        f"    headers: {{ x-secret: {SECRET}-header }}\n"
        f"keys: [ {{ name: ci, value: {SECRET}-literal }} ]\n")
    result = harness.run(["check", "--config", config], tmp_path,
                         {"P_KEY": SECRET + "-variable", "GATEHOUSE_SERVER_DRAIN": "7s"})
    assert result.returncode == 0, result.stderr
    assert SECRET not in result.stdout + result.stderr
    assert "8090" in result.stdout and "7s" in result.stdout
    assert "ci" in result.stdout and "main" in result.stdout
    broken = tmp_path / "broken.yaml"
    broken.write_text("server: { prot: 1 }\n")
    result = harness.run(["check", "--config", broken], tmp_path)
    assert result.returncode == 78
    assert "server.prot" in result.stderr and "port" in result.stderr


def test_variables_and_files_fill_in(start, tmp_path):
    config = {"keys": [{"name": "one", "value": "${ONE_KEY}"}, {"name": "two", "value": "${TWO_KEY}"}]}
    file = tmp_path / "two"
    file.write_text("key-number-two-0123456789abcdef\n")
    file.chmod(0o600)
    gateway = start(config, env={"ONE_KEY": "key-number-one-0123456789abcdef", "TWO_KEY_FILE": str(file),
                                 "GATEHOUSE_SERVER_LIMITS_BODY": "2KiB"})

    async def status(key, text="x"):
        return (await gateway.call("/v1/chat/completions", {
            "model": "gatehouse/echo", "messages": [{"role": "user", "content": text}]}, key=key)).status

    assert asyncio.run(status("key-number-one-0123456789abcdef")) == 200
    assert asyncio.run(status("key-number-two-0123456789abcdef")) == 200
    assert asyncio.run(status("key-number-one-0123456789abcdef", "x" * 4000)) == 413


# Keys and what they may


def test_a_key_may_only_what_it_says(start, faultd):
    gateway = start({"providers": [faultd.provider()],
                     "keys": [{"name": "narrow", "value": "gh-narrow-0123456789", "models": ["gatehouse/echo"]}],
                     "models": [{"name": "fast", "targets": [{"provider": "fault", "model": "whole"}]}]})

    async def ask(key, model):
        return await gateway.call("/v1/chat/completions", {
            "model": model, "messages": [{"role": "user", "content": "x"}]}, key=key)

    assert asyncio.run(ask("gh-narrow-0123456789", "gatehouse/echo")).status == 200
    for model in ("fault/whole", "fast"):
        refused = asyncio.run(ask("gh-narrow-0123456789", model))
        assert (refused.status, refused.error["code"]) == (403, "model_not_allowed")
    assert asyncio.run(ask(gateway.key, "fast")).status == 200
    for path in ("/metrics", "/health"):
        refused = asyncio.run(gateway.call(path, key="gh-narrow-0123456789"))
        assert (refused.status, refused.error["code"]) == (403, "permission_denied")
    names = [model["id"] for model in asyncio.run(gateway.call("/v1/models", key="gh-narrow-0123456789")).json()["data"]]
    assert names == ["gatehouse/echo"]


# Reload


def test_a_reload_applies_and_a_broken_one_does_not(start, faultd):
    def config(*names):
        return {"providers": [faultd.provider(name) for name in names],
                "keys": [{"name": name, "value": f"gh-reload-{name}-0123456789"} for name in names]}

    gateway = start(config("one"))

    async def status(name):
        response = await gateway.call("/v1/chat/completions", {
            "model": f"{name}/whole", "messages": [{"role": "user", "content": "x"}]}, key=f"gh-reload-{name}-0123456789")
        return response.status

    def reload(text, log):
        seen = gateway.log_file.read_text().count(log)
        gateway.configure(text)
        gateway.signal(signal.SIGHUP)
        eventually(lambda: gateway.log_file.read_text().count(log) > seen, what=log)

    assert asyncio.run(status("one")) == 200
    assert asyncio.run(status("two")) == 401
    reload(config("two"), "Configuration reloaded")
    assert eventually(lambda: asyncio.run(status("two")) == 200)
    assert asyncio.run(status("one")) == 401, "a key that is gone is refused at once"
    reload({"sever": {}}, "Configuration not reloaded")
    reload("server: [", "Configuration not reloaded")
    assert asyncio.run(status("two")) == 200
    assert "server" in gateway.log_file.read_text().split("Configuration not reloaded")[1]


def test_a_reload_leaves_running_streams_alone(start, faultd):
    gateway = start({"providers": [faultd.provider()]})

    async def run():
        stream = asyncio.create_task(gateway.chat("fault/words~split@60~drip@20", stream=True, user=(user := faultd.user())))
        await asyncio.to_thread(faultd.wait, user, "received")
        gateway.configure({"providers": [faultd.provider("other")]})
        gateway.signal(signal.SIGHUP)
        await asyncio.to_thread(gateway.await_log, "Configuration reloaded")
        late = await gateway.chat("other/whole")
        return await stream, late

    stream, late = asyncio.run(run())
    assert stream.events[-1] == "[DONE]"
    assert late.status == 200


def test_many_reloads_leak_nothing(start, faultd):
    gateway = start({"providers": [faultd.provider()]})
    for number in range(20):
        seen = gateway.log_file.read_text().count("Configuration reloaded")
        assert asyncio.run(gateway.chat("fault/whole")).status == 200
        gateway.signal(signal.SIGHUP)
        eventually(lambda: gateway.log_file.read_text().count("Configuration reloaded") > seen, what="the reload")
    faultd.drop()
    gateway.await_baseline()


def test_nobody_else_can_read_what_it_keeps(start):
    gateway = start()
    for folder, _, files in os.walk(gateway.data):
        for path in [folder, *(os.path.join(folder, name) for name in files)]:
            assert os.stat(path).st_mode & 0o077 == 0, path
