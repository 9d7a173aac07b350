"""The matrix' last upstreams: the model that is built in, and an agent's command line, through every official client."""

import asyncio
import contextlib

import pytest

from harness.agents import FakeAgents, alive
from harness.clients import CLIENTS, Model, User
from harness.gateway import eventually
from test_matrix import CITY, PNG, SCHEMA, TOOLS

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


def refusal(client, upstream, turns, stream, **options):
    with pytest.raises(client.failures) as caught:
        client.ask(upstream, turns, stream, **options)
    return client.failure(caught.value)


@scenario("several turns", *UPSTREAMS)
@streamed
def test_several_turns(client, upstream, agents, stream):
    mark, prompt = agents.run(lines=[TEXT])
    first = client.ask(upstream, prompt, stream)
    second = client.ask(upstream, [User(prompt), Model(first), User("And then?")], stream)
    if upstream == "gatehouse/echo":
        assert second.text == "And then?"
        return
    seen = agents.notes(mark)["prompt"]
    assert seen.index(TEXT) < seen.index("And then?")


@scenario("structured output", *UPSTREAMS)
@streamed
def test_a_form_of_answer_is_refused(client, upstream, stream, record_property):
    failure = refusal(client, upstream, "Tell me of Zürich", stream, schema=SCHEMA)
    assert (failure.status, failure.code) == (400, "unsupported_parameter")
    record_property("refused", "It cannot be held to a form of answer.")


@scenario("parallel tools", "agent")
@streamed
def test_an_agent_takes_no_functions(client, upstream, stream, record_property):
    failure = refusal(client, upstream, "Hello", stream, tools=TOOLS)
    assert (failure.status, failure.code) == (400, "agent_input_rejected")
    record_property("refused", "An agent brings its own tools.")


@scenario("parallel tools", "gatehouse/echo")
@streamed
def test_the_echo_calls_nothing_and_says_so(client, upstream, stream, record_property):
    assert client.ask(upstream, TEXT, stream, tools=[("weather", "The weather", CITY)]).text == TEXT
    assert "tools" in client.dropped
    record_property("explained", "tools")


@scenario("vision", "agent")
@streamed
def test_an_agent_takes_no_image(client, upstream, stream, record_property):
    failure = refusal(client, upstream, [User("What is it?", [(PNG, "image/png")])], stream)
    assert (failure.status, failure.code) == (400, "agent_input_rejected")
    record_property("refused", "Agents take text only.")


@scenario("sampling parameters", *UPSTREAMS)
@streamed
def test_what_is_not_followed_is_named(client, upstream, prompt, stream, record_property):
    reply = client.ask(upstream, prompt, stream, temperature=0.25, max_tokens=100)
    assert reply.text.rstrip("\n") == TEXT
    assert "temperature" in client.dropped
    assert ("max_tokens" in client.dropped) == (upstream == "agent")
    record_property("explained", "temperature")


@scenario("thinking", *UPSTREAMS)
@streamed
def test_no_thoughts(client, upstream, prompt, stream, record_property):
    reply = client.ask(upstream, prompt, stream, thinks=True)
    assert reply.text.rstrip("\n") == TEXT and not reply.thoughts
    assert "reasoning" in client.dropped
    record_property("explained", "reasoning")


@scenario("usage", "gatehouse/echo")
@streamed
def test_usage(client, upstream, stream):
    reply = client.ask(upstream, "one two three", stream)
    assert (reply.usage["input"], reply.usage["output"]) == (3, 3)


@scenario("upstream dies", "agent")
@streamed
def test_an_agent_that_is_killed(client, upstream, agents, stream):
    failure = refusal(client, upstream, agents.run(lines=["Four"], signal=9)[1], stream)
    assert failure.code == "agent_crashed"
    assert stream or failure.status == 502
