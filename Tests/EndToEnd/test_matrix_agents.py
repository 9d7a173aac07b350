"""The matrix' last upstreams: the model that is built in, and an agent's command line, through every official client."""

import asyncio
import contextlib

import pytest

from harness.agents import FakeAgents, alive
from harness.clients import CLIENTS
from harness.gateway import eventually

TEXT = "Four score and seven years ago Zürich 🌍"
UPSTREAMS = ("gatehouse/echo", "agent")
streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def scenario(name, *upstreams):
    """Under which name the report tells of a test, and which upstreams it is for."""

    def mark(function):
        function = pytest.mark.parametrize("client_name", CLIENTS)(function)
        function = pytest.mark.parametrize("upstream", upstreams)(function)
        return pytest.mark.scenario(name)(function)

    return mark


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    return FakeAgents(tmp_path_factory.mktemp("agents"))


@pytest.fixture(scope="module")
def gateway(module_starter, agents):
    return module_starter({"agents": [agents.configuration("custom", "agent")]})


@pytest.fixture(scope="module")
def clients(gateway):
    with contextlib.ExitStack() as stack:
        made = {name: make(gateway) for name, make in CLIENTS.items()}
        for one in made.values():
            stack.callback(one.client.close)
        yield made


@pytest.fixture
def client(clients, client_name):
    return clients[client_name]


@pytest.fixture
def prompt(agents, upstream):
    """What makes an upstream answer `TEXT`."""
    return TEXT if upstream == "gatehouse/echo" else agents.run(lines=[TEXT])[1]


@scenario("chat", *UPSTREAMS)
def test_chat(client, upstream, prompt):
    reply = client.ask(upstream, prompt)
    assert reply.text.rstrip("\n") == TEXT and not reply.calls
    assert reply.finish in ("stop", "completed", "end_turn", "STOP")


@scenario("stream", *UPSTREAMS)
def test_stream(client, upstream, prompt):
    reply = client.ask(upstream, prompt, stream=True)
    assert reply.text.rstrip("\n") == TEXT and not reply.calls
    assert reply.finish in ("stop", "completed", "end_turn", "STOP")


@scenario("system prompt", "agent")
@streamed
def test_system_prompt(client, upstream, agents, stream):
    mark, prompt = agents.run(lines=[TEXT])
    client.ask(upstream, prompt, stream, system="Antworte höflich.")
    assert "Antworte höflich." in agents.notes(mark)["prompt"]


@scenario("errors", "agent")
@streamed
def test_errors(client, upstream, agents, stream):
    with pytest.raises(client.failures) as caught:
        client.ask(upstream, agents.run(exit=3)[1], stream)
    failure = client.failure(caught.value)
    assert (failure.status, failure.code) == (502, "agent_failed")


@scenario("cancel", "agent")
def test_leaving_ends_the_agent(client, client_name, upstream, agents, gateway):
    mark, prompt = agents.run(lines=[TEXT], hang=True)

    async def leave():
        own = CLIENTS[client_name](gateway)
        asking = asyncio.create_task(own.whole_asynchronous(upstream, prompt))
        notes = await asyncio.to_thread(agents.notes, mark)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await own.close_asynchronous()
        own.client.close()
        return notes

    notes = asyncio.run(leave())
    eventually(lambda: not alive(notes), what="the end of the agent")
