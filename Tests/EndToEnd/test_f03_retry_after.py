"""F3: an upstream that wants to be left alone, in every form in which that is said.

A caller hears it in whole seconds, between 1 and an hour; another target is asked at once; nobody sleeps for long.
"""

import asyncio
import email.utils
import time

import pytest

LIMITED = b'{"error":{"message":"slow down","type":"rate_limit","code":"rate_limit_exceeded"}}'


def date(seconds, form="imf"):
    then = time.time() + seconds
    if form == "imf":
        return email.utils.formatdate(then, usegmt=True)
    if form == "rfc850":
        return time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(then))
    return time.asctime(time.gmtime(then))


#: Headers, and the seconds that the caller may be told, as a closed range.
FORMS = {
    "seconds": ([("retry-after", "7")], (7, 7)),
    "zero": ([("retry-after", "0")], (1, 1)),
    "a fraction": ([("retry-after", "1.2")], (2, 2)),
    "milliseconds": ([("retry-after-ms", "2500")], (3, 3)),
    "milliseconds over seconds": ([("retry-after", "60"), ("retry-after-ms", "1200")], (2, 2)),
    "bad milliseconds, good seconds": ([("retry-after", "9"), ("retry-after-ms", "soon")], (9, 9)),
    "no header": ([], (1, 1)),
    "empty": ([("retry-after", "")], (1, 1)),
    "negative": ([("retry-after", "-5")], (1, 1)),
    "a thousand million": ([("retry-after", "1000000000")], (3600, 3600)),
    "more than any number": ([("retry-after", "9" * 400)], (1, 3600)),
    "not a number": ([("retry-after", "nan")], (1, 1)),
    "infinite": ([("retry-after", "inf")], (1, 1)),
    "hexadecimal": ([("retry-after", "0x10")], (1, 16)),
    "garbage": ([("retry-after", "in a moment; <script>")], (1, 1)),
    "two of them": ([("retry-after", "4"), ("retry-after", "8")], (1, 8)),
}
DATES = {
    "a date": (20, "imf", (18, 20)),
    "an old date's form": (20, "rfc850", (18, 20)),
    "C's form": (20, "asctime", (18, 20)),
    "a date of the past": (-86_400, "imf", (1, 1)),
    "a date an hour behind": (-3600, "imf", (1, 1)),
    "a date far ahead": (86_400, "imf", (3600, 3600)),
}


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    return module_starter(
        {
            "providers": [faultd.provider("one"), faultd.provider("two")],
            "models": [
                *(
                    {
                        "name": f"limited-or-{answer}",
                        "targets": [{"provider": "one", "model": "limited"}],
                        "fallbacks": [{"provider": "two", "model": answer}],
                    }
                    for answer in ("whole", "words")
                ),
                *(
                    {"name": f"patient-{number}", "targets": [{"provider": "one", "model": f"limited-{number}"}],
                     "retries": 1}
                    for number in (1, 2, 3)
                ),
            ],
        }
    )


def ask(gateway, faultd, model, **more):
    user = faultd.user()
    return asyncio.run(gateway.chat(model, user=user, **more)), user


def check(gateway, faultd, status, headers, seconds):
    # A key that was told to wait rests for its model: each case has one of its own.
    model = f"limited-{faultd.user()}"
    faultd.teach({model: (LIMITED, "application/json", status, headers)})
    response, user = ask(gateway, faultd, f"one/{model}")
    expected = {429: (429, "upstream_rate_limited"), 503: (503, "upstream_overloaded"), 529: (503, "upstream_overloaded")}
    assert (response.status, response.error["code"]) == expected[status]
    told = response.headers["retry-after"]
    assert told.isascii() and told.isdigit(), "whole seconds, whatever came"
    assert seconds[0] <= int(told) <= seconds[1]
    assert len(faultd.entries(user, brief=1)) == 1, "nobody is asked again behind the caller's back"


@pytest.mark.parametrize("status", [429, 503, 529])
@pytest.mark.parametrize("form", FORMS)
def test_f3_a_caller_hears_whole_seconds(gateway, faultd, form, status):
    headers, seconds = FORMS[form]
    check(gateway, faultd, status, headers, seconds)


