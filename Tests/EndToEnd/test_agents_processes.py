"""No process of an agent outlives its reason: the client, its timers, the gateway, even a gateway that is killed."""
import asyncio
import contextlib
import signal

import pytest

from harness.agents import FakeAgents, alive
from harness.gateway import eventually
from harness.sandbox import need_sandbox
from harness.wire import exchange, read_head

RUNS = 20


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    return FakeAgents(tmp_path_factory.mktemp("agents"))


def configuration(agents, **server):
    return {"server": server, "agents": [
        agents.configuration("custom", "mine", concurrency=RUNS, timeouts={"grace": "200ms"}),
        agents.configuration("custom", "hasty", concurrency=RUNS, timeouts={"total": "500ms", "grace": "200ms"}),
    ]}


@pytest.fixture(scope="module")
def gateway(module_starter, agents):
    return module_starter(configuration(agents))


class Call:
    """A call whose client can leave at any time."""

    def __init__(self, gateway, model, prompt, stream=True):
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": stream}
        self.port, self.data = gateway.port, gateway.request("/v1/chat/completions", body)

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(self.data)
        await self.writer.drain()
        return self

    async def __aexit__(self, *_):
        self.writer.close()


async def notes_of(agents, mark):
    return await asyncio.to_thread(agents.notes, mark)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("speaks", [True, False], ids=["speaking", "silent"])
def test_a_client_that_leaves_takes_the_agent_along(gateway, agents, stream, speaks):
    mark, prompt = agents.run(lines=["words"] if speaks else [], family=True, hang=True)

    async def look():
        async with Call(gateway, "mine", prompt, stream) as call:
            notes = await notes_of(agents, mark)
            assert len(notes["pids"]) == 3 and len(alive(notes)) == 3
            if stream and speaks:
                assert (await read_head(call.reader)).status == 200
        return notes

    notes = asyncio.run(look())
    eventually(lambda: not alive(notes), 2, "the agent and its family gone")


FLUSHES = "trap 'echo flushed > {file}; exit 0' TERM; echo words; while :; do sleep 0.02; done"


@pytest.mark.parametrize("sandbox", ["off", "readOnly"])
def test_an_agent_is_asked_to_end_and_has_its_grace(start, tmp_path, sandbox):
    """SIGTERM reaches the agent, not only what holds its sandbox."""
    if sandbox != "off":
        need_sandbox()
    file = tmp_path / "told" / "file"
    file.parent.mkdir()
    more = {"sandbox": sandbox, **({} if sandbox == "off" else {"write": [str(file.parent)]})}
    gateway = start({"agents": [
        {"name": "polite", "kind": "custom", "command": ["/bin/sh", "-c", FLUSHES.format(file=file)], **more}]})

    async def look():
        async with Call(gateway, "polite", "x") as call:
            assert (await read_head(call.reader)).status == 200

    asyncio.run(look())
    eventually(lambda: file.exists() and file.read_text() == "flushed\n", 2, "what the agent does at its end")
    eventually(lambda: not gateway.children(), 3, "no child of the gateway")


def test_an_agent_that_ignores_signals_is_killed(gateway, agents):
    mark, prompt = agents.run(deaf=True, family=True, hang=True)

    async def look():
        async with Call(gateway, "mine", prompt):
            return await notes_of(agents, mark)

    notes = asyncio.run(look())
    eventually(lambda: not alive(notes), 3, "the deaf agent and its family gone")


def test_a_time_out_ends_the_whole_family(gateway, agents):
    mark, prompt = agents.run(lines=["words"], deaf=True, family=True, hang=True)
    response = asyncio.run(gateway.chat("hasty", text=prompt))
    assert (response.status, response.error["code"]) == (504, "agent_timeout")
    notes = agents.notes(mark)
    eventually(lambda: not alive(notes), 3, "the agent and its family gone")


def test_what_an_agent_leaves_behind_is_ended_with_it(gateway, agents):
    """The grandchild keeps stdout open; the answer must come all the same."""
    mark, prompt = agents.run(lines=["answer"], family=True)
    response = asyncio.run(gateway.chat("mine", text=prompt))
    assert response.json()["choices"][0]["message"]["content"] == "answer"
    notes = agents.notes(mark)
    eventually(lambda: not alive(notes), 3, "the family gone")


