"""Every caller's client against every upstream's wire: recorded answers come out the same, whichever dialect asks.

Each recorded answer is played to four callers (OpenAI chat and Responses, Anthropic, Gemini) through the gateway. What they
read must agree: one of them speaks the recording's own dialect, or its translation is checked against the others.
"""

import contextlib
import json
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from harness.gateway import eventually

WIRES = {
    "openai.chat": ("openai-compatible", "openai"),
    "openai.responses": ("openai", "openai"),
    "anthropic.messages": ("anthropic", "anthropic"),
    "gemini.generateContent": ("gemini", "gemini"),
    "cohere.v2": ("cohere", "cohere"),
    "ollama.chat": ("ollama", "ollama"),
    "bedrock.converse": ("bedrock", "bedrock"),
}
#: What may not be compared: the vendor's own tools, several answers, pictures, errors, answers to other routes.
NOT_PLAIN = re.compile(
    r"server_tool_use|web_search|code_execution|mcp_|executableCode|inlineData|image_generation|file_search|computer_"
    r"|code_interpreter|\"audio\"|refusal\"\s*:\s*\"|redacted_thinking|citations?\"|annotations\":\s*\[\{|tool_plan"
    r"|shell_call|apply_patch|custom_tool|compaction|groundingMetadata|\"error\":\s*[{\"]"
)
PER_KIND = 6


@dataclass(frozen=True)
class Recorded:
    id: str
    wire: str
    streams: bool

    def __str__(self):
        return self.id


@dataclass
class Answer:
    """What a client read."""

    text: str = ""
    calls: list = field(default_factory=list)
    tokens: tuple = ()


def recordings(traffic):
    chosen = []
    counts = {}
    for line in (traffic / "index.jsonl").read_text().splitlines():
        entry = json.loads(line)
        wire = entry.get("wire")
        if wire not in WIRES or entry["provider"] != WIRES[wire][1] or entry.get("status") != 200:
            continue
        text = (traffic / entry["file"]).read_text()
        data = json.loads(text)
        answer = json.dumps(data["response"].get("body") or data["response"].get("body_text") or data["response"])
        has_tools = re.search(r"tool_calls|tool_use|toolUse|function_?[cC]all", answer) is not None
        kind = (wire, entry["streaming"], has_tools)
        if NOT_PLAIN.search(answer.replace('\\"', '"')) or counts.get(kind, 0) >= PER_KIND:
            continue
        counts[kind] = counts.get(kind, 0) + 1
        chosen.append(Recorded(entry["id"], wire, entry["streaming"]))
    return chosen


def pytest_generate_tests(metafunc):
    if "recorded" in metafunc.fixturenames:
        from conftest import TRAFFIC

        known = recordings(TRAFFIC) if TRAFFIC.exists() else []
        metafunc.parametrize("recorded", known, ids=str)


@pytest.fixture(scope="module")
def replay(traffic):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, traffic / "replay.py", traffic, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    eventually(answers, 30, "the replay server")
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def gateway(traffic, module_starter, replay):
    providers = [
        {
            "name": f"p{number}",
            "kind": WIRES[one.wire][0],
            # The only one, so that every other caller is translated into it.
            "dialects": [one.wire],
            "baseURL": f"{replay}/id/{one.id}" + ("/v1" if one.wire == "ollama.chat" else ""),
            "keys": [{"name": "main", "value": "AKIDEXAMPLE:secret" if "bedrock" in one.wire else "sk-recorded"}],
            **({"region": "us-east-1"} if "bedrock" in one.wire else {}),
        }
        for number, one in enumerate(recordings(traffic))
    ]
    return module_starter({"providers": providers})


@pytest.fixture(scope="module")
def names(traffic):
    return {one.id: f"p{number}/m" for number, one in enumerate(recordings(traffic))}


SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}}


class Chat:
    def __init__(self, gateway):
        self.client = openai.OpenAI(api_key=gateway.key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20)

    def ask(self, model, streams):
        asked = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
        answer = Answer()
        if not streams:
            whole = self.client.chat.completions.create(**asked)
            message = whole.choices[0].message
            answer.text = message.content or ""
            answer.calls = [(one.function.name, json.loads(one.function.arguments)) for one in message.tool_calls or []]
            usage = whole.usage
        else:
            calls, usage, reasons = {}, None, []
            for chunk in self.client.chat.completions.create(
                **asked, stream=True, stream_options={"include_usage": True}
            ):
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    answer.text += choice.delta.content or ""
                    reasons += [choice.finish_reason] if choice.finish_reason else []
                    for piece in choice.delta.tool_calls or []:
                        call = calls.setdefault(piece.index, ["", ""])
                        call[0] += piece.function.name or ""
                        call[1] += piece.function.arguments or ""
            assert len(reasons) == 1
            answer.calls = [(name, json.loads(arguments or "{}")) for name, arguments in calls.values()]
        answer.tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else ()
        return answer


