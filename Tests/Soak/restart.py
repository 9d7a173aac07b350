#!/usr/bin/env python3
"""P12: two instances behind nginx are restarted in turn, under streams and short calls: nothing fails, nothing is cut.

    restart.py [--times N] [--streams N] [--rate R]

nginx runs with docs/deploy/nginx.conf, its ports replaced. Needs nginx (Debian: nginx-light).
"""

import argparse
import asyncio
import calendar
import re
import shutil
import signal
import socket
import subprocess
import time

from common import HERE, Scene, Verdict, calls, chat, quantile, statuses
from harness.gateway import eventually
from harness.wire import read_body, read_head, request_bytes

KEY = "sk-soak-0123456789abcdef"
#: Three seconds long.
STREAM = "fault/words~split@100~drip@150"


def find_nginx():
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if found is None:
        raise SystemExit("nginx is not installed (Debian: nginx-light)")
    return found


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Nginx:
    """nginx with the shipped configuration of the site, in a folder of its own."""

    def __init__(self, folder, ports):
        folder.mkdir()
        self.port = free_port()
        site = (HERE.parents[1] / "docs/deploy/nginx.conf").read_text()
        for written, real in [("8081", ports[0]), ("8082", ports[1]), ("listen 8080", f"listen 127.0.0.1:{self.port}")]:
            assert written in site
            site = site.replace(written, str(real))
        (folder / "site.conf").write_text(site)
        (folder / "nginx.conf").write_text(
            f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log warn;\nworker_processes 1;\n"
            "events { worker_connections 4096; }\n"
            f"http {{\n access_log off;\n client_body_temp_path {folder}/body;\n proxy_temp_path {folder}/proxy;\n"
            f" fastcgi_temp_path {folder}/fastcgi;\n uwsgi_temp_path {folder}/uwsgi;\n scgi_temp_path {folder}/scgi;\n"
            f" include {folder}/site.conf;\n}}\n"
        )
        command = [find_nginx(), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        self.errors = folder / "error.log"
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Instance:
    """One of the two; it comes back at the same port."""

    def __init__(self, scene, name, port, config):
        self.scene, self.name, self.port, self.config, self.count = scene, name, port, config, 0
        self.start()

    def start(self):
        self.count += 1
        home = f"{self.name}-{self.count}"
        # As operators have it: with the pause for the balancer, which the other tests go without.
        environment = {"GATEHOUSE_SERVER_PRE_DRAIN": "5s"}
        self.gateway = self.scene.gateway(self.config, home, env=environment, port=self.port)

    def leave(self):
        """SIGTERM to its end: the exit status, how long that took, and how long since the last stream ended."""
        began = time.time()
        self.gateway.signal(signal.SIGTERM)
        status = self.gateway.wait(120)
        ended = time.time()
        streams = [line for line in self.gateway.log_lines() if line.get("label") == "access" and line.get("stream")]
        last = max((line["time"] for line in streams), default=None)
        return status, ended - began, ended - max(began, seconds(last)) if last else 0


def seconds(stamp):
    """Of an access record's time, since 1970."""
    whole, part = re.fullmatch(r"(.*?)(\.\d+)?Z", stamp).groups()
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(part or 0)


class Streams:
    """So many streams at a time, each begun anew when it has ended, on new connections to nginx."""

    def __init__(self, port, count):
        self.port, self.count, self.ended = port, count, asyncio.Event()
        self.whole, self.broken = 0, []

    async def run(self):
        await asyncio.gather(*(self.work(number) for number in range(self.count)))

    async def work(self, number):
        # Not all at the same moment.
        await asyncio.sleep(3 * number / self.count)
        while not self.ended.is_set():
            problem = await self.one()
            if problem:
                self.broken.append((time.strftime("%H:%M:%S"), problem))
            else:
                self.whole += 1

    async def one(self):
        body = {"model": STREAM, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError as error:
            return str(error)
        try:
            writer.write(request_bytes("/v1/chat/completions", body, key=KEY))
            async with asyncio.timeout(60):
                response = await read_head(reader)
                if response is None:
                    return "no response"
                await read_body(reader, response)
        except (OSError, TimeoutError) as error:
            return repr(error)
        finally:
            writer.close()
        if response.status != 200 or not response.is_whole or not response.events or response.events[-1] != "[DONE]":
            return f"{response.status} {response.body[-200:]!r}"
        return None


async def restarts(streams, instances, times):
    """Lets the instances leave and come back in turn while the streams run."""
    task = asyncio.create_task(streams.run())
    # All of them run before the first restart.
    await asyncio.sleep(4)
    left = []
    for number in range(times):
        instance = instances[number % len(instances)]
        left.append(await asyncio.to_thread(instance.leave))
        await asyncio.to_thread(instance.start)
        # The other one may only go when this one serves, as an operator would wait for readiness.
        await asyncio.sleep(0.5)
    streams.ended.set()
    await task
    return left


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rate", type=int, default=100, help="short calls a second")
    options = parser.parse_args(arguments)
    verdict = Verdict()
    with Scene() as scene:
        ports = free_port(), free_port()
        config = {"providers": [scene.faultd.provider()], "keys": [{"name": "soak", "value": KEY}]}
        instances = [Instance(scene, name, port, config) for name, port in zip("ab", ports)]
        nginx = Nginx(scene.folder / "nginx", ports)
        scene.stack.callback(nginx.stop)
        eventually(lambda: (scene.folder / "nginx/nginx.pid").exists(), what="nginx")
        streams = Streams(nginx.port, options.streams)
        # Longer than the restarts can take; it is ended with them.
        load = scene.begin_load(nginx.port, chat("fault/whole"), [(options.rate, options.times * 12 + 10)], key=KEY)
        left = asyncio.run(restarts(streams, instances, options.times))
        done = calls(load)
        took = [total for _, total, _ in left]
        behind = [last for _, _, last in left]
        verdict.check("short calls", statuses(done), set(statuses(done)) == {200})
        verdict.check("streams", f"{streams.whole} whole, {len(streams.broken)} not {streams.broken[:3]}", not streams.broken)
        verdict.check("exit 0", [status for status, _, _ in left], not any(status for status, _, _ in left))
        verdict.check("exit within 5 s of the last stream", f"{max(behind):.1f} s at most", max(behind) <= 5)
        print(f"a restart takes {quantile(took, 0.5):.1f} s, {max(took):.1f} s at most")
        if nginx.errors.exists():
            errors = [line for line in nginx.errors.read_text().splitlines() if "Connection refused" not in line]
            verdict.check("nginx has nothing else to tell than refused connections", errors[:3], not errors)
    verdict.end()


if __name__ == "__main__":
    main()