@pytest.mark.parametrize("form", DATES)
def test_f3_a_date_is_a_number_of_seconds(gateway, faultd, form):
    ahead, spelling, seconds = DATES[form]
    check(gateway, faultd, 429, [("retry-after", date(ahead, spelling))], seconds)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", [429, 503, 529])
def test_f3_another_target_is_asked_at_once(gateway, faultd, status, stream):
    """An hour's rest of the first does not keep the caller waiting."""
    faultd.teach({"limited": (LIMITED, "application/json", status, [("retry-after", "3600")])})
    began = time.monotonic()
    answer = "words" if stream else "whole"
    response, user = ask(gateway, faultd, f"limited-or-{answer}", stream=stream)
    assert response.status == 200 and response.headers["x-gatehouse-provider"] == "two"
    assert time.monotonic() - began < 5, "nobody sleeps on a call that another target can take"
    # One whose limit was met lately may be passed over altogether.
    assert [entry["model"] for entry in faultd.entries(user, brief=1)] in (["limited", answer], [answer])


def test_f3_a_short_wait_is_kept_and_a_long_one_is_passed_on(gateway, faultd):
    """The same target is asked again no earlier than it said; what would take too long is told to the caller."""
    faultd.teach({"limited-1": (LIMITED, "application/json", 429, [("retry-after", "1")])})
    response, user = ask(gateway, faultd, "patient-1")
    came = [entry["received"] for entry in faultd.entries(user, brief=1)]
    assert response.status == 429 and len(came) == 2
    assert came[1] - came[0] >= 1
    faultd.teach({"limited-2": (LIMITED, "application/json", 429, [("retry-after", "3600")])})
    response, user = ask(gateway, faultd, "patient-2")
    assert (response.status, response.headers["retry-after"]) == (429, "3600")
    assert len(faultd.entries(user, brief=1)) == 1


def test_f3_a_wait_holds_nobody_else_up(gateway, faultd):
    """Calls that wait for their second try hold no connection to the provider."""
    faultd.teach({"limited-3": (LIMITED, "application/json", 429, [("retry-after", "2")])})

    async def crowd():
        waiting = [asyncio.create_task(gateway.chat("patient-3")) for _ in range(4)]
        user = faultd.user()
        assert (await gateway.chat("one/whole", user=user)).status == 200
        assert not all(task.done() for task in waiting), "a call was served while others waited"
        busy = await asyncio.to_thread(faultd.open)
        await asyncio.gather(*waiting)
        return busy["busy"]

    assert asyncio.run(crowd()) == 0


def test_f3_only_the_key_that_was_limited_rests(start, faultd):
    """Another key of the same provider serves at once, and the limited one serves other models meanwhile."""
    keys = [{"name": name, "value": f"sk-{name}-key-0123456789"} for name in ("first", "second")]
    gateway = start({"providers": [faultd.provider("one", keys=keys)]})
    used = []
    for _ in range(6):
        user = faultd.user()
        response = asyncio.run(gateway.chat("one/whole~refuse@first", user=user))
        assert response.status == 200
        used.append([entry["key"].split("-")[1] for entry in faultd.entries(user, brief=1)])
    assert used.count(["first", "second"]) <= 1 and used[-3:] == [["second"]] * 3, used
    others = []
    for _ in range(4):
        user = faultd.user()
        assert asyncio.run(gateway.chat("one/whole", user=user)).status == 200
        others += [entry["key"].split("-")[1] for entry in faultd.entries(user, brief=1)]
    assert sorted(set(others)) == ["first", "second"], "the limit was one of that model"


def test_f3_when_all_keys_rest_the_soonest_is_told(start, faultd):
    keys = [{"name": name, "value": f"sk-{name}-key-0123456789"} for name in ("first", "second")]
    gateway = start({"providers": [faultd.provider("one", keys=keys)]})
    faultd.teach({"limited": (LIMITED, "application/json", 429, [("retry-after", "30")])})
    for _ in range(3):
        response = asyncio.run(gateway.chat("one/limited"))
        assert response.status == 429 and 25 <= int(response.headers["retry-after"]) <= 30
    user = faultd.user()
    response = asyncio.run(gateway.chat("one/limited", user=user))
    assert response.status == 429 and faultd.entries(user, brief=1) == [], "nobody is asked before the time"
