"""F10: upstreams that fail half of the time, always, now and then, or by turns. What is tried again stays few and late, and
a target that fails is left alone until it serves again.

The long forms, with their measured ratios, are Tests/Soak/outage.py.
"""

import asyncio
import re
import time

import pytest

from harness.gateway import eventually

#: What the budget of further attempts allows, and a call's attempts in all (docs/configuration.md, models).
SHARE, CAPACITY, ATTEMPTS = 0.1, 8, 3


def target(provider, model):
    return {"provider": provider, "model": model}


@pytest.fixture
def gateway(start, faultd):
    names = {
        "chain": {
            "targets": [target("one", "s500"), target("two", "s502")],
            "fallbacks": [target("one", "s503"), target("two", "s500"), target("one", "s502"), target("two", "s503")],
            "retries": 10,
        },
        "half": {"targets": [target("one", "whole~odds@50")], "retries": 2},
        "half-or-two": {"targets": [target("one", "whole~odds@50")], "fallbacks": [target("two", "whole")]},
        "seldom": {"targets": [target("one", "whole~odds@1")], "retries": 2},
        "flapping": {"targets": [target("one", "whole~flap@1000")], "fallbacks": [target("two", "whole")]},
        # Each with a breaker of its own.
        **{f"again-{number}": {"targets": [target("one", f"s500~n@{number}")], "retries": 1} for number in range(8)},
        "switched": {"targets": [target("one", "switch")], "fallbacks": [target("two", "whole")]},
    }
    return start(
        {
            "providers": [faultd.provider("one"), faultd.provider("two")],
            "models": [{"name": name, **how} for name, how in names.items()],
        }
    )


def offer(gateway, model, count, workers=8):
    """So many calls, a few at a time; their statuses."""
    statuses, numbers = [], iter(range(count))

    async def work():
        for _ in numbers:
            statuses.append((await gateway.chat(model)).status)

    async def all_of_them():
        await asyncio.gather(*(work() for _ in range(workers)))

    asyncio.run(all_of_them())
    return statuses


def received(faultd):
    return {model: counts["received"] for model, counts in faultd.counts()["models"].items()}


def breakers(gateway):
    text = asyncio.run(gateway.call("/metrics", method="GET")).body.decode()
    lines = re.findall(r"gatehouse_breaker_state\{([^}]*)\} (\d)", text)
    return {re.search(r'model="([^"]*)"', labels)[1]: int(state) for labels, state in lines}


def test_f10_a_call_has_three_attempts_at_most(gateway, faultd):
    """However many targets and retries its name has."""
    faultd.forget()
    response = asyncio.run(gateway.chat("chain"))
    assert response.status in (502, 503)
    assert sum(received(faultd).values()) == ATTEMPTS == int(response.headers["x-gatehouse-attempts"])


def test_f10_an_outage_of_a_whole_chain_does_not_multiply_calls(gateway, faultd):
    """Fallbacks and retries are counted in one budget, which an outage empties once."""
    faultd.forget()
    began = time.monotonic()
    statuses = offer(gateway, "chain", 400)
    assert set(statuses) <= {502, 503}
    refill = (time.monotonic() - began) / 100
    assert sum(received(faultd).values()) <= 400 * (1 + SHARE) + CAPACITY + refill + 1


def test_f10_half_of_the_calls_fail(gateway, faultd):
    faultd.forget()
    statuses = offer(gateway, "half", 300)
    assert sum(received(faultd).values()) <= 300 * (1 + SHARE) + CAPACITY + 2
    assert statuses.count(200) >= 100


def test_f10_a_target_that_fails_half_of_the_time_is_left_alone(gateway, faultd):
    """Its breaker opens, and the other serves all without an attempt at the first."""
    offer(gateway, "half-or-two", 60, workers=1)
    assert breakers(gateway)["whole~odds@50"] == 2
    faultd.forget()
    assert offer(gateway, "half-or-two", 20) == [200] * 20
    assert received(faultd) == {"whole": 20}


def test_f10_one_in_a_hundred_is_mended(gateway, faultd):
    faultd.forget()
    statuses = offer(gateway, "seldom", 600)
    assert statuses == [200] * 600, "the budget is there for this"
    assert sum(received(faultd).values()) <= 600 * 1.02
    assert breakers(gateway).get("whole~odds@1", 0) == 0


def test_f10_flapping_does_not_multiply_calls_either(gateway, faultd):
    faultd.forget()
    faultd.play()
    count, deadline = 0, time.monotonic() + 5
    while time.monotonic() < deadline:
        assert set(offer(gateway, "flapping", 20, workers=4)) <= {200, 502}
        count += 20
    assert sum(received(faultd).values()) <= count * (1 + SHARE) + CAPACITY + 2
    assert received(faultd)["whole~flap@1000"] > 0


def test_f10_waits_before_the_same_target_differ(gateway, faultd):
    """Full jitter: from nothing up to 250 ms, and not the same for all."""
    waits = []
    for number in range(8):
        user = faultd.user()
        asyncio.run(gateway.chat(f"again-{number}", user=user))
        first, second = [entry["received"] for entry in faultd.entries(user, brief=1)]
        waits.append(second - first)
    assert max(waits) - min(waits) > 0.01, waits
    # Ten times the longest: a bound for a machine that is busy.
    assert max(waits) < 2.5


def test_f10_a_target_that_is_well_again_serves_again(gateway, faultd):
    """After a pause of some seconds a few calls are let through, and then all."""
    faultd.play(switch="s500")
    offer(gateway, "switched", 5, workers=1)
    assert breakers(gateway)["switch"] == 2
    faultd.forget()
    assert offer(gateway, "switched", 10) == [200] * 10
    assert "switch" not in received(faultd)
    faultd.play(switch="whole")
    eventually(lambda: offer(gateway, "switched", 1) and breakers(gateway)["switch"] == 0, 15, "a closed breaker")
    faultd.forget()
    assert offer(gateway, "switched", 20) == [200] * 20
    assert received(faultd) == {"switch": 20}
