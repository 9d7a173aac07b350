"""Every official client against every kind of upstream, one scenario after the other.

The upstreams are played by Tests/Support/modeld, which is as strict as the vendors are. Cells that cannot be had stand in
harness/matrix.py with their reason; the tests then hold the gateway to an honest answer.
"""

import asyncio
import contextlib
import itertools
import json
from dataclasses import dataclass

import pytest

from harness.clients import CLIENTS, Model, Result, Results, User
from harness.matrix import SAME, UPSTREAMS, Modeld, excuse, provider
from modeld.script import CITIES, JSON_TEXT, TEXT, THOUGHTS, USAGE, WORDS

NUMBERS = itertools.count(1)
OTHER_KEY = "gh-another-key-of-the-matrix-0123456789"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f00050001ff5f9c"
    "a13d0000000049454e44ae426082"
)
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [("weather", "The weather of a city", CITY), ("time", "The time in a city", CITY)]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["city", "inhabitants"],
    "additionalProperties": False,
}
ENDED = ("stop", "completed", "end_turn", "STOP")
CALLED = ("tool_calls", "completed", "tool_use", "STOP")
streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def modeld(module_starter):
    server = Modeld()
    yield server
    server.stop()


@dataclass
class Owner:
    """Whose key the clients use."""

    url: str
    key: str


@pytest.fixture(scope="module")
def gateway(module_starter, modeld):
    return module_starter(
        {
            "providers": [provider(name, modeld.url) for name in UPSTREAMS],
            "keys": [{"name": "other", "value": OTHER_KEY, "models": ["*"]}],
        }
    )


def made(owner, stack):
    clients = {name: make(owner) for name, make in CLIENTS.items()}
    for one in clients.values():
        stack.callback(one.client.close)
    return clients


@pytest.fixture(scope="module")
def clients(gateway):
    with contextlib.ExitStack() as stack:
        yield made(gateway, stack)


@pytest.fixture(scope="module")
def others(gateway):
    """The same clients with another key, for which the gateway remembers nothing."""
    with contextlib.ExitStack() as stack:
        yield made(Owner(gateway.url, OTHER_KEY), stack)


def pytest_generate_tests(metafunc):
    if "cell" in metafunc.fixturenames:
        metafunc.parametrize("client_name", CLIENTS)
        metafunc.parametrize("upstream", UPSTREAMS)


def scenario(name):
    """Under which name the report tells of a test."""
    return pytest.mark.scenario(name)


class Cell:
    """One client, one upstream, one scenario: a model's name of its own, by which the upstream knows it."""

    def __init__(self, client, modeld, names, script):
        self.client, self.modeld = client, modeld
        self.client_name, self.upstream, self.scenario = names
        self.number = str(next(NUMBERS))
        self.model = f"{self.upstream}/{UPSTREAMS[self.upstream][3]}_{script}_{self.number}"
        self.excuse = excuse(self.scenario, self.client_name, self.upstream)

    @property
    def seen(self):
        """The last request, as the upstream understood it."""
        return self.modeld.of(self.number)[-1].seen

    @property
    def is_same(self):
        return SAME.get(self.upstream) == self.client_name

    def ask(self, turns, stream=False, **options):
        """The reply, for which nothing was left out; `None` when the table says why not, and the gateway said so too."""
        found = self.excuse
        if found and found.vendor:
            failure = self.failure(turns, stream, **options)
            assert (failure.status, failure.code) == (400, "upstream_rejected")
            return None
        reply = self.client.ask(self.model, turns, stream, **options)
        assert sorted(self.client.dropped) == sorted(found.dropped if found else ())
        return None if found and found.dropped and not found.goes_on else reply

    def failure(self, turns, stream=False, **options):
        with pytest.raises(self.client.failures) as caught:
            self.client.ask(self.model, turns, stream, **options)
        return self.client.failure(caught.value)


@pytest.fixture
def cell(request, clients, modeld, client_name, upstream):
    made = []
    name = request.node.get_closest_marker("scenario").args[0]

    def make(script):
        made.append(Cell(clients[client_name], modeld, (client_name, upstream, name), script))
        return made[-1]

    yield make
    # What pytest shows beside a failure.
    for one in made:
        for come in modeld.of(one.number):
            if come.refusal:
                print(f"{come.upstream} refused: {come.refusal}\n{come.body}")


