#!/usr/bin/env python3
"""P17: ten times what the upstream can serve. What is served stays at its peak, the rest is refused at once, and the gateway
itself stays easy to talk to.

    overload.py [--seconds S] [--slots N] [--service MS] [--times X] [--limit N] [--room N] [--short]

The upstream serves N calls at a time in MS milliseconds each and lets others wait, so that its latency grows with load as a
real one's does. Without `--limit` the gateway has to find out by itself how many that are. Calls come at a fixed rate, whether
or not those before were answered; their time counts from when they were due. `--short` measures and judges counts only.
"""

import argparse

from common import Probe, Scene, Verdict, calls, chat, quantile, statuses


def configuration(faultd, limit):
    limits = {"limits": {"concurrency": limit}} if limit else {}
    return {
        "providers": [faultd.provider(**limits)],
        "models": [{"name": "busy", "targets": [{"provider": "fault", "model": "busy"}]}],
        "logging": {"level": "error", "file": "gatehouse.log"},
    }


def within(done, begin, end):
    return [call for call in done if begin <= call.due < end]


def served(done):
    return [call for call in done if call.status == 200]


def goodput(done, begin, end):
    """Answers a second that came in this time, whenever their calls were due."""
    return len([call for call in served(done) if begin <= call.due + call.took < end]) / (end - begin)


def milliseconds(values, share):
    return quantile(values, share) * 1000


def recovered(done, begin, limit):
    """Seconds behind `begin` until calls are served as before and stay so: whole halves of a second."""
    half = begin
    last_bad = begin
    while half < done[-1].due:
        part = within(done, half, half + 0.5)
        if part and (any(call.status != 200 for call in part) or quantile([call.took for call in part], 0.99) > limit):
            last_bad = half + 0.5
        half += 0.5
    return last_bad - begin


def describe(name, done):
    good, refused = served(done), [call for call in done if call.status == 503]
    text = f"{name}: {len(done)} calls {statuses(done)}"
    if good:
        text += f"; served p50 {milliseconds([c.took for c in good], .5):.0f} ms, p99 {milliseconds([c.took for c in good], .99):.0f} ms"
    if refused:
        took = [call.took for call in refused]
        text += f"; refused p50 {milliseconds(took, .5):.1f} ms, p99 {milliseconds(took, .99):.1f} ms, max {max(took) * 1000:.0f} ms"
    print(text, flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--slots", type=int, default=20)
    parser.add_argument("--service", type=int, default=100, help="milliseconds")
    parser.add_argument("--times", type=float, default=10)
    parser.add_argument("--limit", type=int, help="providers[].limits.concurrency")
    parser.add_argument("--room", type=int, help="the upstream answers 503 when so many wait there")
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args(arguments)
    capacity = options.slots * 1000 / options.service
    before, during, behind = (10, options.seconds, 15) if not options.short else (4, 8, 8)
    verdict = Verdict()
    with Scene() as scene:
        gateway = scene.gateway(configuration(scene.faultd, options.limit))
        room = f"~room@{options.room}" if options.room is not None else ""
        scene.faultd.play(busy=f"whole~slots@{options.slots}~wait@{options.service}{room}")
        phases = [(0.8 * capacity, before), (options.times * capacity, during), (0.8 * capacity, behind)]
        load = scene.begin_load(gateway.port, chat("busy"), phases, connections=8000, key=gateway.key)
        probes = [Probe(gateway.port, "/health/live", 0.02), Probe(gateway.port, "/metrics", 0.1, gateway.key)]
        for probe in probes:
            probe.start()
        done = calls(load)
        for probe in probes:
            probe.stop()
        normal = within(done, 1, before)
        storm = within(done, before, before + during)
        calm = within(done, before + during, before + during + behind)
        for name, part in [("before", normal), ("during", storm), ("behind", calm)]:
            describe(name, part)
        judge(verdict, options, capacity, done, normal, storm, before, during, probes)
        most = scene.faultd.counts()["models"]["busy"]["most"]
        print(f"the upstream had {most} requests at a time at most, and serves {options.slots}")
        verdict.check("the gateway lives", gateway.process.poll(), gateway.process.poll() is None)
    verdict.end()


def judge(verdict, options, capacity, done, normal, storm, before, during, probes):
    usual = quantile([call.took for call in normal], 0.99)
    # The limit is found in the first seconds.
    rate = goodput(done, before, before + during)
    refused = [call.took for call in storm if call.status == 503]
    waits = [call.took for call in served(storm)]
    back = recovered(done, before + during, max(1.5 * usual, usual + 0.05))
    asked = [milliseconds(probe.took, 0.99) for probe in probes]
    failures = sum(probe.failures for probe in probes)
    # What is a time is judged in the long form only: the short one runs beside whatever else the machine does.
    slack = 10 if options.short else 1
    share = 0.9 if not options.short else 0.5
    verdict.check(f"goodput at least {share:.0%} of {capacity:.0f} a second", f"{rate:.0f} ({rate / capacity:.0%})",
                  rate >= share * capacity)
    verdict.check("every call is served or refused as overloaded", statuses(storm), set(statuses(storm)) <= {200, 503})
    verdict.check(f"refusals that did not wait take less than {10 * slack} ms", f"p50 {milliseconds(refused, .5):.1f} ms",
                  milliseconds(refused, 0.5) < 10 * slack)
    longest = 1 + 3 * options.service / 1000
    verdict.check(f"nobody waits longer than 1 s in a queue, {longest:.1f} s with service", f"p99 {quantile(waits, .99):.2f} s",
                  quantile(waits, 0.99) <= longest * (1 if slack == 1 else 3))
    verdict.check(f"health and metrics within {100 * slack} ms at p99", [f"{one:.1f} ms" for one in asked] + [f"{failures} failed"],
                  max(asked) < 100 * slack and not failures)
    verdict.check(f"normal again within {5 if slack == 1 else 8} s", f"{back:.1f} s (normal p99 {usual * 1000:.0f} ms)",
                  back <= (5 if slack == 1 else 8))


if __name__ == "__main__":
    main()
