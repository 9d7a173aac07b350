"""From start to end: draining, what is written of each call, metrics, log files."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import gateway as harness
from harness.gateway import BINARY, eventually
from harness.wire import read_body, read_head, request_bytes

SLOW = "fault/words~split@60~drip@40"


async def begin_stream(gateway, model=SLOW, **fields):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hi"}], **fields}
    writer.write(gateway.request("/v1/chat/completions", body))
    response = await read_head(reader)
    assert response.status == 200
    return reader, writer, response


def refuses(gateway):
    try:
        socket.create_connection(("127.0.0.1", gateway.port), 1).close()
        return False
    except OSError:
        return True


# SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(start, faultd, number):
    gateway = start({"providers": [faultd.provider()]})
    gateway.ended_by_test = True

    async def drain():
        reader, writer, response = await begin_stream(gateway)
        gateway.signal(number)
        await asyncio.to_thread(gateway.await_log, "Draining")
        await asyncio.to_thread(eventually, lambda: refuses(gateway), 5, "new connections refused")
        assert gateway.process.poll() is None, "a stream still runs"
        await read_body(reader, response)
        writer.close()
        return response

    response = asyncio.run(drain())
    assert response.is_whole and response.events[-1] == "[DONE]"
    assert gateway.wait() == 0
    assert gateway.access(response.headers["x-request-id"])["outcome"] == "completed"


def test_readiness_ends_first(start, faultd):
    """On a connection that was open before: not ready, or closed already; never ready."""
    gateway = start({"providers": [faultd.provider()]})
    gateway.ended_by_test = True

    async def look():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        ready = request_bytes("/health/ready")
        writer.write(ready)
        assert (await read_body(reader, await read_head(reader))).status == 200
        stream_reader, stream_writer, response = await begin_stream(gateway)
        gateway.signal(signal.SIGTERM)
        await asyncio.to_thread(gateway.await_log, "Draining")
        try:
            writer.write(ready)
            await writer.drain()
            late = await read_head(reader)
        except ConnectionError:
            late = None
        assert late is None or late.status == 503
        await read_body(stream_reader, response)
        writer.close()
        stream_writer.close()
        return response

    assert asyncio.run(look()).events[-1] == "[DONE]"
    assert gateway.wait() == 0


BALANCED = {"GATEHOUSE_SERVER_PRE_DRAIN": "2s"}


def test_a_leaving_gateway_is_not_ready_and_still_serves(start, faultd):
    """Whoever sends it calls has a moment to hear of it: new connections are taken, and each answer is the last of its
    connection."""
    gateway = start({"providers": [faultd.provider()]}, env=BALANCED)
    gateway.ended_by_test = True

    async def leave():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(request_bytes("/health/ready"))
        before = await read_body(reader, await read_head(reader))
        assert before.status == 200 and "connection" not in before.headers
        stream_reader, stream_writer, stream = await begin_stream(gateway)
        gateway.signal(signal.SIGTERM)
        await asyncio.to_thread(gateway.await_log, "Not ready any more")
        # On the connection that was there, and on new ones.
        writer.write(request_bytes("/health/ready"))
        late = await read_body(reader, await read_head(reader))
        assert (late.status, late.headers["connection"]) == (503, "close")
        assert await reader.read() == b"", "the connection ends"
        assert (await gateway.call("/health/ready")).status == 503
        assert (await gateway.call("/health/live")).status == 200
        for call in (gateway.chat("fault/whole"), gateway.chat("fault/words", stream=True), gateway.call("/v1/models")):
            response = await call
            assert response.status == 200 and response.headers["connection"] == "close"
        await asyncio.to_thread(gateway.await_log, "Draining")
        await asyncio.to_thread(eventually, lambda: refuses(gateway), 5, "new connections refused")
        await read_body(stream_reader, stream)
        writer.close()
        stream_writer.close()
        return stream

    stream = asyncio.run(leave())
    assert stream.is_whole and stream.events[-1] == "[DONE]", "what ran goes on to its end"
    assert gateway.wait(8) == 0


def test_a_request_on_its_way_at_the_end_is_served(start, faultd):
    """A connection whose client was not asked to close it, and has rested for a moment only, is not cut off."""
    gateway = start({"providers": [faultd.provider()]}, env=BALANCED)
    gateway.ended_by_test = True

    async def ask_late():
        # The stream begins before the signal, so that its head does not ask for the connection's end.
        reader, writer, stream = await begin_stream(gateway, "fault/words~split@60~drip@60")
        gateway.signal(signal.SIGTERM)
        await read_body(reader, stream)
        assert "connection" not in stream.headers and stream.events[-1] == "[DONE]"
        await asyncio.to_thread(gateway.await_log, "Draining")
        body = {"model": "fault/whole", "messages": [{"role": "user", "content": "Hi"}]}
        writer.write(gateway.request("/v1/chat/completions", body))
        response = await read_body(reader, await read_head(reader))
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert await reader.read() == b""
        writer.close()

    asyncio.run(ask_late())
    assert gateway.wait(8) == 0


@pytest.mark.parametrize("how", ["nobody is connected", "from a terminal", "a second signal"])
def test_nobody_waits_without_need(start, faultd, how):
    gateway = start({"providers": [faultd.provider()]}, env={"GATEHOUSE_SERVER_PRE_DRAIN": "10m"})
    gateway.ended_by_test = True
    if how == "nobody is connected":
        gateway.await_alone()
        gateway.signal(signal.SIGTERM)
        assert gateway.wait(8) == 0
        return
    with socket.create_connection(("127.0.0.1", gateway.port)) as one:
        one.sendall(request_bytes("/health/live"))
        assert one.recv(65536).startswith(b"HTTP/1.1 200")
        if how == "from a terminal":
            gateway.signal(signal.SIGINT)
            assert gateway.wait(8) == 0
        else:
            gateway.signal(signal.SIGTERM)
            gateway.await_log("Not ready any more")
            gateway.signal(signal.SIGTERM)
            assert gateway.wait(8) == 128 + signal.SIGTERM


def test_what_runs_too_long_is_cut_with_an_error(start, faultd):
    gateway = start({"server": {"drain": "300ms"}, "providers": [faultd.provider()]})
    gateway.ended_by_test = True
    user = faultd.user()

    async def drain():
        reader, writer, response = await begin_stream(gateway, "fault/endless", user=user)
        gateway.signal(signal.SIGTERM)
        await read_body(reader, response)
        writer.close()
        return response

    response = asyncio.run(drain())
    assert gateway.wait() == 0
    assert "[DONE]" not in response.events
    assert response.is_whole, "the caller is told, not just cut off"
    assert json.loads(response.events[-1])["error"]["code"] == "shutting_down"
    assert faultd.wait(user, "closed")


def test_a_second_signal_ends_at_once(start, faultd):
    gateway = start({"providers": [faultd.provider()]})
    gateway.ended_by_test = True

    async def end():
        _, writer, _ = await begin_stream(gateway, "fault/endless")
        gateway.signal(signal.SIGTERM)
        await asyncio.to_thread(gateway.await_log, "Draining")
        gateway.signal(signal.SIGTERM)
        await asyncio.to_thread(gateway.wait, 3)
        writer.close()

    asyncio.run(end())


def test_a_signal_right_after_the_start_is_heard(tmp_path):
    """As soon as it says that it listens, an end must be an orderly one."""
    process = subprocess.Popen(
        [BINARY, "serve", "--port", "0", "--data-dir", tmp_path / "data"],
        env=harness.environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert "listens on" in process.stdout.readline()
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_port_in_use_is_told(start, tmp_path):
    gateway = start()
    result = harness.run(["serve", "--port", gateway.port, "--data-dir", tmp_path / "other"], tmp_path)
    assert result.returncode in (69, 74, 78)
    assert str(gateway.port) in result.stderr and "in use" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "errno" not in result.stderr and "descriptor:" not in result.stderr


# Records


def test_every_call_has_its_record(gateway, faultd):
    stream = asyncio.run(gateway.chat("fault/words", stream=True))
    record = gateway.access(stream.headers["x-request-id"])
    expected = {
        "label": "access",
        "level": "info",
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
        "key": "admin",
        "model": "fault/words",
        "provider": "fault",
        "attempts": 1,
        "outcome": "completed",
        "input_tokens": 11,
        "output_tokens": 8,
        "stream": True,
        "bytes_out": len(stream.body),
    }
    assert {name: record.get(name) for name in expected} == expected
    assert record["bytes_in"] > 50
    assert 0 < record["ttfb_ms"] <= record["duration_ms"] < 10_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", record["time"])
    whole = asyncio.run(gateway.chat("fault/whole"))
    record = gateway.access(whole.headers["x-request-id"])
    assert (record["stream"], record["bytes_out"], record["output_tokens"]) == (False, len(whole.body), 8)


@pytest.mark.parametrize(
    ("key", "model", "status", "code"),
    [
        ("sk-wrong", "fault/whole", 401, "invalid_api_key"),
        (None, "fault/whole", 401, "invalid_api_key"),
        ("admin", "nothing", 404, "model_not_found"),
        ("admin", "fault/s503", 503, "upstream_overloaded"),
    ],
)
def test_refused_calls_have_one_too(gateway, key, model, status, code):
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    response = asyncio.run(gateway.call("/v1/chat/completions", body, key=gateway.key if key == "admin" else key))
    record = gateway.access(response.headers["x-request-id"])
    assert (record["status"], record["error_code"], record["outcome"]) == (status, code, "failed")


def test_the_callers_request_id_is_kept_if_it_is_one(gateway):
    async def ask(value):
        return (await gateway.chat("gatehouse/echo", headers=[("x-request-id", value)])).headers["x-request-id"]

    assert asyncio.run(ask("caller-id_1.2")) == "caller-id_1.2"
    assert gateway.access("caller-id_1.2")["model"] == "gatehouse/echo"
    for bad in ["a" * 300, "a b", 'a"b', "{}", "", "é"]:
        assert asyncio.run(ask(bad)) != bad


def test_the_log_is_json_and_holds_no_secret(gateway):
    asyncio.run(gateway.chat("gatehouse/echo", text="a very private prompt"))
    for line in gateway.log_lines():
        assert "raw" not in line, line
    text = gateway.log_file.read_text()
    assert gateway.key not in text and "provider-key" not in text and "very private" not in text


# Metrics


def metrics(gateway):
    response = asyncio.run(gateway.call("/metrics"))
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {family.name: family for family in text_string_to_metric_families(response.body.decode())}


def value(families, family, **labels):
    return sum(
        sample.value
        for sample in families[family].samples
        if labels.items() <= sample.labels.items() and not sample.name.endswith(("_created", "_bucket", "_sum"))
    )


def test_metrics_have_the_names_of_the_contract(gateway):
    for model, stream in [("fault/words", True), ("fault/whole", False), ("fault/s503", False)]:
        asyncio.run(gateway.chat(model, stream=stream))
    before = metrics(gateway)
    names = {
        "http_requests",
        "http_request_duration_seconds",
        "gen_ai_client_operation_duration_seconds",
        "gen_ai_server_time_to_first_token_seconds",
        "gen_ai_client_token_usage",
        "gatehouse_upstream_attempts",
        "gatehouse_agent_processes",
        "process_resident_memory_bytes",
        "process_cpu_seconds",
        "process_open_fds",
        "process_start_time_seconds",
    }
    assert names <= set(before), names - set(before)
    asyncio.run(gateway.chat("fault/words", stream=True))
    asyncio.run(gateway.chat("fault/s503"))
    after = eventually(
        lambda: (now := metrics(gateway))
        and value(now, "http_requests", status="503") > value(before, "http_requests", status="503")
        and now,
        what="the call in the metrics",
    )

    def grown(family, **labels):
        return value(after, family, **labels) - value(before, family, **labels)

    assert grown("http_requests", method="POST", route="chat_completions", status="200") == 1
    assert grown("gatehouse_upstream_attempts", provider="fault", outcome="completed") == 1
    assert grown("gen_ai_server_time_to_first_token_seconds") == 1
    assert grown("gen_ai_client_token_usage", gen_ai_token_type="output") == 1
    labels = [label for family in after.values() for sample in family.samples for label in sample.labels.values()]
    assert not any("words" in label or gateway.key in label for label in labels), "no caller's text in labels"


def test_labels_stay_few_whatever_is_asked(gateway):
    before = len(asyncio.run(gateway.call("/metrics")).body)

    async def ask():
        for number in range(300):
            await gateway.chat(f"made-up-{number}/model-{number}")
            await gateway.call(f"/v1/made-up-{number}")

    asyncio.run(ask())
    assert len(asyncio.run(gateway.call("/metrics")).body) - before < 20_000


# Log files


def test_log_files_turn_over(start, faultd):
    gateway = start(
        {
            "providers": [faultd.provider()],
            "logging": {"file": "gatehouse.log", "maxSize": 4096, "keep": 2, "format": "json"},
        }
    )

    async def talk():
        last = None
        for _ in range(60):
            last = await gateway.chat("gatehouse/echo")
        return last.headers["x-request-id"]

    last = asyncio.run(talk())
    gateway.access(last, gateway.data / "gatehouse.log")
    files = sorted(gateway.data.glob("gatehouse.log*"))
    assert len(files) == 3, files
    ids = []
    for file in files:
        assert file.stat().st_size <= 4096 + 1024
        assert file.stat().st_mode & 0o077 == 0, "logs are the operator's own"
        ids += [json.loads(line).get("request_id") for line in file.read_text().splitlines()]
    assert len(ids) == len(set(ids)), "no line twice"


def test_sighup_opens_the_log_anew(start, faultd):
    gateway = start({"logging": {"file": "gatehouse.log", "format": "json"}})
    file = gateway.data / "gatehouse.log"
    first = asyncio.run(gateway.chat("gatehouse/echo")).headers["x-request-id"]
    gateway.access(first, file)
    os.rename(file, gateway.data / "moved.log")
    gateway.signal(signal.SIGHUP)
    eventually(file.exists, what="a new log file")
    second = asyncio.run(gateway.chat("gatehouse/echo")).headers["x-request-id"]
    gateway.access(second, file)
    assert second not in (gateway.data / "moved.log").read_text()
