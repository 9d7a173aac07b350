"""F2: upstreams that drip or fall silent. Each phase has its own limit; before the caller has a byte it is a 504, behind
that an error event. A slow stream that never falls silent is no fault."""

import asyncio
import json
import time

import pytest

from harness.callers import CALLERS
from harness.wire import read_body, read_head

QUICK = {"connect": "500ms", "firstByte": "600ms", "idle": "400ms", "total": "20s"}


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    port = faultd.listen("full")
    return module_starter(
        {
            "providers": [
                faultd.provider(timeouts=QUICK),
                faultd.provider("short", timeouts={**QUICK, "total": "1500ms"}),
                faultd.provider("patient", timeouts={**QUICK, "idle": "1500ms"}),
                {**faultd.provider("unheard", timeouts=QUICK), "baseURL": f"http://127.0.0.1:{port}/v1"},
                {**faultd.provider("deaf", timeouts=QUICK), "baseURL": f"http://127.0.0.1:{faultd.listen('deaf')}/v1"},
            ]
        }
    )


async def asking(gateway, model, stream, caller="openai.chat", text="Hello", **more):
    """The response, what its caller reads in it, and the seconds that it took."""
    one = CALLERS[caller]
    body = {**one.fields(model, stream), **one.conversation(text), **more}
    began = time.monotonic()
    response = await gateway.call(one.path(model, stream), body, headers=one.headers, timeout=60)
    return response, one.read(response), time.monotonic() - began


def ask(gateway, model, stream, caller="openai.chat", **more):
    return asyncio.run(asking(gateway, model, stream, caller, **more))


streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.mark.parametrize("model", ["fault/never", "fault/ANSWER~wait@30000", "fault/ANSWER~stall@5", "unheard/m", "deaf/m"])
def test_f2_silence_before_the_first_byte_is_a_504(gateway, model):
    """For callers of every dialect at once, streamed and not; within the phase's own limit, not the whole call's."""

    async def all_of_them():
        cases = [(caller, stream) for caller in CALLERS for stream in (False, True)]
        return await asyncio.gather(
            *(asking(gateway, model.replace("ANSWER", "words" if stream else "whole"), stream, caller)
              for caller, stream in cases)
        )

    for response, found, seconds in asyncio.run(all_of_them()):
        assert (response.status, found.code) == (504, "upstream_timeout")
        assert seconds < 10
        record = gateway.access(response.headers["x-request-id"])
        assert (record["outcome"], record["error_code"]) == ("failed", "upstream_timeout")


@pytest.mark.parametrize("caller", CALLERS)
def test_f2_silence_behind_it_is_an_error_event(gateway, faultd, caller):
    response, found, _ = ask(gateway, "fault/words~stall@900", True, caller)
    assert response.status == 200 and response.is_whole
    assert found.ends_with_error and found.code == "upstream_timeout"
    assert found.text and not found.terminators and not found.reasons


@streamed
def test_f2_a_request_that_nobody_reads_is_a_504(gateway, stream):
    """The upstream takes the connection and not one byte of a large request."""
    response, found, seconds = ask(gateway, "deaf/m", stream, text="x" * (8 << 20))
    assert (response.status, found.code) == (504, "upstream_timeout")
    assert seconds < 10


def test_f2_a_drip_is_no_fault(gateway):
    """Each byte comes well within the limit of silence, and all of them take longer than any limit but the total's."""
    response, found, seconds = ask(gateway, "fault/words~split@40~drip@30", True)
    assert response.status == 200 and found.terminators == 1 and not found.ends_with_error
    assert seconds > 1.4, "it was a drip"


@streamed
def test_f2_a_drip_that_never_ends_meets_the_total(gateway, faultd, stream):
    user = faultd.user()
    # Two bytes in 100 ms: it would take a minute and more.
    model = f"short/{'words' if stream else 'whole'}~split@2~drip@100"
    response, found, seconds = ask(gateway, model, stream, user=user)
    assert found.code == "upstream_timeout"
    # The first whole event may have come, or not.
    assert response.status == 504 or stream and found.ends_with_error
    assert 1 <= seconds < 10
    assert faultd.wait(user, "closed")


