"""What users of other gateways reported of requests that are translated: notes and flags of one vendor at another, caches that
are never met, empty content, images that become text, choices that cannot stand together, tokens that are not counted.

Requests are written in each caller's own words; the upstreams of Tests/Support/modeld refuse what their vendors refuse.
Tests/peers.json tells which report each test answers.
"""

import asyncio
import base64
import json

import pytest

from harness.callers import CALLERS, Pair
from harness.matrix import UPSTREAMS, Modeld, provider
from modeld.gemini import PLACEHOLDER
from modeld.script import TEXT

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f00050001ff5f9c"
    "a13d0000000049454e44ae426082"
)
PNG_TEXT = base64.b64encode(PNG).decode()
PNG_URL = f"data:image/png;base64,{PNG_TEXT}"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
#: In no order that sorting would give.
NAMES = [f"{letter}_tool" for letter in "qwertzuiopasdfgh"]
#: Providers that speak to faultd in a vendor's own words.
FAULT_KINDS = ("anthropic", "gemini", "cohere", "openai-compatible")


@pytest.fixture(scope="module")
def modeld(module_starter):
    server = Modeld()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway(module_starter, modeld, faultd):
    counting = [faultd.provider(name=f"count-{kind}", kind=kind) for kind in FAULT_KINDS]
    platform = faultd.provider("platform", kind="bedrock", region="us-east-1", dialects=["anthropic.messages"])
    platform["keys"][0]["value"] = "AKIDEXAMPLE:secret"
    wires = [provider(name, modeld.url) for name in UPSTREAMS]
    return module_starter({"providers": [*wires, *counting, platform]})


def pytest_generate_tests(metafunc):
    if "caller" in metafunc.fixturenames:
        metafunc.parametrize("caller", CALLERS)
    if "upstream" in metafunc.fixturenames:
        metafunc.parametrize("upstream", UPSTREAMS)


@pytest.fixture
def pair(gateway, modeld, caller, upstream):
    return Pair(gateway, modeld, caller, upstream)


@pytest.fixture
def messages(gateway, modeld, upstream):
    """A caller of Anthropic's dialect before each upstream."""
    return Pair(gateway, modeld, "anthropic.messages", upstream)


def dropped(response):
    return [name.strip() for name in response.headers.get("x-gatehouse-dropped-params", "").split(",") if name.strip()]


def taken(pair, response):
    """What the upstream understood of the one request it had."""
    assert response.status == 200, (response.body, [come.refusal for come in pair.come])
    (come,) = pair.come
    return come


def refused_by_its_own_vendor(pair, response):
    """The caller's bytes went to a vendor of its own dialect, which is the one that says no."""
    if not pair.is_own or response.status == 200:
        return False
    assert (response.status, pair.caller.read(response).code) == (400, "upstream_rejected")
    assert pair.come[0].refusal
    return True


# One vendor's notes and flags at another: rows 90 and 93

NOTE = "x-anthropic-billing-header"


def noted(note):
    return {
        "system": [{"type": "text", "text": f"{NOTE}: {note}"}, {"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": "Hello"}],
    }


def test_the_note_about_who_pays_stays_with_anthropic(messages):
    """It changes with each call, so at another vendor's it would spoil the cache besides."""
    messages.take("chat")
    notes = ["cc_version=2.0; cch=11111;", "cc_version=2.0; cch=22222;"]
    for note in notes:
        assert asyncio.run(messages.call(False, noted(note))).status == 200
    first, second = messages.come
    if messages.upstream == "anthropic":
        assert [come.body["system"] for come in messages.come] == [noted(note)["system"] for note in notes]
        return
    for come in messages.come:
        assert NOTE.encode() not in come.raw and b"cch=" not in come.raw
        assert come.seen.system == "Be brief."
    assert first.raw == second.raw


KNOWN_BETA, ODD_BETA = "context-1m-2025-08-07", "made-up-feature-2099-01-01"


