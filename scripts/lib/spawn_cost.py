"""What a sandbox costs: the time from starting a command to its end, bare and as the gateway starts an agent.

    spawn_cost.py [COUNT]

The supervisor's command line is that of a real run of a real gateway, taken over while an agent hangs in it; then it is
run again and again with /bin/true as the agent, in turns with /bin/true by itself. Whole calls through the gateway come
third: /bin/echo as an agent, from the request to the end of the answer, beside /bin/echo by itself.
"""
import asyncio
import http.client
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))

from harness.gateway import Gateway, eventually  # noqa: E402
from harness.sandbox import why_no_sandbox  # noqa: E402

COMMAND = "/bin/true"


def arguments_of(pid):
    """The command line of a process; nothing when it has ended meanwhile."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    except OSError:
        return []


def supervised(gateway, model):
    """The command line that the gateway starts an agent with."""

    async def look():
        call = asyncio.create_task(gateway.chat(model))

        def found():
            lines = [arguments_of(pid) for pid in gateway.children()]
            return next((line for line in lines if line[-1:] == ["600"] and line[0].endswith("gatehouse-supervisor")), None)

        line = await asyncio.to_thread(eventually, found)
        call.cancel()
        return line

    line = asyncio.run(look())
    eventually(lambda: not gateway.children(), what="the end of the run")
    return line


def again(line):
    """The same with another parent, another folder of the run and another agent."""
    line = line[:-2] + [COMMAND]
    line[line.index("--parent") + 1] = str(os.getpid())
    run = line[line.index("--run") + 1]
    pathlib.Path(run, "work").mkdir(parents=True, exist_ok=True)
    return line


def measure(lines, count):
    """Milliseconds of each, in turns: wall time, and processor time of all that was started."""
    taken = {name: ([], []) for name in lines}
    for _ in range(count):
        for name, line in lines.items():
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run(line, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
            taken[name][0].append(wall * 1000)
            taken[name][1].append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
    return taken


def call(gateway, model):
    """Seconds of one call, on a connection that is open already."""
    if not hasattr(gateway, "connection"):
        gateway.connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    connection = gateway.connection
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "x"}]})
    start = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {gateway.key}"})
    response = connection.getresponse()
    answer = response.read()
    assert response.status == 200, answer
    return time.perf_counter() - start


def measure_calls(gateway, models, count):
    """Milliseconds of whole calls, in turns with the same command by itself."""
    taken = {name: [] for name in ["bare", *models]}
    for _ in range(count):
        start = time.perf_counter()
        subprocess.run(["/bin/echo", "ready"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        taken["bare"].append((time.perf_counter() - start) * 1000)
        for name, model in models.items():
            taken[name].append(call(gateway, model) * 1000)
    return taken


def tell(title, taken):
    """The median of each, beside that of the first, and in how many calls."""
    print(f"{title}, {len(next(iter(taken.values())))} times each:")
    bare = statistics.median(next(iter(taken.values())))
    for name, wall in taken.items():
        quarters = statistics.quantiles(wall, n=4)
        print(f"  {name:18} median {quarters[1]:6.2f} ms  (quarter {quarters[0]:6.2f}, three quarters {quarters[2]:6.2f}), "
              f"{quarters[1] - bare:+6.2f} ms over bare, {quarters[1] / bare:.1f} times")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory(prefix="gatehouse-cost-") as folder:
        kinds = {"without a sandbox": "off"} | ({} if why_no_sandbox() else {"sandboxed": "readOnly"})
        agents = [
            {"name": sandbox, "kind": "custom", "command": ["/bin/sleep", "600"], "sandbox": sandbox, "timeouts": {"grace": "100ms"}}
            for sandbox in kinds.values()]
        agents += [{**agent, "name": f"echo-{agent['name']}", "command": ["/bin/echo", "ready"]} for agent in agents]
        gateway = Gateway(folder, {"agents": agents})
        lines = {"bare": [COMMAND]}
        for name, sandbox in kinds.items():
            lines[name] = supervised(gateway, sandbox)
        lines |= {name: again(lines[name]) for name in kinds}
        taken = measure(lines, count)
        for path in (gateway.data / "runs").glob("run-*"):
            subprocess.run(["rm", "-r", path], check=True)
        calls = measure_calls(gateway, {name: f"echo-{sandbox}" for name, sandbox in kinds.items()}, count)
        gateway.stop()
    tell("Starting a command and awaiting its end", {name: wall for name, (wall, _) in taken.items()})
    for name, (_, processor) in taken.items():
        print(f"  {name:18} {statistics.median(processor):5.2f} ms of processor time")
    tell("A whole call through the gateway", calls)


if __name__ == "__main__":
    main()
