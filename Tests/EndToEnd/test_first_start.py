"""The first minute with Gatehouse: no configuration, one command, one line of curl."""
import re
import stat
import subprocess

from harness.gateway import environment


def test_the_printed_curl_line_streams_an_answer(start):
    gateway = start()
    command = gateway.output[gateway.output.index("curl "):]
    answer = subprocess.run(["bash", "-c", command.strip() + " -sSi"], env=environment(gateway.home), timeout=20,
                            capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("HTTP/1.1 200")
    assert "text/event-stream" in answer.stdout
    words = "".join(re.findall(r'"delta":\{"content":"([^"]*)"\}', answer.stdout))
    assert words == "Hello, gate"
    assert answer.stdout.rstrip().endswith("data: [DONE]")


def test_the_admin_key_is_printed_once_and_kept_private(start, tmp_path):
    first = start()
    assert first.output.count(first.key) == 2, "once as the key, once in the line to try"
    key_file = first.data / "admin.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.data.stat().st_mode) == 0o700
    assert first.key not in first.log_file.read_text()
    second = start(data=first.data)
    assert first.key not in second.output
    assert "admin.key" in second.output, "the second start tells where the key is"
    assert key_file.read_text().strip() == first.key


async def _status(gateway, path, key):
    response = await gateway.call(path, key=key)
    return response.status


def test_what_is_open_and_what_needs_a_key(start):
    import asyncio

    gateway = start()

    async def look():
        assert await _status(gateway, "/health/live", None) == 200
        assert await _status(gateway, "/health/ready", None) == 200
        for path in ["/v1/models", "/health", "/metrics"]:
            assert await _status(gateway, path, None) == 401, path
            assert await _status(gateway, path, gateway.key) == 200, path
        assert await _status(gateway, "/v1/nothing", gateway.key) == 404

    asyncio.run(look())
