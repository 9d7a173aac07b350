"""OpenAI's chat completions, as OpenAI itself takes them and as servers that imitate it do."""

import base64
import re

from .script import USAGE, Delta, Part, Refused, Seen, Tool, Turn, Wire, arguments, matches, only, pieces, require, sse

NAME = r"[a-zA-Z0-9_-]{1,64}"
FIELDS = (
    "model messages stream stream_options max_tokens max_completion_tokens temperature top_p n stop seed user metadata store "
    "frequency_penalty presence_penalty logit_bias logprobs top_logprobs tools tool_choice parallel_tool_calls modalities "
    "audio prediction response_format reasoning_effort verbosity service_tier safety_identifier prompt_cache_key "
    "prompt_cache_retention web_search_options functions function_call"
).split()
MESSAGE_FIELDS = {
    "system": "role content name",
    "developer": "role content name",
    "user": "role content name",
    "assistant": "role content name refusal audio tool_calls function_call",
    "tool": "role content tool_call_id",
}


def image(url, where):
    """The bytes of a `data:` URL."""
    match = re.fullmatch(r"data:([\w/+.-]+);base64,([A-Za-z0-9+/=]+)", url or "")
    require(match, f"{where}: no data URL: {str(url)[:40]!r}")
    return Part("image", data=base64.b64decode(match[2]), type=match[1])


