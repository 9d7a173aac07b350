"""The official clients under one interface: each asks the same thing in its own words, by its documented members."""

import base64
import json
from dataclasses import dataclass, field

import anthropic
import openai
from google import genai
from google.genai import types


@dataclass
class User:
    text: str
    #: Pairs of bytes and a media type.
    images: list = field(default_factory=list)


@dataclass
class Model:
    """An answer that goes back as history; `bare` without the thoughts and whatever seals came with it."""

    reply: "Reply"
    bare: bool = False


@dataclass
class Result:
    id: str
    name: str
    text: str
    image: tuple | None = None
    is_error: bool = False


@dataclass
class Results:
    results: list


@dataclass
class Call:
    id: str
    name: str
    arguments: dict


@dataclass
class Reply:
    text: str = ""
    thoughts: str = ""
    calls: list = field(default_factory=list)
    finish: str | None = None
    #: `input`, `output`, `read`, `written` and `thoughts`, as this client's vendor counts; `None` when not told.
    usage: dict = field(default_factory=dict)
    #: What the client keeps of it for the history.
    native: object = None


@dataclass
class Failure:
    """An exception of a client: its class, the status, the gateway's own code and the field at fault."""

    kind: str
    status: int | None
    code: str | None
    param: str | None
    headers: dict


@dataclass
class Ask:
    """What is asked beside the conversation."""

    system: str | None = None
    tools: list = field(default_factory=list)
    schema: dict | None = None
    thinks: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: list | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None

    def named(self, **names):
        """Those of the options that are set, under a client's own names."""
        return {theirs: getattr(self, ours) for ours, theirs in names.items() if getattr(self, ours) is not None}


def data_url(image):
    return f"data:{image[1]};base64,{base64.b64encode(image[0]).decode()}"


class Client:
    """Remembers the headers of the last response."""

    def __init__(self):
        self.headers = {}

    def _hooks(self):
        def remember(response):
            self.headers = dict(response.headers)

        return {"response": [remember]}

    @property
    def dropped(self):
        """What the gateway says it left out of the last request."""
        return [name.strip() for name in self.headers.get("x-gatehouse-dropped-params", "").split(",") if name.strip()]

    def ask(self, model, turns, stream=False, **options):
        """Asks and reads the whole answer."""
        turns = [User(turns)] if isinstance(turns, str) else turns
        request = self.request(model, turns, Ask(**options))
        return self.read_stream(self.open(request)) if stream else self.read(self.whole(request))

    def open_stream(self, model, text):
        """A stream of the client's own events, that has a `close`."""
        return self.open(self.request(model, [User(text)], Ask()))


class _OpenAI(Client):
    failures = openai.APIError

    def __init__(self, gateway):
        super().__init__()
        self.client = openai.OpenAI(
            api_key=gateway.key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20,
            http_client=openai.DefaultHttpxClient(event_hooks=self._hooks()),
        )
        self.asynchronous = openai.AsyncOpenAI(
            api_key=gateway.key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20
        )

    def failure(self, error):
        response = getattr(error, "response", None)
        return Failure(type(error).__name__, getattr(error, "status_code", None), error.code, error.param,
                       dict(response.headers) if response is not None else {})

    async def close_asynchronous(self):
        await self.asynchronous.close()


