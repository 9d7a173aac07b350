"""The gateway under test: one process, its files, and what can be seen of it from outside."""

import asyncio
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import time

from .wire import exchange, request_bytes

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(os.environ.get("GATEHOUSE_BINARY", ROOT / ".build-release/release/gatehouse"))

LATE_FILES = ("/runs/.lock", "/gatehouse.db", "/gatehouse.db-wal", "/gatehouse.db-shm")
LOOP_DESCRIPTORS = ("anon_inode:[event", "anon_inode:[signalfd", "anon_inode:[timerfd")


def eventually(condition, seconds=10, what="condition"):
    """The first true value of `condition`; for states that can only be looked at."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(0.01)
    return value


def environment(home, extra=None):
    """Nothing of the tester's own but the way to executables: no provider keys, no agents' logins."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", **(extra or {})}


def run(arguments, home, extra=None, timeout=30):
    """One command of the binary to its end."""
    return subprocess.run(
        [BINARY, *map(str, arguments)],
        env=environment(home, extra),
        timeout=timeout,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


class Gateway:
    """A running `gatehouse serve`."""

    def __init__(self, home, config=None, env=None, data=None, port=0, prefix=(), binary=BINARY):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.data = data or self.home / "data"
        self.config_file = self.home / "gatehouse.yaml"
        self.log_file = self.home / "stderr.log"
        command = [*prefix, str(binary), "serve", "--data-dir", str(self.data), "--port", str(port)]
        if config is not None:
            self.configure(config)
            command += ["--config", str(self.config_file)]
        self.log = open(self.log_file, "ab")
        # Nobody stands before it who would have to turn away first.
        env = {"GATEHOUSE_SERVER_PRE_DRAIN": "0s", **(env or {})}
        self.process = subprocess.Popen(
            command, env=environment(self.home, env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log
        )
        self.output = ""
        self.ended_by_test = False
        self.port = self._await_port()
        self.key = (self.data / "admin.key").read_text().strip()
        assert asyncio.run(self.call("/health/live")).status == 200
        self.baseline = self.descriptors()

    def configure(self, config):
        """Writes the configuration: text as it is, else as JSON, which is YAML too."""
        self.config_file.write_text(config if isinstance(config, str) else json.dumps(config, indent=1))

    def _await_port(self):
        deadline = time.monotonic() + 20
        pipe = self.process.stdout
        os.set_blocking(pipe.fileno(), False)
        while not (match := re.search(r"listens on https?://\S+:(\d+)\n(?s:.*)Try it:(?s:.*)\n$", self.output)):
            ready, _, _ = select.select([pipe], [], [], max(0, deadline - time.monotonic()))
            data = os.read(pipe.fileno(), 65536) if ready else b""
            assert data, f"the gateway did not start: {self.output}\n{self.log_file.read_text()[-2000:]}"
            self.output += data.decode()
        return int(match.group(1))

    # Calls

    def request(self, path, body=None, **options):
        """The bytes of a request with the admin key."""
        return request_bytes(path, body, **{"key": self.key, **options})

    async def call(self, path, body=None, timeout=30, **options):
        return await exchange(self.port, self.request(path, body, **options), timeout)

    async def chat(self, model, *, stream=False, text="Hello", timeout=30, headers=(), **fields):
        body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
        if stream:
            body["stream"] = True
        return await self.call("/v1/chat/completions", body, timeout, headers=headers)

    def forgive(self):
        """Closes all breakers and ends all rests, as an operator may."""
        assert asyncio.run(self.call("/admin/api/deployments/reset", {})).status == 200

    # Looks from outside

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def descriptors(self):
        """What is open: files, sockets, pipes, process handles. Not the event loops' own, made lazily."""
        found, folder = [], f"/proc/{self.process.pid}/fd"
        for number in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{number}")
            except OSError:
                continue
            # The lock of the agents' runs is taken a moment after the start; readers of the database open it when there is
            # something to read, and there are at most four of them.
            if not target.startswith(LOOP_DESCRIPTORS) and not target.endswith(LATE_FILES):
                found.append(target)
        return sorted(found)

    def await_baseline(self):
        """Waits until no more is open than after the start."""
        deadline = time.monotonic() + 15
        while len(now := self.descriptors()) > len(self.baseline):
            assert time.monotonic() < deadline, f"open after the start: {self.baseline}\nopen now: {now}"
            time.sleep(0.02)

    def await_host(self):
        """Waits until it has found out what the host offers for agents: it tries that out with processes."""
        eventually(lambda: "sandbox" in asyncio.run(self.call("/health")).json(), what="the host's offer")

    def await_alone(self):
        """Waits until nobody is connected, neither a caller nor an upstream: only the listener is left."""
        eventually(lambda: sum(one.startswith("socket:") for one in self.descriptors()) == 1, what="only the listener")

    def children(self):
        """Pids of the processes below the gateway, any depth."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    parents[int(entry)] = int(
                        pathlib.Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[1]
                    )
                except OSError:
                    continue
        found, edge = set(), {self.process.pid}
        while edge:
            edge = {pid for pid, parent in parents.items() if parent in edge} - found
            found |= edge
        return found

    def resident(self):
        """Bytes of memory in use."""
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def log_lines(self, path=None):
        lines = []
        try:
            text = (path or self.log_file).read_text(errors="replace")
        except FileNotFoundError:
            return lines  # Just being turned over: the new file is not there yet.
        for line in text.splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"raw": line})
        return lines

    def access(self, request_id, path=None):
        """The access record of a call, awaited."""

        def look():
            return next(
                (
                    line
                    for line in self.log_lines(path)
                    if line.get("label") == "access" and line.get("request_id") == request_id
                ),
                None,
            )

        return eventually(look, what=f"access record of {request_id}")

    def await_log(self, text, seconds=10):
        return eventually(lambda: text in self.log_file.read_text(errors="replace"), seconds, f"log with {text!r}")

    # End

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=20):
        return self.process.wait(seconds)

    def stop(self):
        """Ends it as an operator would and checks that nothing went wrong meanwhile."""
        try:
            if self.ended_by_test:
                return
            assert self.process.poll() is None, f"the gateway ended by itself: {self.process.returncode}\n{self.tail()}"
            eventually(lambda: not self.children(), what="no child process")
            self.await_baseline()
            self.signal(signal.SIGTERM)
            assert self.wait() == 0, f"exit {self.process.returncode} after SIGTERM\n{self.tail()}"
        finally:
            self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def tail(self):
        return self.log_file.read_text(errors="replace")[-3000:]
