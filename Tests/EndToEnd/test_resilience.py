"""Calls that get on with bad upstreams: what is tried, in which order, how often, and what never is twice."""

import asyncio
import re
import socket

import pytest

WORDS = "Four score and seven years ago Zürich 🌍"


def target(provider, model, **more):
    return {"provider": provider, "model": model, **more}


def alias(name, *targets, **more):
    return {"name": name, "targets": list(targets), **more}


@pytest.fixture(scope="module")
def dead():
    """A port that refuses connections: bound, and never listened on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{one.getsockname()[1]}/v1"


@pytest.fixture
def gateway(start, faultd, dead):
    """One for each test: breakers and the budget remember."""
    quick = {"connect": "500ms", "firstByte": "500ms", "idle": "300ms", "total": "20s"}
    return start(
        {
            "providers": [
                faultd.provider("one", timeouts=quick),
                faultd.provider("two", timeouts=quick),
                {**faultd.provider("nobody", timeouts=quick), "baseURL": dead},
            ],
            "models": [
                alias("spread", target("one", "whole", weight=3), target("two", "whole")),
                *(
                    alias(f"{answer}-behind-{fault}", target("one", fault), fallbacks=[target("two", answer)])
                    for answer in ("whole", "words")
                    for fault in ("s500", "s429", "s503", "s401", "s404", "s400", "never", "words~cut@700", "error200",
                                  "words~stall@700", "html")
                ),
                alias("behind-nobody", target("nobody", "m"), fallbacks=[target("two", "whole")]),
                alias("behind-all", target("one", "s500"), fallbacks=[target("two", "s503"), target("one", "s502")]),
                alias("again", target("one", "s500"), retries=1),
                alias("again-never", target("one", "never"), retries=2),
            ],
        }
    )


def ask(gateway, faultd, model, stream=False, **more):
    user = faultd.user()
    response = asyncio.run(gateway.chat(model, stream=stream, user=user, **more))
    return response, [entry["model"] for entry in faultd.entries(user, brief=1)]


def text(response):
    assert response.status == 200, response.body
    return response.json()["choices"][0]["message"]["content"]


def served(response):
    return response.headers["x-gatehouse-provider"], response.headers["x-gatehouse-model"]


def attempts(response):
    return int(response.headers["x-gatehouse-attempts"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", ["s500", "s429", "s503", "s401", "s404", "error200"])
def test_another_target_serves_what_one_cannot(gateway, faultd, fault, stream):
    answer = "words" if stream else "whole"
    response, sent = ask(gateway, faultd, f"{answer}-behind-{fault}", stream)
    assert response.status == 200 and sent == [fault, answer]
    assert served(response) == ("two", answer) and attempts(response) == 2
    record = gateway.access(response.headers["x-request-id"])
    assert (record["provider"], record["attempts"], record["status"]) == ("two", 2, 200)
    if stream:
        assert response.events[-1] == "[DONE]"


def test_a_target_that_cannot_be_reached_is_passed_over(gateway, faultd):
    response, sent = ask(gateway, faultd, "behind-nobody")
    assert text(response) == WORDS and sent == ["whole"]
    assert attempts(response) == 2


def test_what_is_wrong_with_the_request_is_told_at_once(gateway, faultd):
    response, sent = ask(gateway, faultd, "whole-behind-s400")
    assert response.status == 400 and sent == ["s400"]


@pytest.mark.parametrize("fault", ["never", "html"])
def test_what_may_have_been_billed_is_not_asked_again(gateway, faultd, fault):
    response, sent = ask(gateway, faultd, f"whole-behind-{fault}")
    assert response.status in (502, 504) and sent == [fault]
    response, sent = ask(gateway, faultd, f"whole-behind-{fault}", headers=[("idempotency-key", "once")])
    assert text(response) == WORDS and sent == [fault, "whole"]


@pytest.mark.parametrize("fault", ["words~cut@700", "words~stall@700"])
def test_nothing_is_tried_behind_the_first_byte(gateway, faultd, fault):
    response, sent = ask(gateway, faultd, f"words-behind-{fault}", True, headers=[("idempotency-key", "once")])
    assert sent == [fault], "a client that has begun to read gets no second answer"
    assert "[DONE]" not in response.events
    assert attempts(response) == 1


def test_the_last_failure_is_told_when_all_fail(gateway, faultd):
    response, sent = ask(gateway, faultd, "behind-all")
    assert sent == ["s500", "s503", "s502"]
    assert response.status == 502 and attempts(response) == 3


def test_the_same_target_is_tried_again_after_a_wait(gateway, faultd):
    response, sent = ask(gateway, faultd, "again")
    assert response.status == 502 and sent == ["s500", "s500"]
    assert attempts(response) == 2
    response, sent = ask(gateway, faultd, "again-never")
    assert response.status == 504 and sent == ["never"]


def test_calls_are_spread_by_weight(gateway, faultd):
    came = [served(ask(gateway, faultd, "spread")[0])[0] for _ in range(40)]
    assert came.count("one") == 30 and came.count("two") == 10


def breaker(gateway):
    metrics = asyncio.run(gateway.call("/metrics", method="GET")).body.decode()
    return int(re.search(r'gatehouse_breaker_state\{[^}]*model="s503"[^}]*\} (\d)', metrics).group(1))


def test_a_target_that_keeps_failing_is_left_alone(gateway, faultd):
    """Five failures in a row open its breaker: the calls behind go elsewhere at once, without an attempt there."""
    for _ in range(5):
        assert text(ask(gateway, faultd, "whole-behind-s503")[0]) == WORDS
    assert breaker(gateway) == 2
    response, sent = ask(gateway, faultd, "whole-behind-s503")
    assert text(response) == WORDS and sent == ["whole"] and attempts(response) == 1


@pytest.mark.parametrize("model", ["again", "whole-behind-s404"])
def test_an_outage_does_not_multiply_calls(gateway, faultd, model):
    """The budget of further attempts is shared and small: a tenth of the calls, and a few to begin with."""
    total = sum(len(ask(gateway, faultd, model)[1]) for _ in range(120))
    assert 120 < total <= 120 + 8 + 120 * 0.1
    metrics = asyncio.run(gateway.call("/metrics", method="GET")).body.decode()
    left = int(re.search(r"gatehouse_retry_budget_remaining (\d+)", metrics).group(1))
    # A target whose breaker is open is not tried again: the budget is then kept for others.
    assert left == 0 if model == "whole-behind-s404" else left > 0
