"""What the soaks share: a gateway, a counting upstream, a load of a fixed rate, and figures."""

import contextlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEnd"))

from harness.crowd import raise_limit  # noqa: E402
from harness.faults import Faultd  # noqa: E402
from harness.gateway import Gateway  # noqa: E402
from harness.wire import request_bytes  # noqa: E402


class Scene:
    """A folder, an upstream that counts, and gateways; all of it ends with the block."""

    def __enter__(self):
        raise_limit(30_000)
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="gatehouse-soak-")))
        self.faultd = Faultd("--lean")
        self.stack.callback(self.faultd.stop)
        self.load = compiled(self.folder)
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def gateway(self, config, name="gateway", **options):
        gateway = Gateway(self.folder / name, config, **options)
        self.stack.callback(gateway.kill)
        return gateway

    def begin_load(self, port, body, phases, connections=2000, key=None):
        """Begins to send; `phases` are pairs of calls a second and seconds."""
        request = self.folder / f"request-{time.monotonic_ns()}"
        request.write_bytes(request_bytes("/v1/chat/completions", body, key=key))
        plan = ",".join(f"{rate}:{seconds}" for rate, seconds in phases)
        command = [self.load, str(port), request, str(connections), plan]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.stack.callback(process.kill)
        return process

    def run_load(self, *arguments, **options):
        return calls(self.begin_load(*arguments, **options))


def compiled(folder):
    compiler = shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("no C compiler to make the load with")
    program = folder / "load"
    subprocess.run([compiler, "-O2", "-Wall", "-Werror", "-o", program, HERE / "load.c"], check=True)
    return program


class Call:
    """One call: seconds since the start when it was due, seconds that it took, its status (see load.c)."""

    __slots__ = ("due", "took", "status")

    def __init__(self, line):
        due, took, status = line.split()
        self.due, self.took, self.status = int(due) / 1e6, int(took) / 1e6, int(status)


def calls(process):
    output, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"the load ended with {process.returncode}")
    return [Call(line) for line in output.splitlines()]


def chat(model):
    """A request's body; the number of the call becomes its user."""
    return {"model": model, "user": "soak-@@@@@@@@", "messages": [{"role": "user", "content": "How are you today?"}]}


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def statuses(calls):
    found = {}
    for call in calls:
        found[call.status] = found.get(call.status, 0) + 1
    return dict(sorted(found.items()))


class Probe(threading.Thread):
    """Asks for a route again and again on a connection of its own, and keeps how long each answer took."""

    def __init__(self, port, path, pause, key=None):
        super().__init__(daemon=True)
        self.port, self.path, self.pause, self.key = port, path, pause, key
        self.took, self.failures, self.over = [], 0, threading.Event()

    def run(self):
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"authorization": f"Bearer {self.key}"} if self.key else {}
        while not self.over.wait(self.pause):
            began = time.monotonic()
            try:
                connection.request("GET", self.path, headers=headers)
                response = connection.getresponse()
                response.read()
                self.failures += response.status != 200
            except OSError:
                self.failures += 1
                connection.close()
            self.took.append(time.monotonic() - began)
        connection.close()

    def stop(self):
        self.over.set()
        self.join()


class Verdict:
    """Collects what was promised and what was found."""

    def __init__(self):
        self.failed = []

    def check(self, promise, found, holds):
        print(f"{'holds' if holds else 'BROKEN'}  {promise}: {found}", flush=True)
        if not holds:
            self.failed.append(f"{promise}: {found}")

    def end(self):
        if self.failed:
            raise SystemExit(f"{len(self.failed)} promises are broken")