def test_many_clients_leave_at_once(gateway, agents):
    runs = [agents.run(lines=["words"], family=True, hang=True) for _ in range(RUNS)]

    async def look():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(mark, prompt)) for mark, prompt in runs]
        return [task.result() for task in tasks]

    async def one(mark, prompt):
        async with Call(gateway, "mine", prompt):
            return await notes_of(agents, mark)

    families = asyncio.run(look())
    eventually(lambda: not any(alive(notes) for notes in families), 5, "all families gone")
    eventually(lambda: not gateway.children(), 5, "no child of the gateway")
    answer = asyncio.run(gateway.chat("mine", text=agents.run(lines=["free again"])[1]))
    assert answer.status == 200, "the places are free again"


async def start_runs(gateway, agents, stack, count):
    """Runs that hang, each with a family that ignores SIGTERM; returns their notes once all of them are up."""
    runs = [agents.run(lines=["words"], deaf=True, family=True, hang=True) for _ in range(count)]
    for _, prompt in runs:
        await stack.enter_async_context(Call(gateway, "mine", prompt))
    return [await notes_of(agents, mark) for mark, _ in runs]


def test_kill_9_of_the_gateway_leaves_no_agent(start, agents):
    gateway = start(configuration(agents))

    async def look():
        async with contextlib.AsyncExitStack() as stack:
            families = await start_runs(gateway, agents, stack, RUNS)
            assert sum(len(alive(notes)) for notes in families) == 3 * RUNS
            gateway.ended_by_test = True
            gateway.signal(signal.SIGKILL)
            gateway.wait()
            return families

    families = asyncio.run(look())
    eventually(lambda: not any(alive(notes) for notes in families), 1, "no agent left one second after kill -9")


def test_the_next_start_clears_what_a_killed_one_left(start, agents):
    gateway = start(configuration(agents))

    async def look():
        async with contextlib.AsyncExitStack() as stack:
            families = await start_runs(gateway, agents, stack, 3)
            gateway.ended_by_test = True
            gateway.signal(signal.SIGKILL)
            gateway.wait()
            return families

    asyncio.run(look())
    folders = list((gateway.data / "runs").glob("run-*"))
    assert len(folders) == 3
    again = start(configuration(agents), data=gateway.data)
    eventually(lambda: not any(folder.exists() for folder in folders), what="the old folders removed")
    again.await_log("A gateway before this one was killed")
    [line] = [line for line in again.log_lines() if "was killed" in line.get("message", "")]
    assert line["runs"] == "3" or line["runs"] == 3
    answer = asyncio.run(again.chat("mine", text=agents.run(lines=["works"])[1]))
    assert answer.status == 200


def test_sigterm_ends_agents_when_the_drain_is_over(start, agents):
    gateway = start(configuration(agents, drain="500ms"))
    mark, prompt = agents.run(lines=["words"], deaf=True, family=True, hang=True)

    async def look():
        async with Call(gateway, "mine", prompt) as call:
            notes = await notes_of(agents, mark)
            gateway.ended_by_test = True
            gateway.signal(signal.SIGTERM)
            assert (await read_head(call.reader)).status == 200
            rest = await call.reader.read()
            while piece := await call.reader.read():
                rest += piece
        return notes, rest

    notes, rest = asyncio.run(look())
    assert b"[DONE]" not in rest and b'"finish_reason":"' not in rest
    assert gateway.wait() == 0
    assert not alive(notes)


def test_sigterm_lets_a_run_finish(start, agents):
    gateway = start(configuration(agents, drain="20s"))
    gate = agents.gate()
    mark, prompt = agents.run(lines=["first"], gate=gate, then=["second"])

    async def look():
        body = {"model": "mine", "messages": [{"role": "user", "content": prompt}]}
        call = asyncio.create_task(exchange(gateway.port, gateway.request("/v1/chat/completions", body)))
        await notes_of(agents, mark)
        gateway.ended_by_test = True
        gateway.signal(signal.SIGTERM)
        await asyncio.to_thread(gateway.await_log, "Draining")
        await asyncio.to_thread(lambda: open(gate, "w").close())
        return await call

    answer = asyncio.run(look())
    assert answer.json()["choices"][0]["message"]["content"] == "first\nsecond"
    assert gateway.wait() == 0