class Chat(_OpenAI):
    dialect = "openai.chat"

    def request(self, model, turns, ask):
        messages = [{"role": "system", "content": ask.system}] if ask.system else []
        for turn in turns:
            messages += self.messages(turn)
        request = {"model": model, "messages": messages}
        request |= ask.named(max_tokens="max_completion_tokens", temperature="temperature", top_p="top_p", seed="seed",
                             stop="stop", presence_penalty="presence_penalty", frequency_penalty="frequency_penalty")
        if ask.top_k is not None:
            request["extra_body"] = {"top_k": ask.top_k}
        if ask.tools:
            request["tools"] = [{"type": "function", "function": {"name": name, "description": about,
                                                                  "parameters": schema}}
                                for name, about, schema in ask.tools]
        if ask.schema:
            form = {"name": "city", "strict": True, "schema": ask.schema}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
        if ask.thinks:
            request["reasoning_effort"] = "low"
        return request

    def messages(self, turn):
        if isinstance(turn, User):
            if not turn.images:
                return [{"role": "user", "content": turn.text}]
            images = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in turn.images]
            return [{"role": "user", "content": [{"type": "text", "text": turn.text}, *images]}]
        if isinstance(turn, Model):
            if not turn.bare:
                return [turn.reply.native]
            bare = {"role": "assistant", "content": turn.reply.text or None}
            calls = [{"id": call.id, "type": "function",
                      "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}
                     for call in turn.reply.calls]
            return [{**bare, "tool_calls": calls} if calls else bare]
        return [{"role": "tool", "tool_call_id": one.id, "content": self.result(one)} for one in turn.results]

    def result(self, one):
        if one.image is None:
            return one.text
        image = {"type": "image_url", "image_url": {"url": data_url(one.image)}}
        return [{"type": "text", "text": one.text}, image]

    def whole(self, request):
        return self.client.chat.completions.create(**request)

    def open(self, request):
        return self.client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True})

    def whole_asynchronous(self, model, text):
        return self.asynchronous.chat.completions.create(**self.request(model, [User(text)], Ask()))

    def words(self, event):
        return "".join(choice.delta.content or "" for choice in event.choices)

    def read(self, whole):
        assert len(whole.choices) == 1 and whole.choices[0].index == 0
        choice = whole.choices[0]
        native = choice.message.model_dump(exclude_none=True, warnings=False)
        return self.reply(native, choice.finish_reason, whole.usage)

    def read_stream(self, stream):
        message, calls, reasons, usage, details = {"role": "assistant"}, {}, [], None, {}
        for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                assert choice.index == 0 and not reasons, "something after the finish reason"
                reasons += [choice.finish_reason] if choice.finish_reason else []
                delta = choice.delta.model_dump(exclude_none=True, warnings=False)
                if isinstance(delta.get("content"), list):
                    message.setdefault("content", []).extend(delta.pop("content"))
                for key in ("content", "reasoning_content"):
                    if delta.get(key):
                        message[key] = message.get(key, "") + delta[key]
                for key in ("thinking_blocks", "reasoning_details"):
                    for piece in delta.get(key, []):
                        details.setdefault(key, []).append(piece)
                for piece in delta.get("tool_calls", []):
                    call = calls.setdefault(piece["index"], {"type": "function", "function": {"name": "", "arguments": ""}})
                    call |= {key: value for key, value in piece.items() if key not in ("index", "function", "type")}
                    function = piece.get("function", {})
                    call["function"]["name"] += function.get("name", "")
                    call["function"]["arguments"] += function.get("arguments", "")
        assert len(reasons) == 1, "one finish reason"
        if calls:
            assert sorted(calls) == list(range(len(calls)))
            message["tool_calls"] = [calls[index] for index in sorted(calls)]
        for key, found in details.items():
            message[key] = self.joined(found)
        return self.reply(message, reasons[0], usage)

    @staticmethod
    def joined(found):
        """The pieces of thinking blocks and details, put together as their users do."""
        joined = []
        for piece in found:
            last = joined[-1] if joined else None
            same = last and last["type"] == piece["type"] and last.get("index") == piece.get("index")
            if not same or last.get("signature") or last.get("data"):
                joined.append(dict(piece))
                continue
            for key, value in piece.items():
                grows = key in ("text", "summary", "thinking") and isinstance(last.get(key), str)
                last[key] = last[key] + value if grows else value
        return joined

    def reply(self, message, finish, usage):
        calls = [Call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
                 for call in message.get("tool_calls", [])]
        told = {}
        if usage:
            prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
            told = {"input": usage.prompt_tokens, "output": usage.completion_tokens, "total": usage.total_tokens,
                    "read": prompt and prompt.cached_tokens, "thoughts": completion and completion.reasoning_tokens}
        text, thoughts = message.get("content") or "", message.get("reasoning_content", "")
        if isinstance(text, list):
            # Mistral's own: thoughts among the content.
            thoughts = "".join(part["text"] for piece in text for part in piece.get("thinking", []))
            text = "".join(piece.get("text", "") for piece in text)
        return Reply(text, thoughts, calls, finish, told, message)


