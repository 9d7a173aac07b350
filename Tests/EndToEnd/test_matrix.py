"""Every official client against every kind of upstream, one scenario after the other.

The upstreams are played by Tests/Support/modeld, which is as strict as the vendors are. Cells that cannot be had stand in
EXPLAINED with their reason; the test then holds the gateway to an honest answer.
"""

import contextlib
import itertools

import pytest

from harness.clients import CLIENTS
from harness.matrix import UPSTREAMS, Modeld, provider
from modeld.script import TEXT

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def gateway(module_starter, modeld):
    return module_starter({"providers": [provider(name, modeld.url) for name in UPSTREAMS]})


@pytest.fixture(scope="module")
def modeld(module_starter):
    server = Modeld()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def clients(gateway):
    with contextlib.ExitStack() as stack:
        made = {name: make(gateway) for name, make in CLIENTS.items()}
        for one in made.values():
            stack.callback(one.client.close)
        yield made


@pytest.fixture
def client(clients, request):
    return clients[request.param]


@pytest.fixture(params=UPSTREAMS)
def upstream(request):
    return request.param


def pytest_generate_tests(metafunc):
    if "client" in metafunc.fixturenames:
        metafunc.parametrize("client", CLIENTS, indirect=True)


class Cell:
    def __init__(self, client, upstream, modeld, scenario):
        self.client, self.modeld = client, modeld
        self.number = str(next(NUMBERS))
        self.model = f"{upstream}/{UPSTREAMS[upstream][3]}_{scenario}_{self.number}"

    @property
    def seen(self):
        """The last request, as the upstream understood it."""
        return self.modeld.of(self.number)[-1].seen


@pytest.fixture
def cell(client, upstream, modeld):
    made = []

    def make(scenario):
        made.append(Cell(client, upstream, modeld, scenario))
        return made[-1]

    yield make
    # What pytest shows beside a failure.
    for one in made:
        for request in modeld.of(one.number):
            if request.refusal:
                print(f"{request.upstream} refused: {request.refusal}\n{request.body}")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_chat(cell, stream):
    one = cell("chat")
    reply = one.client.ask(one.model, "Hello, wörld", stream)
    assert reply.text == TEXT and not reply.calls and not reply.thoughts
    assert reply.finish in ("stop", "completed", "end_turn", "STOP")
    assert [(turn.role, turn.parts[0].text) for turn in one.seen.turns] == [("user", "Hello, wörld")]
    assert one.seen.stream is stream
