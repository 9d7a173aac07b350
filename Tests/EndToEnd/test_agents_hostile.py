"""Twelve agents that no gateway wants, again and again: each run ends with the right code, and nothing of it is left.

300 runs, or as many as GATEHOUSE_SOAK_RUNS says; `scripts/soak agents` takes 10,000.
"""
import asyncio
import os
import random
import threading
import time

import pytest

from harness.agents import streamed_text
from harness.gateway import eventually
from harness.hostile import HostileAgent
from harness.sandbox import why_no_sandbox

RUNS = int(os.environ.get("GATEHOUSE_SOAK_RUNS", "300"))
PARALLEL = 8
MEBIBYTE = 1 << 20
SOON = {"firstOutput": "700ms", "idle": "500ms", "grace": "200ms"}
# What each gets: a status and a code, or how its answer begins.
MODES = {
    "ignores-term": (504, "agent_timeout"),
    "stops-itself": (504, "agent_timeout"),
    "forks": (504, "agent_timeout"),
    "daemonizes": (200, "it is on its own"),
    "holds-the-pipe": (200, "my child holds the pipe"),
    "never-reads": (504, "agent_timeout"),
    "one-line": (502, "agent_output_too_large"),
    "many-lines": (200, "a line.\na line.\n"),
    "not-utf8": (200, "\ufffd"),
    "silent": (504, "agent_timeout"),
    "dies": (502, "agent_crashed"),
    "empty": (502, "agent_empty_answer"),
}
SANDBOXES = ["readOnly", "off"]


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    return HostileAgent(tmp_path_factory.mktemp("hostile"))


def configured(agent, mode, sandbox):
    more = {"output": "claude"} if mode == "one-line" else {}
    patience = dict(SOON) if MODES[mode][0] == 504 else {"grace": "200ms"}
    # A place is free again when nothing of its run is left, which may be after the answer: more places than callers.
    return agent.configuration(
        mode, f"{mode}-{sandbox}", sandbox=sandbox, concurrency=4 * PARALLEL, timeouts=patience, **more)


@pytest.fixture(scope="module")
def sandboxes():
    return ["off"] if why_no_sandbox() else SANDBOXES


@pytest.fixture(scope="module")
def gateway(module_starter, agent, sandboxes):
    return module_starter({"agents": [configured(agent, mode, sandbox) for mode in MODES for sandbox in sandboxes]})


async def run(gateway, mode, sandbox):
    """One run; what is wrong with its end, or nothing."""
    status, expected = MODES[mode]
    # More than a pipe holds, for the one that does not read it.
    prompt = "p" * (MEBIBYTE if mode == "never-reads" else 1000)
    response = await gateway.chat(f"{mode}-{sandbox}", text=prompt, stream=status == 200, timeout=60)
    if status == 200:
        text = streamed_text(response)
        if response.status != 200 or not text.startswith(expected) or response.events[-1] != "[DONE]":
            return f"{mode}: {response.status} {text[:100]!r} {response.body[-300:]!r}"
        if mode == "many-lines" and text.count("\n") != 999_999:
            return f"{mode}: {text.count(chr(10))} lines"
        return None
    code = response.error["code"] if response.status >= 400 else response.body[:200]
    return None if (response.status, code) == (status, expected) else f"{mode}: {response.status} {code}"


class PeakMemory:
    """The most memory that a gateway has while this is entered."""

    def __init__(self, gateway):
        self.gateway, self.peak, self.ended = gateway, 0, threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self):
        while not self.ended.wait(0.01):
            self.peak = max(self.peak, self.gateway.resident())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def assert_nothing_left(gateway, agent, seconds):
    eventually(lambda: not agent.processes(), seconds, "no process of an agent, and no zombie")
    eventually(lambda: not gateway.children(), seconds, "no child of the gateway")
    eventually(lambda: not list((gateway.data / "runs").glob("run-*")), seconds, "no folder of a run")


@pytest.mark.parametrize("mode", MODES)
def test_each_ends_as_it_should_and_leaves_nothing(gateway, agent, sandboxes, mode):
    for sandbox in sandboxes:
        problem = asyncio.run(run(gateway, mode, sandbox))
        assert problem is None, gateway.tail()
        assert_nothing_left(gateway, agent, 3)


def test_a_gigabyte_without_a_line_costs_no_memory(gateway, agent, sandboxes):
    for sandbox in sandboxes:
        before = gateway.resident()
        with PeakMemory(gateway) as memory:
            assert asyncio.run(run(gateway, "one-line", sandbox)) is None
        assert memory.peak - before <= 16 * MEBIBYTE

    async def several():
        return await asyncio.gather(*[run(gateway, "one-line", sandboxes[0]) for _ in range(PARALLEL)])

    before = gateway.resident()
    for _ in range(5):
        assert not any(asyncio.run(several()))
        assert_nothing_left(gateway, agent, 3)
    assert gateway.resident() - before <= 16 * MEBIBYTE, "what long lines took is given back"


def test_many_runs_leave_nothing(gateway, agent, sandboxes):
    """In a random order that the seed in the failure gives again, several at a time."""
    seed = random.randrange(1 << 32)
    plan = [(mode, sandbox) for _ in range(RUNS // len(MODES) // len(sandboxes)) for mode in MODES for sandbox in sandboxes]
    random.Random(seed).shuffle(plan)
    queue = iter(plan)

    async def work():
        problems = []
        for mode, sandbox in queue:
            if problem := await run(gateway, mode, sandbox):
                problems.append(problem)
        return problems

    async def all_of_them():
        return sum(await asyncio.gather(*[work() for _ in range(PARALLEL)]), [])

    # The first runs warm up what stays: threads, connections, buffers of the allocator.
    warm = iter(plan[:4 * PARALLEL])
    queue, rest = warm, plan[4 * PARALLEL:]
    assert asyncio.run(all_of_them()) == [], f"seed {seed}"
    assert_nothing_left(gateway, agent, 3)
    before, started = gateway.resident(), time.monotonic()
    queue = iter(rest)
    problems = asyncio.run(all_of_them())
    assert problems == [], f"seed {seed}, {len(problems)} of {len(plan)}"
    assert_nothing_left(gateway, agent, 3)
    gateway.await_baseline()
    growth = gateway.resident() - before
    print(f"{len(plan)} runs in {time.monotonic() - started:.0f} s, memory {growth / MEBIBYTE:+.1f} MiB")
    assert growth <= 16 * MEBIBYTE
