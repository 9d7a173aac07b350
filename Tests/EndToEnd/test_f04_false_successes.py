"""F4: answers with a status of success that are none. Nothing was sent, so the caller gets a status of failure."""

import asyncio
import json
import re

import pytest

from harness.callers import CALLERS

ERROR = {"error": {"message": "sk-SECRET-canary failed at /etc/provider", "type": "server_error", "code": "server_error"}}
ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
          "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}
SSE, JSON = "text/event-stream", "application/json"


def event(body):
    return b"data: " + json.dumps(body).encode() + b"\n\n"


#: Script: body, type, status, and the code that a caller gets for a whole answer and for a stream.
FALSE = {
    "error in a whole answer": (json.dumps(ERROR).encode(), JSON, 200, "upstream_error"),
    "error as the first event": (event(ERROR), SSE, 200, "upstream_error"),
    "error behind a comment": (b": ping\n\n" + event(ERROR) + b"data: [DONE]\n\n", SSE, 200, "upstream_error"),
    "an error event by its name": (b"event: error\n" + event(ERROR), SSE, 200, "upstream_error"),
    "a page": (b"<!doctype html><html>Sign in</html>", "text/html; charset=utf-8", 200, "upstream_invalid_response"),
    "a page that says it is JSON": (b"<!doctype html><html>Sign in</html>", JSON, 200, "upstream_invalid_response"),
    "nothing": (b"", JSON, 200, "upstream_invalid_response"),
    "an empty stream": (b"", SSE, 200, "upstream_invalid_response"),
    "only spaces": (b"  \n ", JSON, 200, "upstream_invalid_response"),
    "a stream of comments": (b": one\n\n: two\n\n", SSE, 200, None),
    "a stream of the end alone": (b"data: [DONE]\n\n", SSE, 200, None),
    "a list": (b"[]", JSON, 200, "upstream_invalid_response"),
    "null": (b"null", JSON, 200, "upstream_invalid_response"),
    "an object without choices": (b"{}", JSON, 200, None),
    "an answer as an image": (json.dumps(ANSWER).encode(), "image/png", 200, "upstream_invalid_response"),
    "text": (b"Hello", "text/plain", 200, "upstream_invalid_response"),
}


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    faultd.teach({name.replace(" ", "-"): script[:3] for name, script in FALSE.items()})
    faultd.teach_bytes("partial", b"HTTP/1.1 206 Partial Content\r\ncontent-type: application/json\r\n"
                       b"content-length: 2\r\n\r\n{}")
    return module_starter({"providers": [faultd.provider()]})


def ask(gateway, caller, script, stream, **more):
    one = CALLERS[caller]
    body = {**one.fields(f"fault/{script}", stream), **one.conversation("Hello"), **more}
    return asyncio.run(gateway.call(one.path(f"fault/{script}", stream), body, headers=one.headers)), one


def is_no_success(gateway, response, one, code):
    found = one.read(response)
    assert response.status in (502, 503, 504), response.body
    assert response.headers["content-type"].startswith("application/json")
    assert found.ends_with_error and not found.text and not found.terminators
    assert found.code == code if code else found.code.startswith("upstream_")
    assert b"SECRET" not in response.body and b"/etc/provider" not in response.body and b"<html" not in response.body
    record = gateway.access(response.headers["x-request-id"])
    assert record["outcome"] == "failed" and record["error_code"] == found.code


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("script", FALSE)
def test_f4_what_is_no_answer_is_a_failure(gateway, script, caller, stream):
    kind, code = FALSE[script][1], FALSE[script][3]
    if not stream and kind == SSE:
        # A stream that nobody asked for is no JSON, whatever is in it.
        code = None
    if stream and kind == JSON and script == "an object without choices":
        code = None
    response, one = ask(gateway, caller, script.replace(" ", "-"), stream)
    is_no_success(gateway, response, one, code)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("script", ["s204", "partial", "s304", "s301", "s302", "s307", "s308"])
def test_f4_other_statuses_are_no_answers_either(gateway, faultd, script, stream):
    """204 has no body, 206 a part of one, and a redirect is not followed."""
    user = faultd.user()
    response, one = ask(gateway, "openai.chat", script, stream, user=user)
    is_no_success(gateway, response, one, None)
    assert len(faultd.entries(user, brief=1)) == 1


@pytest.mark.parametrize("script", ["error-in-a-whole-answer", "a-page"])
def test_f4_a_false_success_counts_as_a_failure_for_the_breaker(start, faultd, script):
    gateway = start(
        {
            "providers": [faultd.provider("one"), faultd.provider("two")],
            "models": [
                {"name": "m", "targets": [{"provider": "one", "model": script}],
                 "fallbacks": [{"provider": "two", "model": "whole"}]},
            ],
        }
    )
    for _ in range(5):
        asyncio.run(gateway.chat("m"))
    metrics = asyncio.run(gateway.call("/metrics", method="GET")).body.decode()
    states = dict(re.findall(r'gatehouse_breaker_state\{[^}]*provider="(\w+)"[^}]*\} (\d)', metrics))
    assert states == {"one": "2", "two": "0"}
    user = faultd.user()
    assert asyncio.run(gateway.chat("m", user=user)).status == 200
    assert [entry["model"] for entry in faultd.entries(user, brief=1)] == ["whole"]