@scenario("chat")
def test_chat(cell):
    one = cell("chat")
    reply = one.ask("Hello, wörld")
    assert reply.text == TEXT and not reply.calls and not reply.thoughts
    assert reply.finish in ENDED
    assert [(turn.role, turn.parts[0].text) for turn in one.seen.turns] == [("user", "Hello, wörld")]
    assert not one.seen.stream


@scenario("stream")
def test_stream(cell):
    one = cell("chat")
    stream = one.client.open_stream(one.model, "Hello, wörld")
    pieces = [words for event in stream if (words := one.client.words(event))]
    assert "".join(pieces) == TEXT and len(pieces) == len(WORDS), "each word as it came"
    reply = one.ask("Hello, wörld", stream=True)
    assert reply.text == TEXT and not reply.calls and not reply.thoughts
    assert reply.finish in ENDED
    assert one.seen.stream


@scenario("system prompt")
@streamed
def test_system_prompt(cell, stream):
    one = cell("chat")
    reply = one.ask("Hello", stream, system="Be brief.\nAntworte höflich.")
    assert reply.text == TEXT
    assert one.seen.system == "Be brief.\nAntworte höflich."
    assert [turn.role for turn in one.seen.turns] == ["user"]


@scenario("several turns")
@streamed
def test_several_turns(cell, stream):
    one = cell("chat")
    first = one.ask("Hello", stream)
    reply = one.ask([User("Hello"), Model(first), User("And now?")], stream)
    assert reply.text == TEXT
    assert [(turn.role, "".join(part.text for part in turn.parts)) for turn in one.seen.turns] == [
        ("user", "Hello"),
        ("assistant", TEXT),
        ("user", "And now?"),
    ]


@scenario("stop sequences")
@streamed
def test_stop_sequences(cell, stream):
    one = cell("stop")
    reply = one.ask("Hello", stream, stop=[" seven", "END"])
    if reply is None:
        return
    assert reply.text == "".join(WORDS[:3])
    assert one.seen.options["stop"] == [" seven", "END"]
    assert reply.finish.split(":")[0] in (*ENDED, "stop_sequence")
    if one.client_name == "anthropic" and one.upstream == "anthropic":
        assert reply.finish == "stop_sequence: seven"


def results(reply, **more):
    return [Result(call.id, call.name, f"{number} °C", **more) for number, call in enumerate(reply.calls)]


@scenario("parallel tools")
@streamed
def test_parallel_tools(cell, stream):
    one = cell("tools")
    asked = [User("What is the weather?")]
    first = one.ask(asked, stream, tools=TOOLS)
    given = [{"city": city, "days": number} for number, city in enumerate(CITIES)]
    assert [(call.name, call.arguments) for call in first.calls] == [("weather", one) for one in given]
    if (one.client_name, one.upstream) != ("google-genai", "gemini"):
        # Gemini's own calls have no ids.
        assert len({call.id for call in first.calls}) == 3 and all(call.id for call in first.calls)
    assert first.text == "".join(WORDS[:2]) and first.finish in CALLED
    assert [tool.name for tool in one.seen.tools] == ["weather", "time"]
    assert all(tool.schema == CITY and tool.description for tool in one.seen.tools)
    final = one.ask([*asked, Model(first), Results(results(first))], stream, tools=TOOLS)
    assert final.text == TEXT and final.finish in ENDED
    seen = one.seen
    assert [(part.name, part.arguments) for part in seen.all("call")] == [("weather", one) for one in given]
    assert [(part.name, part.text) for part in seen.all("result")] == [("weather", f"{n} °C") for n in range(3)]
    assert "".join(part.text for turn in seen.turns if turn.role == "assistant" for part in turn.of("text")) == first.text
    if one.upstream != "gemini":
        assert [part.id for part in seen.all("result")] == [part.id for part in seen.all("call")]


@scenario("image in a tool's result")
@streamed
def test_image_in_a_result(cell, stream):
    one = cell("tools")
    asked = [User("What is the weather?")]
    first = one.client.ask(one.model, asked, stream, tools=TOOLS)
    answered = results(first)
    answered[1].image = (PNG, "image/png")
    final = one.ask([*asked, Model(first), Results(answered)], stream, tools=TOOLS)
    if final is None:
        return
    assert final.text == TEXT
    assert [image.data for image in one.seen.images] == [PNG]
    assert [part.text for part in one.seen.all("result")] == ["0 °C", "1 °C", "2 °C"]