class OpenAI(Wire):
    """api.openai.com: fields it does not know are refused."""

    stream_kind = "text/event-stream; charset=utf-8"
    signs = False
    id_rule = r"[\x21-\x7e]{1,40}"
    name_rule = NAME
    takes_tool_images = False
    stop_limit = 4

    def check_headers(self, headers):
        if headers.get("authorization") != "Bearer sk-upstream":
            raise Refused("Incorrect API key provided", 401)

    # Reading

    def check_fields(self, body):
        only(body, FIELDS, "the request")
        for index, message in enumerate(body["messages"]):
            only(message, MESSAGE_FIELDS[message["role"]].split(), f"messages[{index}]")

    def read(self, request, server):
        body = request.body
        require(isinstance(body.get("model"), str) and body.get("messages"), "model and messages are needed")
        for index, message in enumerate(body["messages"]):
            require(message.get("role") in MESSAGE_FIELDS, f"messages[{index}].role: {message.get('role')!r}")
        self.check_fields(body)
        require("stream_options" not in body or body.get("stream"), "stream_options without stream")
        seen = Seen(body["model"], bool(body.get("stream")))
        self.read_messages(body["messages"], seen, server)
        self.read_tools(body, seen)
        self.read_options(body, seen)
        return seen

    def read_messages(self, messages, seen, server):
        waiting = {}
        for index, message in enumerate(messages):
            where, role = f"messages[{index}]", message["role"]
            require(role == "tool" or not waiting, f"{where}: no results for the calls {sorted(waiting)}")
            parts = self.content(message.get("content"), role, where, server)
            if role in ("system", "developer"):
                seen.system += "".join(part.text for part in parts)
                continue
            if role == "tool":
                require(message.get("tool_call_id") in waiting, f"{where}: result without its call")
                name = waiting.pop(message["tool_call_id"])
                texts = "".join(part.text for part in parts if part.kind == "text")
                images = [part for part in parts if part.kind == "image"]
                result = Part("result", texts, id=message["tool_call_id"], name=name, images=images)
                result.is_error = message.get("is_error", False)
                seen.turns.append(Turn("tool", [result]))
                continue
            if role == "assistant":
                parts = self.thoughts(message, where, server) + parts
            for call in message.get("tool_calls") or []:
                matches(self.id_rule, call.get("id"), f"{where}.tool_calls.id")
                require(call.get("type", "function") == "function", f"{where}: calls are functions")
                matches(self.name_rule, call["function"]["name"], f"{where}.tool_calls.name")
                waiting[call["id"]] = call["function"]["name"]
                given = arguments(call["function"]["arguments"], where)
                parts.append(Part("call", id=call["id"], name=call["function"]["name"], arguments=given))
            require(role != "assistant" or parts, f"{where}: neither content nor calls")
            seen.turns.append(Turn(role, parts))
        require(not waiting, f"no results for the calls {sorted(waiting)}")

    def thoughts(self, message, where, server):
        return []

    def content(self, content, role, where, server):
        if content is None:
            require(role == "assistant", f"{where}: content is missing")
            return []
        if isinstance(content, str):
            return [Part("text", content)] if content else []
        parts = []
        for piece in content:
            if piece.get("type") == "text":
                parts.append(Part("text", piece["text"]))
            elif piece.get("type") == "image_url":
                takes = role == "user" or (role == "tool" and self.takes_tool_images)
                require(takes, f"{where}: images are for users' messages")
                parts.append(image(self.url(piece), where))
            else:
                parts += self.other_piece(piece, role, where)
        return parts

    def other_piece(self, piece, role, where):
        raise Refused(f"{where}: content of type {piece.get('type')!r}")

    def url(self, piece):
        return piece["image_url"]["url"]

    def read_tools(self, body, seen):
        for tool in body.get("tools") or []:
            require(tool.get("type") == "function", "tools must be functions")
            function = tool["function"]
            matches(self.name_rule, function.get("name"), "tools.name")
            schema = function.get("parameters")
            require(schema is None or schema.get("type") == "object", "tools.parameters must be an object's schema")
            if function.get("strict") and schema:
                require(schema.get("additionalProperties") is False, "strict needs additionalProperties: false")
            seen.tools.append(Tool(function["name"], schema, function.get("description")))
        names = [tool.name for tool in seen.tools]
        require(len(names) == len(set(names)), "two tools of one name")
        seen.choice = body.get("tool_choice")
        require(seen.choice is None or seen.tools, "tool_choice without tools")

    def read_options(self, body, seen):
        stop = body.get("stop")
        stop = [stop] if isinstance(stop, str) else stop
        require(not stop or len(stop) <= self.stop_limit, "too many stop sequences")
        options = {
            "max_tokens": body.get("max_completion_tokens", body.get("max_tokens")),
            "stop": stop,
            "effort": body.get("reasoning_effort"),
            "seed": body.get("seed"),
        }
        for name in ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "min_p"):
            options[name] = body.get(name)
        seen.options = {name: value for name, value in options.items() if value is not None}
        form = body.get("response_format")
        if form and form["type"] == "json_schema":
            matches(NAME, form["json_schema"].get("name"), "response_format.json_schema.name")
            seen.schema = form["json_schema"]["schema"]
            if form["json_schema"].get("strict"):
                require(seen.schema.get("additionalProperties") is False, "strict needs additionalProperties: false")

    # Writing

    usage = {
        "prompt_tokens": USAGE.input,
        "completion_tokens": USAGE.output,
        "total_tokens": USAGE.input + USAGE.output,
        "prompt_tokens_details": {"cached_tokens": USAGE.read},
        "completion_tokens_details": {"reasoning_tokens": USAGE.thoughts},
    }

    def new_id(self, server):
        return f"call_{server.serial():024}"

    def thinking(self, text):
        """The members that show thoughts: OpenAI shows none."""
        return {}

    def calls(self, answer, server):
        return [
            {"id": self.new_id(server), "type": "function", "function": {"name": name, "arguments": text}}
            for name, text in answer.calls
        ]

    def envelope(self, seen, kind):
        return {"id": f"chatcmpl-{seen.number}", "object": kind, "created": 1790000000, "model": seen.model}

    def whole(self, answer, seen, server):
        message = {"role": "assistant", "content": answer.text or None}
        if answer.thoughts:
            message.update(self.thinking(answer.thought))
        if answer.calls:
            message["tool_calls"] = self.calls(answer, server)
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if answer.calls else "stop"}
        return {**self.envelope(seen, "chat.completion"), "choices": [choice], "usage": self.usage}

    def stream(self, answer, seen, server):
        base = self.envelope(seen, "chat.completion.chunk")

        def event(delta, reason=None, kind=bytes):
            return sse({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}, kind=kind)

        yield event({"role": "assistant", "content": ""})
        for text in answer.thoughts:
            if shown := self.thinking(text):
                yield event(shown)
        for word in answer.words:
            yield event({"content": word}, kind=Delta)
        yield from (event({"tool_calls": [call]}) for call in self.interleaved(answer, server))
        yield event({}, "tool_calls" if answer.calls else "stop")
        yield from self.stream_end(base)

    def interleaved(self, answer, server):
        """The pieces of all calls, one of each in turn."""
        calls = self.calls(answer, server)
        rests = []
        for index, call in enumerate(calls):
            rests.append(pieces(call["function"]["arguments"]))
            yield {"index": index, **call, "function": {"name": call["function"]["name"], "arguments": ""}}
        while any(rests):
            for index, rest in enumerate(rests):
                if rest:
                    yield {"index": index, "function": {"arguments": rest.pop(0)}}

    def stream_end(self, base):
        yield sse({**base, "choices": [], "usage": self.usage})
        yield b"data: [DONE]\n\n"

    def error(self, status, message):
        kind = "invalid_request_error" if status < 429 else "server_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}

    def broken(self):
        return sse({"error": {"message": "The server had an error", "type": "server_error", "code": None}})


class Compatible(OpenAI):
    """A server that imitates OpenAI, shows thoughts and takes them back."""

    takes_tool_images = True
    id_rule = name_rule = r".+"

    def check_fields(self, body):
        """Unknown fields are ignored by such servers."""

    def thoughts(self, message, where, server):
        text = message.get("reasoning_content")
        return [Part("thinking", text)] if text else []

    def thinking(self, text):
        return {"reasoning_content": text}
