"""Anthropic's Messages."""

import base64
import json

from .script import USAGE, Delta, Part, Refused, Seen, Tool, Turn, Wire, matches, only, pieces, require, sse

FIELDS = (
    "model messages max_tokens system stream temperature top_p top_k stop_sequences tools tool_choice thinking metadata "
    "service_tier output_config cache_control container context_management mcp_servers inference_geo"
).split()
BLOCK_FIELDS = {
    "text": "type text cache_control citations",
    "image": "type source cache_control",
    "tool_use": "type id name input cache_control caller",
    "tool_result": "type tool_use_id content is_error cache_control",
    "thinking": "type thinking signature",
}
ALLOWED = {"user": ("text", "image", "tool_result"), "assistant": ("text", "tool_use", "thinking"), "system": ("text",)}


class Anthropic(Wire):
    stream_kind = "text/event-stream; charset=utf-8"
    signs = True

    def check_headers(self, headers):
        if headers.get("x-api-key") != "sk-upstream":
            raise Refused("invalid x-api-key", 401)
        require(headers.get("anthropic-version") == "2023-06-01", "anthropic-version: header is required")

    # Reading

    def read(self, request, server):
        body = request.body
        only(body, FIELDS, "the request")
        require(isinstance(body.get("model"), str) and body.get("messages"), "model and messages are needed")
        limit = body.get("max_tokens")
        require(isinstance(limit, int) and limit > 0, "max_tokens: Field required")
        require(limit <= 64_000, "max_tokens: more than this model can write")
        seen = Seen(body["model"], bool(body.get("stream")))
        system = body.get("system") or ""
        blocks = self.blocks(system, "system", "system", server)
        seen.system = "".join(block.text for block in blocks)
        self.read_messages(body["messages"], seen, server)
        for tool in body.get("tools") or []:
            require(tool.get("type", "custom") == "custom", "tools must be of the caller's own")
            only(tool, "type name description input_schema cache_control strict eager_input_streaming".split(), "tools")
            matches(r"[a-zA-Z0-9_-]{1,128}", tool.get("name"), "tools.name")
            require((tool.get("input_schema") or {}).get("type") == "object", "tools.input_schema.type: must be object")
            seen.tools.append(Tool(tool["name"], tool["input_schema"], tool.get("description")))
        require(len({tool.name for tool in seen.tools}) == len(seen.tools), "tools: Tool names must be unique.")
        seen.choice = body.get("tool_choice")
        self.read_options(body, seen)
        return seen

    def read_messages(self, messages, seen, server):
        before = None
        waiting = []
        for index, message in enumerate(messages):
            where, role = f"messages.{index}", message.get("role")
            only(message, ("role", "content"), where)
            require(role in ("user", "assistant"), f"{where}.role: {role!r}")
            require(role != before, f"{where}: roles must alternate")
            require(before or role == "user", f"{where}: the first message must be the user's")
            before = role
            parts = self.blocks(message["content"], role, where, server)
            require(parts, f"{where}.content: must not be empty")
            if role == "user":
                results = [part.id for part in parts if part.kind == "result"]
                first = [part.id for part in parts[: len(waiting)] if part.kind == "result"]
                require(sorted(first) == sorted(waiting), f"{where}: tool_use ids without tool_result first: {waiting}")
                require(len(results) == len(waiting), f"{where}: unexpected tool_result")
                for part in parts:
                    if part.kind == "result":
                        part.name = names[part.id]
            names = {part.id: part.name for part in parts if part.kind == "call"}
            waiting = list(names)
            if role == "assistant" and index == len(messages) - 1:
                text = parts[-1].text
                require(not waiting and text == text.rstrip(), f"{where}: final assistant content ends in whitespace")
            seen.turns.append(Turn(role, parts))
        require(not waiting, f"tool_use ids without tool_result: {waiting}")

    def blocks(self, content, role, where, server):
        if isinstance(content, str):
            return [Part("text", content)] if content else []
        parts = []
        for block in content:
            kind = block.get("type")
            require(kind in ALLOWED[role], f"{where}: {kind!r} in {role}")
            only(block, BLOCK_FIELDS[kind].split(), f"{where}.{kind}")
            parts.append(getattr(self, kind)(block, where, server))
        return parts

    def text(self, block, where, server):
        require(block["text"].strip(), f"{where}: text content blocks must contain non-whitespace text")
        return Part("text", block["text"])

    def image(self, block, where, server):
        source = block["source"]
        require(source["type"] == "base64", f"{where}: image source {source['type']!r}")
        kinds = ("image/jpeg", "image/png", "image/gif", "image/webp")
        require(source["media_type"] in kinds, f"{where}: {source['media_type']!r}")
        return Part("image", data=base64.b64decode(source["data"], validate=True), type=source["media_type"])

    def tool_use(self, block, where, server):
        matches(r"[a-zA-Z0-9_-]+", block.get("id"), f"{where}.tool_use.id")
        matches(r"[a-zA-Z0-9_-]{1,200}", block.get("name"), f"{where}.tool_use.name")
        require(isinstance(block["input"], dict), f"{where}.tool_use.input: must be an object")
        return Part("call", id=block["id"], name=block["name"], arguments=block["input"])

    def tool_result(self, block, where, server):
        content = self.blocks(block.get("content") or "", "user", where, server)
        text = "".join(part.text for part in content if part.kind == "text")
        images = [part for part in content if part.kind == "image"]
        return Part("result", text, id=block["tool_use_id"], is_error=block.get("is_error", False), images=images)

    def thinking(self, block, where, server):
        thoughts = server.signed(block.get("signature"))
        require(thoughts is not None, f"{where}: Invalid `signature` in `thinking` block: {block.get('signature')!r}")
        require(block["thinking"] == thoughts, f"{where}: `thinking` blocks cannot be modified")
        return Part("thinking", block["thinking"], signature=block["signature"])

    def read_options(self, body, seen):
        seen.options = {
            {"stop_sequences": "stop"}.get(name, name): body[name]
            for name in ("max_tokens", "temperature", "top_p", "top_k", "stop_sequences")
            if name in body
        }
        require(0 <= body.get("temperature", 1) <= 1, "temperature: range: 0..1")
        require("temperature" not in body or "top_p" not in body, "temperature and top_p cannot both be specified")
        for stop in seen.options.get("stop", []):
            require(stop.strip(), "stop_sequences: each must contain non-whitespace")
        thinking = body.get("thinking") or {}
        if thinking.get("type") == "enabled":
            budget = thinking.get("budget_tokens", 0)
            require(1024 <= budget < body["max_tokens"], "thinking.budget_tokens: 1024 and more, less than max_tokens")
            require(body.get("temperature", 1) == 1 and "top_k" not in body, "thinking: no temperature, no top_k")
            forced = (seen.choice or {}).get("type") in ("any", "tool")
            require(not forced, "thinking may not be enabled when tool_choice forces tool use")
            seen.options["effort"] = budget
            self.check_thoughts(seen)
        else:
            require(thinking.get("type") in (None, "disabled"), f"thinking.type: {thinking.get('type')!r}")
        form = (body.get("output_config") or {}).get("format")
        if form:
            require(form["type"] == "json_schema", f"output_config.format.type: {form['type']!r}")
            seen.schema = form["schema"]
            require(seen.schema.get("additionalProperties") is False, "output_config: additionalProperties must be false")

    def check_thoughts(self, seen):
        """While it thinks, the turn that it goes on from must begin with its thoughts."""
        if len(seen.turns) < 2 or not seen.turns[-1].of("result"):
            return
        first = seen.turns[-2].parts[0].kind
        require(first == "thinking", "Expected `thinking`, but found something else, when `thinking` is enabled")

    # Writing

    usage = {
        "input_tokens": USAGE.input - USAGE.read - USAGE.written,
        "cache_creation_input_tokens": USAGE.written,
        "cache_read_input_tokens": USAGE.read,
        "output_tokens": USAGE.output,
    }

    def content(self, answer, server):
        blocks = []
        if answer.thoughts:
            blocks.append({"type": "thinking", "thinking": answer.thought, "signature": answer.signature})
        if answer.words:
            blocks.append({"type": "text", "text": answer.text})
        for name, text in answer.calls:
            blocks.append({"type": "tool_use", "id": f"toolu_{server.serial():024}", "name": name, "input": text})
        return blocks

    def ending(self, answer):
        reason = "stop_sequence" if answer.stopped_by else "tool_use" if answer.calls else "end_turn"
        return {"stop_reason": reason, "stop_sequence": answer.stopped_by}

    def envelope(self, seen):
        return {"id": f"msg_{seen.number}", "type": "message", "role": "assistant", "model": seen.model}

    def whole(self, answer, seen, server):
        content = self.content(answer, server)
        for block in content:
            if block["type"] == "tool_use":
                block["input"] = json.loads(block["input"])
        return {**self.envelope(seen), "content": content, **self.ending(answer), "usage": self.usage}

    def stream(self, answer, seen, server):
        def event(kind, body, as_kind=bytes):
            return sse({"type": kind, **body}, kind, as_kind)

        start = {**self.envelope(seen), "content": [], "stop_reason": None, "stop_sequence": None,
                 "usage": {**self.usage, "output_tokens": 1}}
        yield event("message_start", {"message": start})
        yield event("ping", {})
        for index, block in enumerate(self.content(answer, server)):
            empty = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}, "tool_use": {"input": {}}}
            yield event("content_block_start", {"index": index, "content_block": {**block, **empty[block["type"]]}})
            for delta in self.deltas(block, answer):
                kind = Delta if block["type"] == "text" else bytes
                yield event("content_block_delta", {"index": index, "delta": delta}, kind)
            yield event("content_block_stop", {"index": index})
        ending = {"delta": self.ending(answer), "usage": {"output_tokens": USAGE.output}}
        yield event("message_delta", ending)
        yield event("message_stop", {})

    def deltas(self, block, answer):
        if block["type"] == "text":
            return [{"type": "text_delta", "text": word} for word in answer.words]
        if block["type"] == "tool_use":
            return [{"type": "input_json_delta", "partial_json": text} for text in ["", *pieces(block["input"])]]
        deltas = [{"type": "thinking_delta", "thinking": text} for text in answer.thoughts]
        return [*deltas, {"type": "signature_delta", "signature": answer.signature}]

    kinds = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error", 503: "overloaded_error"}

    def error(self, status, message):
        kind = self.kinds.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}

    def broken(self):
        return sse({"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}, "error")

    def garbled(self):
        return b'event: content_block_delta\ndata: {"oops\n\n'
