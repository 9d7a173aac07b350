"""A real agent that is kept: `gptme-acp`, whose own model is the gateway that runs it.

It takes 255 MB, so that it is no part of the requirements: `scripts/setup --agents` installs it, and where it is not
installed these tests are skipped. GATEHOUSE_GPTME names another one.
"""
import asyncio
import os
import pathlib
import time

import pytest

from harness.gateway import ROOT, eventually
from harness.sandbox import record_of, why_no_sandbox
from harness.wire import read_head

GPTME = pathlib.Path(os.environ.get("GATEHOUSE_GPTME", ROOT / ".venv-gptme/bin/gptme-acp"))
pytestmark = pytest.mark.skipif(
    not GPTME.exists(),
    reason="no gptme-acp here: scripts/setup --agents installs it (255 MB)")


@pytest.fixture(scope="module")
def gateway(module_starter, tmp_path_factory):
    home = tmp_path_factory.mktemp("gptme")
    gateway = module_starter({"agents": []})
    # Its model is known only now, so that the agent comes with a reload.
    variables = {
        "OPENAI_BASE_URL": f"{gateway.url}/v1", "OPENAI_API_KEY": gateway.key, "MODEL": "local/gatehouse/echo",
        "HOME": str(home)}
    gateway.configure({"agents": [
        {"name": "gptme", "kind": "gptme", "command": str(GPTME), "environment": variables,
         "timeouts": {"handshake": "120s", "firstOutput": "120s"}, "pool": {"idle": "5s"},
         **({"sandbox": "off"} if why_no_sandbox() else {})}]})
    gateway.signal(1)
    eventually(lambda: asyncio.run(gateway.chat("gptme/-")).status == 400, what="the agent")
    yield gateway
    # It rests for its time, and needs some to end.
    eventually(lambda: not gateway.children(), 30, "no process")


async def first_event(gateway, text, messages=None, headers=()):
    """Seconds until the head of a stream, which comes with its first event, and the rest of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    began = time.monotonic()
    body = {"model": "gptme", "messages": messages or [{"role": "user", "content": text}], "stream": True}
    writer.write(gateway.request("/v1/chat/completions", body, headers=headers))
    head = await asyncio.wait_for(read_head(reader), 150)
    took = time.monotonic() - began
    rest = await asyncio.wait_for(reader.read(), 60) if head.status != 200 else b""
    return took, head, rest, reader, writer


def test_the_second_turn_begins_at_once(gateway, record_property):
    async def look():
        times = []
        for number in range(3):
            took, head, rest, _, writer = await first_event(gateway, f"Hello number {number}")
            assert head.status == 200, f"{rest}\n{gateway.tail()}"
            times.append(took)
            await asyncio.sleep(1)
            writer.close()
            await asyncio.sleep(0.5)
        return times

    times = asyncio.run(look())
    print("time to first event:", times)
    record_property("times", times)
    assert times[1] <= times[0] / 10


def test_it_answers_whole(gateway):
    answer = asyncio.run(gateway.chat("gptme", text="Say this back", timeout=150))
    assert answer.status == 200, f"{answer.body}\n{gateway.tail()}"
    text = answer.json()["choices"][0]["message"]["content"]
    assert "Say this back" in text and "New session" not in text
    if not why_no_sandbox():
        assert record_of(gateway, answer) == "readOnly+network"


def test_it_is_cancelled(gateway):
    async def look():
        _, head, rest, _, writer = await first_event(gateway, "words " * 2000)
        assert head.status == 200, rest
        writer.close()

    asyncio.run(look())
    answer = asyncio.run(gateway.chat("gptme", text="And now", timeout=150))
    assert answer.status == 200 and "And now" in answer.json()["choices"][0]["message"]["content"]
