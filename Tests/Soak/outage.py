#!/usr/bin/env python3
"""P7: what an outage makes of the calls. Counted at the upstream, fallbacks and retries together.

    outage.py [--minutes M] [--rate R] [--short]

Ten minutes (or M) in which every call fails: at most 1.10 times as many requests as calls. A tenth of that time at 1 %
errors: at most 1.02 times. As long again flapping, 5 s well and 5 s failing: 1.10. And streams that break off behind their
first byte: none is asked again. `--short` has as many calls in seconds; what the budget may then give beyond its share,
its capacity and refill, is added to the bound.
"""

import argparse
import asyncio

from common import Scene, Verdict, chat, statuses

#: As docs/configuration.md (models) says; the share itself is what the promise bounds.
CAPACITY, REFILL_SECONDS = 8, 100


def configuration(faultd):
    def target(provider, model="prod"):
        return {"provider": provider, "model": model}

    return {
        "providers": [faultd.provider("one"), faultd.provider("two")],
        "models": [
            {"name": "prod", "targets": [target("one"), target("two")], "fallbacks": [target("one", "spare")], "retries": 2},
            {"name": "broken", "targets": [target("one", "broken")], "fallbacks": [target("two", "broken")], "retries": 2},
        ],
        "logging": {"level": "error", "file": "gatehouse.log"},
    }


class Outage:
    def __init__(self, scene, rate):
        self.scene, self.rate = scene, rate
        self.gateway = scene.gateway(configuration(scene.faultd))

    def phase(self, seconds, **names):
        """Runs a load while these names stand for what they are given; calls, requests upstream."""
        self.scene.faultd.play(**names)
        self.scene.faultd.forget()
        done = self.scene.run_load(self.gateway.port, chat("prod"), [(self.rate, seconds)], key=self.gateway.key)
        return done, self.scene.faultd.counts()


def allowed(count, seconds, ratio, is_short):
    extra = CAPACITY + seconds / REFILL_SECONDS + 1 if is_short else 0
    return count * ratio + extra


def judge(verdict, what, done, counts, limit, ratio):
    found = f"{counts['requests']} requests for {len(done)} calls, {counts['requests'] / len(done):.4f} times; {statuses(done)}"
    verdict.check(f"{what}: at most {ratio:.2f} times as many", found, counts["requests"] <= limit)


async def streams(gateway, count):
    """Streams that break off in the middle, ten at a time, each asked for with a key that would let it be repeated."""
    ended = {"error": 0, "whole": 0}

    async def work(numbers):
        for number in numbers:
            response = await gateway.chat(
                "broken", stream=True, user=f"stream-{number}", headers=[("idempotency-key", f"key-{number}")])
            ended["error" if "[DONE]" not in response.events and b"error" in response.body else "whole"] += 1

    numbers = iter(range(count))
    await asyncio.gather(*(work(numbers) for _ in range(10)))
    return ended


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args(arguments)
    long, rate = (options.minutes * 60, options.rate) if not options.short else (6, 400)
    verdict = Verdict()
    with Scene() as scene:
        outage = Outage(scene, rate)
        fails, well = {"prod": "s500", "spare": "s500"}, {"prod": "whole", "spare": "whole"}
        done, counts = outage.phase(2, **well)
        verdict.check("all is well to begin with", statuses(done), set(statuses(done)) == {200})
        done, counts = outage.phase(long, **fails)
        judge(verdict, "an outage", done, counts, allowed(len(done), long, 1.10, options.short), 1.10)
        verdict.check("nothing is served in an outage", statuses(done), 200 not in statuses(done))
        # The breakers have to close again first; that takes a pause of theirs, a minute at most.
        done, counts = outage.phase(70 if not options.short else 12, **well)
        tail = [call for call in done if call.due > done[-1].due - 3]
        verdict.check("all is well behind it", statuses(tail), set(statuses(tail)) == {200})
        seconds = max(6, long / 10)
        done, counts = outage.phase(seconds, prod="whole~odds@1", spare="whole")
        judge(verdict, "one error in a hundred", done, counts, allowed(len(done), seconds, 1.02, options.short), 1.02)
        served = statuses(done).get(200, 0)
        verdict.check("and callers do not see it", f"{served} of {len(done)} served", served >= 0.999 * len(done))
        seconds, flap = (long / 10, 5000) if not options.short else (6, 1000)
        done, counts = outage.phase(seconds, prod=f"whole~flap@{flap}", spare=f"whole~flap@{flap}")
        judge(verdict, "flapping", done, counts, allowed(len(done), seconds, 1.10, options.short), 1.10)
        scene.faultd.play(broken="words~cut@900")
        scene.faultd.forget()
        ended = asyncio.run(streams(outage.gateway, 200 if options.short else 2000))
        counts = scene.faultd.counts()
        verdict.check("streams that break off are errors", ended, ended["whole"] == 0)
        verdict.check("nothing is asked again behind the first byte", counts["behind_begun"], counts["behind_begun"] == 0)
        verdict.check("the gateway lives", outage.gateway.process.poll(), outage.gateway.process.poll() is None)
    verdict.end()


if __name__ == "__main__":
    main()