@pytest.mark.parametrize("place", ["header", "body"])
def test_betas_go_where_they_are_known(messages, place):
    """Anthropic gets them as they are; a platform gets those it knows; others get none."""
    betas = [KNOWN_BETA, ODD_BETA]
    in_body = {"anthropic_beta": betas} if place == "body" else {}
    headers = [("anthropic-beta", ",".join(betas))] if place == "header" else []
    more = {**messages.caller.conversation("Hello"), **in_body}
    response = messages.ask("chat", False, more, headers)
    if place == "body" and refused_by_its_own_vendor(messages, response):
        return
    come = taken(messages, response)
    if messages.upstream == "anthropic":
        assert come.headers["anthropic-beta"].replace(" ", "").split(",") == betas
        return
    assert "anthropic-beta" not in come.headers
    assert ODD_BETA.encode() not in come.raw
    if messages.upstream == "bedrock":
        sent = (come.body.get("additionalModelRequestFields") or {}).get("anthropic_beta", [])
        assert sent in ([], [KNOWN_BETA])
        assert any(name.replace("_", "-") == "anthropic-beta" for name in dropped(response)), "left out in silence"
    else:
        assert KNOWN_BETA.encode() not in come.raw


@pytest.mark.parametrize("caller_name", [name for name in CALLERS if name != "anthropic.messages"])
def test_betas_of_other_callers_stay_here(gateway, modeld, upstream, caller_name):
    """A header that a proxy before us added is no word of these dialects, passed on or translated."""
    one = Pair(gateway, modeld, caller_name, upstream)
    come = taken(one, one.ask("chat", False, headers=[("anthropic-beta", ODD_BETA)]))
    if upstream != "anthropic":
        assert "anthropic-beta" not in come.headers and ODD_BETA.encode() not in come.raw


def test_a_platform_that_speaks_anthropic_gets_the_betas_it_knows(gateway, faultd):
    """Passed on in its own dialect; one value that it does not know makes Bedrock refuse the whole request."""
    answer = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
    usage = {"input_tokens": 1, "output_tokens": 1}
    body = {**answer, "content": [{"type": "text", "text": "Hello"}], "stop_sequence": None, "usage": usage}
    faultd.teach({"betas": (json.dumps(body).encode(), "application/json", 200)})
    asked = {**CALLERS["anthropic.messages"].fields("platform/betas", False), "messages": noted("")["messages"]}
    headers = [("anthropic-version", "2023-06-01"), ("anthropic-beta", f"{KNOWN_BETA},{ODD_BETA}")]
    before = len(faultd.ledger())
    response = asyncio.run(gateway.call("/v1/messages", asked, headers=headers))
    assert response.status == 200, response.body
    (entry,) = faultd.entries_since(before)
    assert dict(entry["headers"]).get("anthropic-beta") == KNOWN_BETA


# Caches are met: rows 82 and 89


def with_tools(caller, names, *texts):
    """A conversation with a system prompt and tools, in this caller's words."""
    body = CALLERS[caller].conversation(*texts)
    if caller == "openai.chat":
        body["messages"].insert(0, {"role": "system", "content": "Be brief."})
        body["tools"] = [
            {"type": "function", "function": {"name": name, "description": "A tool", "parameters": SCHEMA}}
            for name in names
        ]
    elif caller == "openai.responses":
        body["instructions"] = "Be brief."
        body["tools"] = [
            {"type": "function", "name": name, "description": "A tool", "parameters": SCHEMA, "strict": False}
            for name in names
        ]
    elif caller == "anthropic.messages":
        body["system"] = "Be brief."
        body["tools"] = [{"name": name, "description": "A tool", "input_schema": SCHEMA} for name in names]
    else:
        body["systemInstruction"] = {"parts": [{"text": "Be brief."}]}
        declared = [{"name": name, "description": "A tool", "parametersJsonSchema": SCHEMA} for name in names]
        body["tools"] = [{"functionDeclarations": declared}]
    return body


def test_a_further_turn_leaves_what_was_before_as_it_was(pair):
    """The same tools in the same order, the same members in the same order, and the old turns first."""
    pair.take("chat")
    turns = ["Hello", TEXT, "And now?"]
    for count in (1, 1, 3):
        response = asyncio.run(pair.call(False, with_tools(pair.caller.name, NAMES, *turns[:count])))
        assert response.status == 200, response.body
    first, again, second = pair.come
    assert first.raw == again.raw, "the same request is written in the same bytes"
    assert [tool.name for tool in second.seen.tools] == NAMES
    assert list(first.body) == list(second.body)
    for member, value in first.body.items():
        told, later = json.dumps(value), json.dumps(second.body[member])
        if member in ("messages", "input", "contents"):
            later = json.dumps(second.body[member][: len(value)])
            assert len(second.body[member]) == len(value) + 2
        assert told == later, member