class Responses:
    def __init__(self, gateway):
        self.client = openai.OpenAI(api_key=gateway.key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20)

    def ask(self, model, streams):
        if streams:
            events = list(self.client.responses.create(model=model, input="Hello", stream=True))
            numbers = [event.sequence_number for event in events]
            # Some recordings of the wire itself have none.
            assert numbers == sorted(set(numbers)) or set(numbers) == {None}
            assert events[-1].type in ("response.completed", "response.incomplete")
            whole = events[-1].response
        else:
            whole = self.client.responses.create(model=model, input="Hello")
        calls = [(one.name, json.loads(one.arguments)) for one in whole.output if one.type == "function_call"]
        tokens = (whole.usage.input_tokens, whole.usage.output_tokens) if whole.usage else ()
        return Answer(whole.output_text, calls, tokens)


class Anthropic:
    def __init__(self, gateway):
        self.client = anthropic.Anthropic(api_key=gateway.key, base_url=gateway.url, max_retries=0, timeout=20)

    def ask(self, model, streams):
        asked = {"model": model, "max_tokens": 1000, "messages": [{"role": "user", "content": "Hello"}]}
        if streams:
            with self.client.messages.stream(**asked) as stream:
                whole = stream.get_final_message()
        else:
            whole = self.client.messages.create(**asked)
        text = "".join(block.text for block in whole.content if block.type == "text")
        calls = [(block.name, block.input) for block in whole.content if block.type == "tool_use"]
        usage = whole.usage
        read = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        return Answer(text, calls, (read, usage.output_tokens))


class Gemini:
    def __init__(self, gateway):
        self.client = genai.Client(
            api_key=gateway.key, http_options=types.HttpOptions(base_url=gateway.url, timeout=20_000)
        )

    def ask(self, model, streams):
        answer = Answer()
        usage = None
        if streams:
            parts = self.client.models.generate_content_stream(model=model, contents="Hello")
        else:
            parts = [self.client.models.generate_content(model=model, contents="Hello")]
        for one in parts:
            usage = one.usage_metadata or usage
            for candidate in one.candidates or []:
                for part in (candidate.content and candidate.content.parts) or []:
                    if part.text and not part.thought:
                        answer.text += part.text
                    if part.function_call:
                        answer.calls.append((part.function_call.name, part.function_call.args or {}))
        if usage:
            written = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
            read = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
            answer.tokens = (read, written)
        return answer


@contextlib.contextmanager
def opened(make, gateway):
    """A caller whose connections end with it: the gateway's count of them must be what it was."""
    caller = make(gateway)
    yield caller
    caller.client.close()


CALLERS = {"chat": Chat, "responses": Responses, "anthropic": Anthropic, "gemini": Gemini}


@pytest.fixture(scope="module")
def clients(gateway):
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(opened(make, gateway)) for name, make in CALLERS.items()}


def test_all_callers_read_the_same(recorded, clients, names):
    answers = {name: client.ask(names[recorded.id], recorded.streams) for name, client in clients.items()}
    first = answers["chat"]
    for name, answer in answers.items():
        assert answer.text == first.text, name
        assert answer.calls == first.calls, name
        if first.tokens and any(first.tokens) and any(answer.tokens):
            assert answer.tokens == first.tokens, name


def test_wrong_keys_are_refused_in_each_dialect(gateway):
    class Wrong:
        url, key = gateway.url, "wrong"

    with opened(Chat, Wrong) as chat, pytest.raises(openai.AuthenticationError) as caught:
        chat.ask("p0/m", False)
    assert caught.value.code == "invalid_api_key"
    with opened(Anthropic, Wrong) as messages, pytest.raises(anthropic.AuthenticationError) as caught:
        messages.ask("p0/m", False)
    assert caught.value.body["error"]["code"] == "invalid_api_key"
    with opened(Gemini, Wrong) as gemini, pytest.raises(genai.errors.ClientError) as caught:
        gemini.ask("p0/m", False)
    assert caught.value.code == 401 and caught.value.status == "UNAUTHENTICATED"


def test_a_key_in_the_url_is_refused(gateway):
    asked = urllib.request.Request(
        f"{gateway.url}/v1beta/models/p0/m:generateContent?key={gateway.key}",
        data=b'{"contents":[{"parts":[{"text":"x"}]}]}',
        headers={"content-type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(asked, timeout=10)
    assert caught.value.code == 401


def test_models_are_listed_in_each_shape(gateway, clients):
    assert "gatehouse/echo" in [one.id for one in clients["chat"].client.models.list()]
    assert "gatehouse/echo" in [one.id for one in clients["anthropic"].client.models.list(limit=1000)]
    assert "models/gatehouse/echo" in [one.name for one in clients["gemini"].client.models.list()]


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("caller", CALLERS)
def test_the_echo_answers_every_client(caller, streams, clients):
    answer = clients[caller].ask("gatehouse/echo", streams)
    assert answer.text == "Hello" and answer.tokens == (1, 1)
