"""Budgets that hold: whatever comes at once, and however often the gateway is killed. GATEHOUSE_KILLS says how often; 50 for
a soak."""

import concurrent.futures
import os
import signal
import sqlite3
from fractions import Fraction

import requests
from harness.gateway import eventually

KEY = {"name": "ci", "value": "gh-key-of-ci-0123456789"}
#: Each request costs exactly one, whatever it says.
ONE = {"provider": "fault", "model": "*", "input": 0, "output": 0, "perRequest": 1}


def configuration(faultd, amount, **more):
    return {"providers": [faultd.provider()], "keys": [{**KEY, "budget": {"amount": amount, **more}}], "prices": [ONE]}


def call(gateway, user, script="whole"):
    return requests.post(
        gateway.url + "/v1/chat/completions", timeout=60, headers={"Authorization": f"Bearer {KEY['value']}"},
        json={"model": f"fault/{script}", "user": user, "messages": [{"role": "user", "content": "Hi"}]})


def rows(gateway):
    with sqlite3.connect(f"file:{gateway.data}/gatehouse.db?mode=ro", uri=True, timeout=10) as database:
        return database.execute("SELECT state, cost, outcome FROM ledger").fetchall()


def test_a_thousand_calls_against_a_budget_for_three(start, faultd):
    gateway = start(configuration(faultd, 3))
    user = faultd.user()
    with concurrent.futures.ThreadPoolExecutor(64) as crowd:
        answers = list(crowd.map(lambda _: call(gateway, user), range(1000)))
    assert sorted({one.status_code for one in answers}) == [200, 402]
    assert len(faultd.entries(user, brief=1)) == 3
    refused = next(one for one in answers if one.status_code == 402).json()["error"]
    assert refused["code"] == "budget_exceeded" and "3 USD a month" in refused["message"]
    eventually(lambda: rows(gateway) == [("settled", "1", "completed")] * 3, what="three settled rows")


def test_killed_in_the_middle(start, faultd, tmp_path):
    """No overrun, and one row for each call that the upstream got."""
    user, data = faultd.user(), tmp_path / "shared-data"
    kills = int(os.environ.get("GATEHOUSE_KILLS", 4))
    limit = 10 * kills
    for _ in range(kills):
        gateway = start(configuration(faultd, limit), data=data)
        gateway.ended_by_test = True
        with concurrent.futures.ThreadPoolExecutor(16) as crowd:
            before = len(faultd.entries(user, brief=1))
            calls = [crowd.submit(call, gateway, user, "whole~wait@20") for _ in range(60)]
            eventually(
                lambda: len(faultd.entries(user, brief=1)) > before + 3 or all(one.done() for one in calls),
                what="some calls upstream")
            gateway.signal(signal.SIGKILL)
            gateway.wait()
            for one in calls:
                one.exception()
        reached = len(faultd.entries(user, brief=1))
        assert reached <= limit
    gateway = start(configuration(faultd, limit), data=data)
    found = rows(gateway)
    # A row whose request had not gone out yet when the process was killed stands for it, too.
    assert len(found) >= reached
    assert sum(Fraction(cost) for _, cost, _ in found) <= limit
    assert {state for state, _, _ in found} <= {"settled", "estimated"}


def test_unknown_prices_and_warnings(start, faultd):
    config = configuration(faultd, 2, soft="50%")
    config["prices"] = [{**ONE, "model": "whole"}]
    gateway = start(config)
    refused = call(gateway, faultd.user(), "whole~wait@1")
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "price_unknown")
    first = call(gateway, faultd.user())
    assert first.headers["x-gatehouse-budget-warning"] == "key:ci/month"
    record = gateway.access(first.headers["x-request-id"])
    assert (record["cost"], record["currency"]) == ("1", "USD")


def test_usage_is_told(start, faultd):
    gateway = start(configuration(faultd, 10))
    for _ in range(3):
        assert call(gateway, faultd.user()).status_code == 200
    admin = {"Authorization": f"Bearer {gateway.key}"}

    def lines():
        return requests.get(gateway.url + "/admin/api/usage?by=key,model", headers=admin, timeout=30).json()["usage"]

    line = eventually(lambda: next((one for one in lines() if one["attempts"] == 3), None), what="three attempts")
    assert (line["key"], line["model"], line["cost"], line["currency"]) == ("ci", "whole", "3", "USD")
    text = requests.get(gateway.url + "/admin/api/usage?by=key&format=csv", headers=admin, timeout=30).text
    assert text.splitlines()[1].startswith("ci,3,0,0,")
    assert requests.get(gateway.url + "/admin/api/usage?by=secret", headers=admin, timeout=30).status_code == 400
    member = {"Authorization": f"Bearer {KEY['value']}"}
    assert requests.get(gateway.url + "/admin/api/usage", headers=member, timeout=30).status_code == 403
    metrics = requests.get(gateway.url + "/metrics", headers=admin, timeout=30).text
    assert 'gatehouse_budget_spent{budget="key:ci/month",currency="USD"} 3' in metrics
    assert "gatehouse_ledger_pending 0" in metrics
