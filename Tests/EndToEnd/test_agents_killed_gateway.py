"""kill -9 of the gateway at random moments: no agent is left a second later, and the next start tells and cleans.

5 moments, or as many as GATEHOUSE_SOAK_MOMENTS says; `scripts/soak agents` takes 50.
"""
import asyncio
import contextlib
import os
import pathlib
import random
import signal
import time

import pytest

from harness.gateway import eventually
from harness.hostile import HostileAgent
from harness.sandbox import why_no_sandbox

MOMENTS = int(os.environ.get("GATEHOUSE_SOAK_MOMENTS", "5"))
RUNS = 20


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    return HostileAgent(tmp_path_factory.mktemp("hostile"))


def configuration(agent, grace="30s"):
    """Where there are sandboxes half of the runs have one, and half have none."""
    return {"agents": [
        agent.configuration("stays", name, sandbox=sandbox, concurrency=RUNS, timeouts={"grace": grace})
        for name, sandbox in [("caged", "off" if why_no_sandbox() else "readOnly"), ("bare", "off")]]}


def kill_when(gateway, moment):
    """Starts the runs and kills the gateway after `moment` seconds; or once it is true."""

    async def look():
        async with contextlib.AsyncExitStack() as stack:
            for number in range(RUNS):
                reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                stack.callback(writer.close)
                body = {"model": ["caged", "bare"][number % 2], "messages": [{"role": "user", "content": "x"}]}
                writer.write(gateway.request("/v1/chat/completions", body))
                await writer.drain()
            if callable(moment):
                await asyncio.to_thread(eventually, moment)
            else:
                await asyncio.sleep(moment)
            gateway.ended_by_test = True
            gateway.signal(signal.SIGKILL)
            gateway.wait()

    asyncio.run(look())
    return time.monotonic()


def folders(gateway):
    return list((gateway.data / "runs").glob("run-*"))


def said(gateway):
    """What the gateway that was started anew has to say of the one before it."""
    return [line for line in gateway.log_lines() if "was killed" in line.get("message", "")]


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_kill_9_at_a_random_moment(start, agent, moment):
    seed = random.randrange(1 << 32)
    gateway = start(configuration(agent))
    killed = kill_when(gateway, random.Random(seed).uniform(0, 1.5))
    eventually(lambda: not agent.processes(), 1 - (time.monotonic() - killed), f"no agent 1 s after kill -9 (seed {seed})")
    left = len(folders(gateway))
    again = start(configuration(agent), data=gateway.data)
    eventually(lambda: not folders(again), what="the old folders removed")
    if left:
        [line] = eventually(lambda: said(again), what="a word of what was left")
        assert int(line["runs"]) == left
    assert not agent.processes()


def start_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])


def supervisors(gateway):
    return [pid for pid in gateway.children()
            if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("gatehouse-super")]


def test_the_next_start_ends_what_lost_its_supervisor_too(start, agent):
    """The worst case: gateway and supervisors are killed at once, and the agents have no sandbox."""
    gateway = start(configuration(agent))
    pids = []

    def look():
        if len(agent.processes()) == 2 * RUNS:
            pids.extend(supervisors(gateway))
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
        return pids

    kill_when(gateway, look)
    assert len(pids) >= RUNS
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    # What was in a sandbox goes with it, and so does the first process of each other run; their orphans do not.
    eventually(lambda: len(agent.processes()) <= RUNS // 2, what="only orphans of runs without a sandbox left")
    if why_no_sandbox() == "":
        assert len(agent.processes()) == RUNS // 2
    again = start(configuration(agent), data=gateway.data)
    [line] = eventually(lambda: said(again), what="a word of what was left")
    assert int(line["runs"]) == RUNS
    assert line["processes"].count(agent.name) == RUNS // 2
    assert not agent.processes() and not folders(again)


def test_what_a_killed_supervisor_leaves_is_ended(start, agent):
    gateway = start(configuration(agent))

    async def look():
        call = asyncio.create_task(gateway.chat("bare", text="x", timeout=60))
        await asyncio.to_thread(eventually, lambda: len(agent.processes()) == 2)
        for pid in supervisors(gateway):
            os.kill(pid, signal.SIGKILL)
        return await call

    answer = asyncio.run(look())
    assert answer.error["code"] == "agent_crashed"
    eventually(lambda: not agent.processes(), 3, "nothing left of the agent")
    gateway.await_log("The supervisor of an agent was killed")
    eventually(lambda: not folders(gateway), what="its folder removed")


def test_a_pid_that_was_given_anew_is_left_alone(start, agent, tmp_path):
    """A journal names processes by the time they began, and by the boot; others with the same pid are safe."""
    gateway = start(configuration(agent))
    runs = gateway.data / "runs"
    own = start_of(os.getpid())
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    journals = {
        "run-other-time": f"boot {boot}\nprocess {os.getpid()} {own - 1}\n",
        "run-other-boot": f"boot 00000000-0000-0000-0000-000000000000\nprocess {os.getpid()} {own}\n",
        "run-no-boot": f"process {os.getpid()} {own}\n",
        "run-nonsense": f"boot {boot}\nprocess 1\nprocess x y\ncgroup /sys/fs/cgroup\n\0\n",
    }
    gateway.ended_by_test = True
    gateway.signal(signal.SIGKILL)
    gateway.wait()
    for name, text in journals.items():
        (runs / name).mkdir()
        (runs / name / "process").write_text(text)
    again = start(configuration(agent), data=gateway.data)
    [line] = eventually(lambda: said(again), what="a word of what was left")
    assert int(line["runs"]) == len(journals)
    assert not line.get("processes")
    assert not folders(again)


def test_agents_are_children_of_a_supervisor_that_is_noted_before_they_begin(start, agent):
    gateway = start(configuration(agent, grace="100ms"))

    async def look():
        call = asyncio.create_task(gateway.chat("caged", text="x", timeout=60))
        await asyncio.to_thread(eventually, agent.processes)
        [journal] = (gateway.data / "runs").glob("run-*/process")
        text, started = journal.read_text(), {pid: start_of(pid) for pid in gateway.children()}
        call.cancel()
        return text, started

    text, started = asyncio.run(look())
    boot, *rest = text.splitlines()
    assert boot == "boot " + pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    noted = [tuple(map(int, line.split()[1:])) for line in rest if line.startswith("process ")]
    assert len(noted) == 2 and set(noted) <= set(started.items())