class Responses(_OpenAI):
    dialect = "openai.responses"

    def request(self, model, turns, ask):
        items = []
        for turn in turns:
            items += self.items(turn)
        request = {"model": model, "input": items}
        request |= ask.named(system="instructions", max_tokens="max_output_tokens", temperature="temperature",
                             top_p="top_p")
        # It has no words for these: whoever sends them all the same must be told.
        more = ask.named(stop="stop", top_k="top_k", seed="seed", presence_penalty="presence_penalty",
                         frequency_penalty="frequency_penalty")
        if more:
            request["extra_body"] = more
        if ask.tools:
            request["tools"] = [{"type": "function", "name": name, "description": about, "parameters": schema,
                                 "strict": False}
                                for name, about, schema in ask.tools]
        if ask.schema:
            form = {"type": "json_schema", "name": "city", "strict": True, "schema": ask.schema}
            request["text"] = {"format": form}
        if ask.thinks:
            request["reasoning"] = {"effort": "low", "summary": "auto"}
            request |= {"store": False, "include": ["reasoning.encrypted_content"]}
        return request

    def items(self, turn):
        if isinstance(turn, User):
            images = [{"type": "input_image", "detail": "auto", "image_url": data_url(image)} for image in turn.images]
            return [{"role": "user", "content": [{"type": "input_text", "text": turn.text}, *images]}]
        if isinstance(turn, Model):
            return [item for item in turn.reply.native if not (turn.bare and item["type"] == "reasoning")]
        return [{"type": "function_call_output", "call_id": one.id, "output": self.result(one)}
                for one in turn.results]

    def result(self, one):
        if one.image is None:
            return one.text
        image = {"type": "input_image", "detail": "auto", "image_url": data_url(one.image)}
        return [{"type": "input_text", "text": one.text}, image]

    def whole(self, request):
        return self.client.responses.create(**request)

    def open(self, request):
        return self.client.responses.create(**request, stream=True)

    def whole_asynchronous(self, model, text):
        return self.asynchronous.responses.create(**self.request(model, [User(text)], Ask()))

    def words(self, event):
        return event.delta if event.type == "response.output_text.delta" else ""

    def read_stream(self, stream):
        events = list(stream)
        numbers = [event.sequence_number for event in events]
        assert numbers == list(range(len(numbers)))
        assert events[-1].type in ("response.completed", "response.incomplete")
        reply = self.read(events[-1].response)
        assert "".join(map(self.words, events)) == reply.text, "the deltas are the text"
        done = [event.item.model_dump(exclude_none=True) for event in events if event.type == "response.output_item.done"]
        assert sorted(map(str, done)) == sorted(map(str, reply.native)), "the items that were done are the output"
        return reply

    def read(self, whole):
        native = [item.model_dump(exclude_none=True) for item in whole.output]
        calls = [Call(item.call_id, item.name, json.loads(item.arguments))
                 for item in whole.output if item.type == "function_call"]
        thoughts = "".join(part.text for item in whole.output if item.type == "reasoning" for part in item.summary)
        told = {}
        if usage := whole.usage:
            read, thought = usage.input_tokens_details, usage.output_tokens_details
            told = {"input": usage.input_tokens, "output": usage.output_tokens, "total": usage.total_tokens,
                    "read": read and read.cached_tokens, "thoughts": thought and thought.reasoning_tokens}
        return Reply(whole.output_text, thoughts, calls, whole.status, told, native)