@scenario("error from a tool")
@streamed
def test_error_from_a_tool(cell, stream):
    one = cell("tools")
    asked = [User("What is the weather?")]
    first = one.client.ask(one.model, asked, stream, tools=TOOLS)
    answered = results(first)
    answered[2].is_error, answered[2].text = True, "no such city"
    final = one.ask([*asked, Model(first), Results(answered)], stream, tools=TOOLS)
    seen = one.seen.all("result")
    assert "no such city" in seen[2].text
    if final is None:
        return
    assert final.text == TEXT
    assert [bool(part.is_error) for part in seen] == [False, False, one.excuse is None]


@scenario("structured output")
@streamed
def test_structured_output(cell, stream):
    one = cell("schema")
    reply = one.ask("Tell me of Zürich", stream, schema=SCHEMA)
    assert reply.text == JSON_TEXT
    assert one.seen.schema == SCHEMA


@scenario("vision")
@streamed
def test_vision(cell, stream):
    one = cell("chat")
    reply = one.ask([User("What is it?", [(PNG, "image/png"), (PNG + b"2", "image/png")])], stream)
    assert reply.text == TEXT
    assert [image.data for image in one.seen.images] == [PNG, PNG + b"2"]
    assert all(image.type in ("image/png", "") for image in one.seen.images)
    assert [part.text for part in one.seen.all("text")] == ["What is it?"]


def think(one, stream, bare, later=None):
    """Thoughts and a call, the call's result, and the answer.

    `later` asks the second time: the seal must be among what the client was given. It goes back as it came.
    """
    asked = [User("What is the weather?")]
    first = one.client.ask(one.model, asked, stream, tools=TOOLS, thinks=True)
    assert first.thoughts == ("" if one.upstream == "openai" else "".join(THOUGHTS))
    assert len(first.calls) == 1
    assert one.seen.options["effort"]
    signature = one.modeld.of(one.number)[-1].answer.signature
    assert bool(signature) == (one.upstream in ("responses", "anthropic", "gemini", "bedrock"))
    if later and not (one.excuse and one.excuse.remembered):
        if signature and one.client_name != "google-genai":
            assert signature in json.dumps(first.native)
        one.client = later
    final = one.ask([*asked, Model(first, bare), Results(results(first))], stream, tools=TOOLS, thinks=True)
    if final is None:
        return
    assert final.text == TEXT
    if signature:
        carried = [part.signature for turn in one.seen.turns for part in turn.parts if part.signature]
        assert carried == [signature]


@scenario("thinking")
@streamed
def test_thinking(cell, stream, others, client_name):
    """What the client carries is enough: another key asks the second time."""
    think(cell("thinking"), stream, bare=False, later=others[client_name])


@scenario("thinking that the client lost")
@streamed
def test_lost_thinking(cell, stream):
    """The gateway remembers what the client leaves out."""
    think(cell("thinking"), stream, bare=True)


#: What each upstream tells beside the totals.
TELLS = {
    "compatible": {"read", "thoughts"},
    "openai": {"read", "thoughts"},
    "responses": {"read", "thoughts"},
    "anthropic": {"read", "written"},
    "gemini": {"read", "thoughts"},
    "bedrock": {"read", "written"},
    "cohere": {"read"},
    "mistral": set(),
    "ollama": set(),
}


def told(client, upstream):
    """The numbers a client must read, in the arithmetic of its vendor."""
    known = TELLS[upstream]
    read, written = (USAGE.read if "read" in known else 0), (USAGE.written if "written" in known else 0)
    thoughts = USAGE.thoughts if "thoughts" in known else 0
    if client == "anthropic":
        return {"input": USAGE.input - read - written, "output": USAGE.output, "read": read, "written": written}
    output = USAGE.output - (thoughts if client == "google-genai" else 0)
    total = USAGE.input + USAGE.output
    return {"input": USAGE.input, "output": output, "total": total, "read": read, "thoughts": thoughts}


@scenario("usage")
@streamed
def test_usage(cell, stream):
    one = cell("chat")
    reply = one.ask("Hello", stream)
    assert {name: count or 0 for name, count in reply.usage.items()} == told(one.client_name, one.upstream)


STATUSES = {
    400: (400, "upstream_rejected", "BadRequestError", "ClientError"),
    401: (502, "upstream_auth_failed", "InternalServerError", "ServerError"),
    429: (429, "upstream_rate_limited", "RateLimitError", "ClientError"),
    500: (502, "upstream_error", "InternalServerError", "ServerError"),
    503: (503, "upstream_overloaded", "InternalServerError", "ServerError"),
}


