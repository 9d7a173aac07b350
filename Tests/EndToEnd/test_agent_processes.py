"""The end of agents' runs: whatever ends them, nobody of their families is left."""

import asyncio
import json
import pathlib
import signal
import time

import pytest

from harness.agents import agent, gemini, text
from harness.gateway import Gateway, eventually


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def members(folder):
    return {int(file.name) for file in folder.iterdir() if file.name.isdigit()}


def family_gateway(starter, tmp_path, **more):
    folder, transcript = tmp_path / "family", tmp_path / "family.json"
    folder.mkdir()
    transcript.write_text(json.dumps(gemini(text("Working"), family=str(folder), hang=True)))
    return folder, starter({"agents": [agent("family", "play", transcript, **more)]})


async def begin(gateway, stream=True):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    body = {"model": "family", "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
    writer.write(gateway.request("/v1/chat/completions", body))
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_leaves_ends_the_whole_family(start, tmp_path, stream):
    folder, gateway = family_gateway(start, tmp_path, timeouts={"grace": "500ms"})

    async def leave():
        _, writer = await begin(gateway, stream)
        await asyncio.to_thread(eventually, lambda: len(members(folder)) == 4, 10, "a family of four")
        writer.close()

    asyncio.run(leave())
    eventually(lambda: not any(is_alive(pid) for pid in members(folder)), 5, "nobody left")
    eventually(lambda: not gateway.children(), 5, "no child left")


def test_a_silent_agent_is_ended_with_its_family(start, tmp_path):
    folder, gateway = family_gateway(start, tmp_path, timeouts={"idle": "500ms", "grace": "200ms"})
    response = asyncio.run(gateway.chat("family"))
    assert (response.status, response.error["code"]) == (504, "agent_timeout")
    assert len(members(folder)) == 4
    eventually(lambda: not any(is_alive(pid) for pid in members(folder)), 5, "nobody left")


def test_more_runs_than_places_are_refused(start, tmp_path):
    folder, gateway = family_gateway(start, tmp_path, concurrency=2, timeouts={"grace": "200ms"})

    async def fill():
        writers = [(await begin(gateway))[1] for _ in range(2)]
        await asyncio.to_thread(eventually, lambda: len(members(folder)) == 8, 10, "two families")
        refused = await gateway.chat("family")
        for writer in writers:
            writer.close()
        return refused

    refused = asyncio.run(fill())
    assert (refused.status, refused.error["code"]) == (503, "agent_busy")
    assert int(refused.headers["retry-after"]) >= 1


def test_sigterm_ends_agents(start, tmp_path):
    folder, transcript = tmp_path / "family", tmp_path / "family.json"
    folder.mkdir()
    transcript.write_text(json.dumps(gemini(text("Working"), family=str(folder), hang=True)))
    gateway = start(
        {"server": {"drain": "500ms"}, "agents": [agent("family", "play", transcript, timeouts={"grace": "200ms"})]}
    )
    gateway.ended_by_test = True

    async def end():
        reader, writer = await begin(gateway)
        await asyncio.to_thread(eventually, lambda: len(members(folder)) == 4, 10, "a family of four")
        gateway.signal(signal.SIGTERM)
        body = b""
        async with asyncio.timeout(20):
            try:
                while data := await reader.read(65536):
                    body += data
            except ConnectionError:
                pass
        writer.close()
        return body

    body = asyncio.run(end())
    assert b"[DONE]" not in body and b'"finish_reason":"stop"' not in body
    assert gateway.wait() == 0
    eventually(lambda: not any(is_alive(pid) for pid in members(folder)), 5, "nobody left")


def test_kill_9_leaves_no_agent(tmp_path, faultd):
    """The gateway dies without a chance to clean up; one second later nobody of twenty families is alive."""
    folder, gateway = family_gateway(lambda config: Gateway(tmp_path / "gateway", config), tmp_path, concurrency=20)
    try:

        async def crowd():
            writers = [(await begin(gateway))[1] for _ in range(20)]
            await asyncio.to_thread(eventually, lambda: len(members(folder)) == 80, 30, "twenty families")
            pids = members(folder) | gateway.children()
            gateway.process.kill()
            begun = time.monotonic()
            while any(is_alive(pid) for pid in pids) and time.monotonic() - begun < 10:
                await asyncio.sleep(0.01)
            for writer in writers:
                writer.close()
            return time.monotonic() - begun, len(pids)

        seconds, count = asyncio.run(crowd())
        print(f"{count} processes were gone after {seconds * 1000:.0f} ms")
        assert seconds <= 1
    finally:
        gateway.kill()