class Anthropic(Client):
    dialect = "anthropic.messages"
    failures = anthropic.APIError

    def __init__(self, gateway):
        super().__init__()
        self.client = anthropic.Anthropic(
            api_key=gateway.key, base_url=gateway.url, max_retries=0, timeout=20,
            http_client=anthropic.DefaultHttpxClient(event_hooks=self._hooks()),
        )
        self.asynchronous = anthropic.AsyncAnthropic(
            api_key=gateway.key, base_url=gateway.url, max_retries=0, timeout=20
        )

    async def close_asynchronous(self):
        await self.asynchronous.close()

    def failure(self, error):
        body = error.body if isinstance(error.body, dict) else {}
        told = body.get("error", {})
        response = getattr(error, "response", None)
        return Failure(type(error).__name__, getattr(error, "status_code", None), told.get("code"), told.get("param"),
                       dict(response.headers) if response is not None else {})

    def request(self, model, turns, ask):
        request = {"model": model, "max_tokens": 4000, "messages": [self.message(turn) for turn in turns]}
        request |= ask.named(max_tokens="max_tokens", system="system", stop="stop_sequences")
        # This client leaves the sampling of older models to its `extra_body`.
        more = ask.named(temperature="temperature", top_p="top_p", top_k="top_k", seed="seed",
                         presence_penalty="presence_penalty", frequency_penalty="frequency_penalty")
        if more:
            request["extra_body"] = more
        if ask.tools:
            request["tools"] = [{"name": name, "description": about, "input_schema": schema}
                                for name, about, schema in ask.tools]
        if ask.schema:
            request["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema}}
        if ask.thinks:
            request["thinking"] = {"type": "enabled", "budget_tokens": 2048}
        return request

    def message(self, turn):
        if isinstance(turn, User):
            return {"role": "user", "content": [{"type": "text", "text": turn.text}, *map(self.image, turn.images)]}
        if isinstance(turn, Model):
            blocks = [block for block in turn.reply.native
                      if not (turn.bare and block["type"] in ("thinking", "redacted_thinking"))]
            return {"role": "assistant", "content": blocks}
        return {"role": "user", "content": [self.result(one) for one in turn.results]}

    @staticmethod
    def image(image):
        source = {"type": "base64", "media_type": image[1], "data": base64.b64encode(image[0]).decode()}
        return {"type": "image", "source": source}

    def result(self, one):
        content = one.text if one.image is None else [{"type": "text", "text": one.text}, self.image(one.image)]
        result = {"type": "tool_result", "tool_use_id": one.id, "content": content}
        return {**result, "is_error": True} if one.is_error else result

    def whole(self, request):
        return self.client.messages.create(**request)

    def open(self, request):
        return self.client.messages.create(**request, stream=True)

    def whole_asynchronous(self, model, text):
        return self.asynchronous.messages.create(**self.request(model, [User(text)], Ask()))

    def words(self, event):
        return event.delta.text if event.type == "content_block_delta" and event.delta.type == "text_delta" else ""

    def read_stream(self, stream):
        """Puts the message together, and holds the events to their grammar on the way."""
        blocks, message, usage, ended = [], None, {}, False
        for event in stream:
            assert not ended, "something after message_stop"
            kind = event.type
            if kind == "message_start":
                assert message is None
                message = event.message
                usage = message.usage.model_dump(exclude_none=True)
            elif kind == "content_block_start":
                assert event.index == len(blocks) and all(block["done"] for block in blocks)
                blocks.append({"block": event.content_block.model_dump(exclude_none=True), "json": "", "done": False})
            elif kind == "content_block_delta":
                assert event.index == len(blocks) - 1 and not blocks[-1]["done"]
                self.add(blocks[-1], event.delta)
            elif kind == "content_block_stop":
                blocks[event.index]["done"] = True
            elif kind == "message_delta":
                message.stop_reason, message.stop_sequence = event.delta.stop_reason, event.delta.stop_sequence
                usage |= event.usage.model_dump(exclude_none=True)
            elif kind == "message_stop":
                ended = True
        assert ended and all(block["done"] for block in blocks)
        for block in blocks:
            if block["block"]["type"] == "tool_use":
                block["block"]["input"] = json.loads(block["json"] or "{}")
        return self.reply([block["block"] for block in blocks], message.stop_reason, message.stop_sequence, usage)

    @staticmethod
    def add(block, delta):
        if delta.type == "input_json_delta":
            block["json"] += delta.partial_json
        elif delta.type == "signature_delta":
            block["block"]["signature"] = delta.signature
        elif delta.type in ("text_delta", "thinking_delta"):
            key = delta.type.removesuffix("_delta")
            block["block"][key] += getattr(delta, key)

    def read(self, whole):
        blocks = [block.model_dump(exclude_none=True) for block in whole.content]
        return self.reply(blocks, whole.stop_reason, whole.stop_sequence, whole.usage.model_dump(exclude_none=True))

    def reply(self, blocks, finish, stop, usage):
        def texts(kind):
            return "".join(block[kind] for block in blocks if block["type"] == kind)

        assert all(block["text"] for block in blocks if block["type"] == "text"), "an empty block of text"
        calls = [Call(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
        told = {"input": usage["input_tokens"], "output": usage["output_tokens"],
                "read": usage.get("cache_read_input_tokens"), "written": usage.get("cache_creation_input_tokens")}
        return Reply(texts("text"), texts("thinking"), calls, f"{finish}:{stop}" if stop else finish, told, blocks)


class Gemini(Client):
    dialect = "gemini.generateContent"
    failures = genai.errors.APIError

    def __init__(self, gateway):
        super().__init__()
        options = types.HttpOptions(
            base_url=gateway.url, timeout=20_000, client_args={"event_hooks": self._hooks()},
        )
        self.client = genai.Client(api_key=gateway.key, http_options=options)

    async def close_asynchronous(self):
        await self.client.aio.aclose()

    def failure(self, error):
        told = error.details.get("error", {}) if isinstance(error.details, dict) else {}
        reason = param = None
        for detail in told.get("details", []):
            reason = detail.get("reason", reason)
            for violation in detail.get("fieldViolations", []):
                param = violation["field"]
        headers = dict(getattr(error.response, "headers", None) or {})
        return Failure(type(error).__name__, error.code, reason, param, headers)

    def request(self, model, turns, ask):
        config = ask.named(system="system_instruction", max_tokens="max_output_tokens", temperature="temperature",
                           top_p="top_p", top_k="top_k", seed="seed", stop="stop_sequences",
                           presence_penalty="presence_penalty", frequency_penalty="frequency_penalty")
        if ask.tools:
            config["tools"] = [types.Tool(function_declarations=[
                types.FunctionDeclaration(name=name, description=about, parameters_json_schema=schema)
                for name, about, schema in ask.tools
            ])]
            config["automatic_function_calling"] = types.AutomaticFunctionCallingConfig(disable=True)
        if ask.schema:
            config |= {"response_mime_type": "application/json", "response_json_schema": ask.schema}
        if ask.thinks:
            config["thinking_config"] = types.ThinkingConfig(include_thoughts=True, thinking_budget=2048)
        contents = [self.content(turn) for turn in turns]
        return {"model": model, "contents": contents, "config": types.GenerateContentConfig(**config)}

    def content(self, turn):
        if isinstance(turn, User):
            images = [types.Part.from_bytes(data=data, mime_type=kind) for data, kind in turn.images]
            return types.Content(role="user", parts=[types.Part.from_text(text=turn.text), *images])
        if isinstance(turn, Model):
            parts = [part for part in turn.reply.native if not (turn.bare and part.thought)]
            if turn.bare:
                parts = [part.model_copy(update={"thought_signature": None}) for part in parts]
            return types.Content(role="model", parts=parts)
        return types.Content(role="user", parts=[self.result(one) for one in turn.results])

    @staticmethod
    def result(one):
        response = {"error" if one.is_error else "result": one.text}
        parts = None
        if one.image:
            blob = types.FunctionResponseBlob(data=one.image[0], mime_type=one.image[1])
            parts = [types.FunctionResponsePart(inline_data=blob)]
        made = types.FunctionResponse(id=one.id or None, name=one.name, response=response, parts=parts)
        return types.Part(function_response=made)

    def whole(self, request):
        return self.client.models.generate_content(**request)

    def open(self, request):
        return self.client.models.generate_content_stream(**request)

    def whole_asynchronous(self, model, text):
        return self.client.aio.models.generate_content(**self.request(model, [User(text)], Ask()))

    def words(self, event):
        parts = [part for one in event.candidates or [] for part in (one.content and one.content.parts) or []]
        return "".join(part.text or "" for part in parts if not part.thought)

    def read(self, whole):
        return self.read_stream([whole])

    def read_stream(self, stream):
        parts, reasons, usage = [], [], None
        for chunk in stream:
            usage = chunk.usage_metadata or usage
            for one in chunk.candidates or []:
                assert not reasons, "something after the finish reason"
                parts += (one.content and one.content.parts) or []
                reasons += [one.finish_reason.value] if one.finish_reason else []
        assert len(reasons) == 1, "one finish reason"
        calls = [Call(part.function_call.id or "", part.function_call.name, part.function_call.args or {})
                 for part in parts if part.function_call]
        text = "".join(part.text or "" for part in parts if not part.thought)
        thoughts = "".join(part.text or "" for part in parts if part.thought)
        told = usage and {
            "input": usage.prompt_token_count, "output": usage.candidates_token_count, "total": usage.total_token_count,
            "read": usage.cached_content_token_count, "thoughts": usage.thoughts_token_count,
        }
        return Reply(text, thoughts, calls, reasons[0], told or {}, parts)


CLIENTS = {"openai chat": Chat, "openai responses": Responses, "anthropic": Anthropic, "google-genai": Gemini}