@streamed
@pytest.mark.parametrize("status", STATUSES)
@scenario("errors")
def test_errors(cell, status, stream):
    one = cell(f"s{status}")
    failure = one.failure("Hello", stream)
    expected, code, openais, googles = STATUSES[status]
    assert (failure.status, failure.code) == (expected, code)
    kinds = {"google-genai": {googles}, "anthropic": {openais, "ServiceUnavailableError" if status == 503 else openais}}
    assert failure.kind in kinds.get(one.client_name, {openais})
    if status in (429, 503):
        assert failure.headers["retry-after"] == "7"


@scenario("cancel")
def test_leaving_a_stream(cell):
    one = cell("endless")
    stream = one.client.open_stream(one.model, "Hello")
    words = (piece for event in stream if (piece := one.client.words(event)))
    assert [next(words) for _ in range(3)] == WORDS[:3]
    stream.close()
    assert one.modeld.of(one.number)[0].left.wait(10)


@scenario("cancel")
def test_leaving_a_whole_answer(cell, gateway):
    one = cell("endless")

    async def leave():
        client = type(one.client)(gateway)
        asking = asyncio.create_task(client.whole_asynchronous(one.model, "Hello"))
        came = (await asyncio.to_thread(one.modeld.wait, one.number))[0]
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await asyncio.to_thread(came.left.wait, 10)
        await client.close_asynchronous()
        client.client.close()

    asyncio.run(leave())


@scenario("upstream dies")
@streamed
def test_an_upstream_that_dies(cell, stream):
    one = cell("cut")
    failure = one.failure("Hello", stream)
    if stream:
        assert failure.code == "upstream_truncated"
    else:
        assert (failure.status, failure.code) == (502, "upstream_unreachable")


@scenario("error in a stream")
def test_an_error_in_a_stream(cell):
    one = cell("fault")
    failure = one.failure("Hello", True)
    assert failure.code in ("upstream_error", "upstream_overloaded")


@scenario("long names of tools")
@streamed
def test_long_names_of_tools(cell, stream):
    one = cell("names")
    stem = "mcp__a-server-with-a-long-name__" + "x" * 40
    names = [f"{stem}_first__", f"{stem}_second_"]
    assert {len(name) for name in names} == {80} and names[0][:64] == names[1][:64]
    tools = [(name, "A tool", CITY) for name in names]
    asked = [User("Call them")]
    first = one.ask(asked, stream, tools=tools)
    if first is None:
        return
    assert [call.name for call in first.calls] == names
    final = one.ask([*asked, Model(first), Results(results(first))], stream, tools=tools)
    assert final.text == TEXT
    called = [part.name for part in one.seen.all("call")]
    assert called == [tool.name for tool in one.seen.tools] and len(set(called)) == 2


OPTIONS = {
    "max_tokens": 321,
    "temperature": 0.25,
    "top_p": 0.5,
    "top_k": 7,
    "seed": 11,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.75,
}
#: What a vendor has no words for; it refuses a client of its own format that sends it all the same.
UNKNOWN = {
    "openai": {"top_k"},
    "mistral": {"top_k"},
    "responses": {"top_k", "seed", "presence_penalty", "frequency_penalty"},
    "anthropic": {"seed", "presence_penalty", "frequency_penalty"},
}


def arrived_or_told(one, option):
    """Whether it arrived; else it must be named."""
    arrived = one.seen.options.get(option) == OPTIONS[option]
    told = [name.replace("_", "").lower() for name in one.client.dropped]
    assert arrived != (option.replace("_", "") in told), (one.seen.options, one.client.dropped)
    return arrived


@scenario("sampling parameters")
@streamed
@pytest.mark.parametrize("option", OPTIONS)
def test_sampling(cell, option, stream, record_property):
    one = cell("chat")
    if one.is_same and option in UNKNOWN.get(one.upstream, ()):
        failure = one.failure("Hello", stream, **{option: OPTIONS[option]})
        assert (failure.status, failure.code) == (400, "upstream_rejected")
        return record_property("explained", option)
    one.client.ask(one.model, "Hello", stream, **{option: OPTIONS[option]})
    if not arrived_or_told(one, option):
        record_property("explained", option)


@scenario("sampling parameters")
@streamed
def test_sampling_together(cell, stream):
    """Some vendors take one or the other."""
    one = cell("chat")
    asked = dict(OPTIONS)
    if one.is_same:
        unknown = UNKNOWN.get(one.upstream, set()) | ({"top_p"} if one.upstream == "anthropic" else set())
        asked = {name: value for name, value in asked.items() if name not in unknown}
    one.client.ask(one.model, "Hello", stream, **asked)
    for option in asked:
        arrived_or_told(one, option)