MARK = {"cache_control": {"type": "ephemeral"}}


def marked(caller):
    """Four marks: of a system prompt, a tool, a turn and the newest text; one turn between is a plain string."""
    block = {"type": "text", **MARK}
    turns = [
        {"role": "user", "content": [{**block, "text": "First"}]},
        {"role": "assistant", "content": "Second"},
        {"role": "user", "content": [{"type": "text", "text": "Third"}, {**block, "text": "Fourth"}]},
    ]
    system = [{**block, "text": "Be brief."}]
    body = with_tools(caller, ["a_tool", "b_tool"])
    body["tools"][1] |= MARK
    if caller == "openai.chat":
        return {**body, "messages": [{"role": "system", "content": system}, *turns]}
    return {**body, "system": system, "messages": turns}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("caller_name", ["openai.chat", "anthropic.messages"])
@pytest.mark.parametrize("vendor, word", [("anthropic", b'"cache_control"'), ("bedrock", b'"cachePoint"')])
def test_every_cache_mark_arrives(gateway, modeld, caller_name, vendor, word, stream):
    one = Pair(gateway, modeld, caller_name, vendor)
    come = taken(one, one.ask("chat", stream, marked(caller_name)))
    assert come.raw.count(word) == 4
    assert [part.text for part in come.seen.all("text")] == ["First", "Second", "Third", "Fourth"]


# Empty content: row 91


def blanks(caller):
    """A turn of nothing, a text of nothing beside one with words, and a text of spaces."""
    if caller == "gemini.generateContent":
        parts = [{"text": ""}, {"text": "Hello"}, {"text": " \n"}]
        roles = [("user", parts), ("model", [{"text": ""}]), ("user", [{"text": "And now?"}])]
        return {"contents": [{"role": role, "parts": parts} for role, parts in roles]}
    kind = "input_text" if caller == "openai.responses" else "text"
    texts = [{"type": kind, "text": text} for text in ("", "Hello", " \n")]
    turns = [("user", texts), ("assistant", ""), ("user", "And now?")]
    member = "input" if caller == "openai.responses" else "messages"
    return {member: [{"role": role, "content": content} for role, content in turns]}


@pytest.mark.parametrize("vendor", ["anthropic", "bedrock"])
def test_empty_content_is_not_sent(gateway, modeld, caller, vendor):
    one = Pair(gateway, modeld, caller, vendor)
    response = one.ask("chat", False, blanks(caller))
    if refused_by_its_own_vendor(one, response):
        return
    come = taken(one, response)
    texts = [part.text for part in come.seen.all("text")]
    assert all(text.strip() for text in texts)
    assert " ".join(texts).split() == ["Hello", "And", "now?"]


# Calls and their results: rows 81 and 95d


def call_and_image(caller):
    """A call of `a_tool` that was answered with an image and nothing else."""
    body = with_tools(caller, ["a_tool"], "Show it")
    arguments = {"city": "Zürich"}
    if caller == "openai.chat":
        function = {"name": "a_tool", "arguments": json.dumps(arguments)}
        call = {"id": "abcdefgh1", "type": "function", "function": function}
        image = {"type": "image_url", "image_url": {"url": PNG_URL}}
        body["messages"] += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "abcdefgh1", "content": [image]},
        ]
    elif caller == "openai.responses":
        image = {"type": "input_image", "detail": "auto", "image_url": PNG_URL}
        given = {"call_id": "abcdefgh1", "name": "a_tool", "arguments": json.dumps(arguments)}
        body["input"] += [
            {"type": "function_call", **given},
            {"type": "function_call_output", "call_id": "abcdefgh1", "output": [image]},
        ]
    elif caller == "anthropic.messages":
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG_TEXT}}
        call = {"type": "tool_use", "id": "abcdefgh1", "name": "a_tool", "input": arguments}
        body["messages"] += [
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "abcdefgh1", "content": [image]}]},
        ]
    else:
        call = {"functionCall": {"name": "a_tool", "args": arguments}, "thoughtSignature": PLACEHOLDER}
        image = {"inlineData": {"mimeType": "image/png", "data": PNG_TEXT}}
        result = {"functionResponse": {"name": "a_tool", "response": {}, "parts": [image]}}
        body["contents"] += [{"role": "model", "parts": [call]}, {"role": "user", "parts": [result]}]
    return body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_image_alone_in_a_result_stays_an_image(pair, stream):
    response = pair.ask("one", stream, call_and_image(pair.caller.name))
    if refused_by_its_own_vendor(pair, response):
        return
    seen = taken(pair, response).seen
    assert [image.data for image in seen.images] == [PNG]
    assert all(PNG_TEXT[:40] not in part.text for turn in seen.turns for part in turn.parts)
    assert [part.name for part in seen.all("result")] == ["a_tool"]
    assert pair.caller.read(response).text == TEXT