def test_f2_an_event_in_pieces_keeps_the_stream_alive(gateway):
    """Silence is measured between bytes, not between events: an event of many seconds is no silence."""
    response, found, _ = ask(gateway, "patient/words~split@200~drip@300", True)
    assert response.status == 200 and found.terminators == 1


def test_f2_memory_stays_flat_under_many_drips(gateway, faultd):
    """A hundred streams that drip at once hold no more than their own small state."""

    async def all_of_them():
        tasks = [asyncio.create_task(gateway.chat("patient/words~split@90~drip@100", stream=True)) for _ in range(100)]
        return await asyncio.gather(*tasks)

    before = gateway.resident()
    responses = asyncio.run(all_of_them())
    assert all(response.status == 200 and response.events[-1] == "[DONE]" for response in responses)
    assert gateway.resident() - before < 32 << 20


def test_f2_who_leaves_a_stalled_call_ends_it(gateway, faultd):
    user = faultd.user()

    async def leave():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        body = {"model": "fault/words~stall@700", "user": user, "stream": True,
                "messages": [{"role": "user", "content": "Hi"}]}
        writer.write(gateway.request("/v1/chat/completions", body))
        response = await read_head(reader)
        assert response.status == 200
        writer.close()

    asyncio.run(leave())
    assert faultd.wait(user, "closed")


def test_f2_a_caller_who_reads_slowly_is_not_the_upstreams_silence(gateway, faultd):
    """While the caller takes nothing the upstream is not read, and its limit of silence rests."""
    user = faultd.user()

    async def stare():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
        body = {"model": "fault/torrent~drip@0", "user": user, "stream": True,
                "messages": [{"role": "user", "content": "Hi"}]}
        writer.write(gateway.request("/v1/chat/completions", body))
        await reader.readuntil(b"assistant")
        # Longer than the limit of silence; the pipe fills within milliseconds.
        await asyncio.sleep(1.2)
        got = b""
        while b"error" not in got and len(got) < 8 << 20:
            data = await reader.read(1 << 20)
            assert data
            got += data
        writer.transport.abort()
        return b"upstream_timeout" in got

    assert not asyncio.run(stare())
    assert faultd.wait(user, "closed")


# Heartbeats


@pytest.fixture(scope="module")
def warm(module_starter, faultd):
    """A gateway that tells callers that they are awaited."""
    long = {"connect": "1s", "firstByte": "6s", "idle": "6s"}
    return module_starter({"providers": [faultd.provider(timeouts=long)], "server": {"heartbeat": "1s"}})


@pytest.mark.parametrize("model", ["fault/words~wait@2600", "fault/words~split@600~drip@2600"], ids=["before", "between"])
def test_f2_who_waits_is_told_so_and_reads_the_same(warm, model):
    """For callers of every dialect at once: what they read is what they would have read without."""

    async def all_of_them(model):
        return await asyncio.gather(*(asking(warm, model, True, caller) for caller in CALLERS))

    told, plain = asyncio.run(all_of_them(model)), asyncio.run(all_of_them("fault/words"))
    for caller, (response, found, seconds), (_, expected, _) in zip(CALLERS, told, plain):
        assert response.status == 200 and seconds > 2.4
        assert found == expected, caller
        assert found.terminators == 1
        if caller != "gemini.generateContent":
            assert b": keep-alive" in response.body, f"{caller} was not told"


def test_f2_an_error_behind_a_heartbeat_is_an_event(warm):
    async def all_of_them():
        return await asyncio.gather(*(asking(warm, "fault/s500~wait@1800", True, caller) for caller in CALLERS))

    for response, found, _ in asyncio.run(all_of_them()):
        assert response.status == 200 and response.is_whole
        assert found.ends_with_error and found.code == "upstream_error" and not found.terminators


def test_f2_a_whole_answer_has_no_heartbeat(warm):
    response, _, _ = ask(warm, "fault/whole~wait@2300", False)
    assert response.status == 200 and response.body.startswith(b"{")