def forced(caller):
    """The model must call `a_tool`, and it is to think."""
    body = with_tools(caller, ["a_tool", "b_tool"], "What is the weather?")
    if caller == "openai.chat":
        choice = {"type": "function", "function": {"name": "a_tool"}}
        return {**body, "tool_choice": choice, "reasoning_effort": "low"}
    if caller == "openai.responses":
        return {**body, "tool_choice": {"type": "function", "name": "a_tool"}, "reasoning": {"effort": "low"}}
    if caller == "anthropic.messages":
        thinking = {"type": "enabled", "budget_tokens": 2048}
        return {**body, "tool_choice": {"type": "tool", "name": "a_tool"}, "thinking": thinking}
    choice = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a_tool"]}}
    return {**body, "toolConfig": choice, "generationConfig": {"thinkingConfig": {"thinkingBudget": 2048}}}


@pytest.mark.parametrize("vendor", ["anthropic", "bedrock"])
def test_a_forced_tool_goes_before_thinking(gateway, modeld, caller, vendor):
    """Claude takes either; a tool that must be called is what the answer's use depends on, so the thinking goes."""
    one = Pair(gateway, modeld, caller, vendor)
    response = one.ask("one", False, forced(caller))
    if refused_by_its_own_vendor(one, response):
        return
    seen = taken(one, response).seen
    assert "a_tool" in json.dumps(seen.choice)
    assert "effort" not in seen.options
    assert dropped(response), "thinking is left out, and said to be"


# Counts: row 92

COUNTS = {
    "count-anthropic": b'{"input_tokens":1190000}',
    "count-gemini": b'{"totalTokens":1190000}',
}


def count(gateway, faultd, caller, name):
    script = f"counted-{name}"
    faultd.teach({script: (COUNTS.get(name, b"{}"), "application/json", 200)})
    body = with_tools(caller, NAMES, "Hello")
    if caller == "anthropic.messages":
        path, body = "/v1/messages/count_tokens", {"model": f"{name}/{script}", **body}
    else:
        request = {"model": f"models/{name}/{script}", **body}
        path, body = f"/v1beta/models/{name}/{script}:countTokens", {"generateContentRequest": request}
    before = len(faultd.ledger())
    response = asyncio.run(gateway.call(path, body, headers=CALLERS[caller].headers))
    return response, faultd.entries_since(before)


@pytest.mark.parametrize("vendor", COUNTS)
@pytest.mark.parametrize("counter", ["anthropic.messages", "gemini.generateContent"])
def test_a_count_is_the_vendors_own(gateway, faultd, counter, vendor):
    """With the tools and the system prompt in it, whichever of the two asks the other."""
    response, asked = count(gateway, faultd, counter, vendor)
    assert response.status == 200, response.body
    told = response.json()
    assert told.get("input_tokens", told.get("totalTokens")) == 1_190_000
    (entry,) = asked
    assert entry["target"].split("?")[0].endswith(("/messages/count_tokens", ":countTokens"))
    assert all(name in entry["body"] for name in NAMES) and "Be brief." in entry["body"]


@pytest.mark.parametrize("vendor", ["count-cohere", "count-openai-compatible"])
@pytest.mark.parametrize("counter", ["anthropic.messages", "gemini.generateContent"])
def test_a_count_that_cannot_be_had_is_refused(gateway, faultd, counter, vendor):
    """No number is better than one that is too low."""
    response, asked = count(gateway, faultd, counter, vendor)
    assert 400 <= response.status < 500
    assert CALLERS[counter].read(response).code in ("unsupported_parameter", "not_found", "invalid_value")
    assert not asked, "and nothing is generated for it"
