"""Cohere's chat, version 2."""

import json

from .openai_chat import image
from .script import USAGE, Delta, Part, Refused, Seen, Tool, Turn, Wire, arguments, matches, only, pieces, require, sse

FIELDS = (
    "model messages stream tools strict_tools tool_choice documents citation_options response_format safety_mode max_tokens "
    "stop_sequences temperature seed frequency_penalty presence_penalty k p logprobs thinking priority raw_prompting"
).split()
MESSAGE_FIELDS = {
    "system": "role content",
    "user": "role content",
    "assistant": "role content tool_plan tool_calls citations",
    "tool": "role content tool_call_id",
}


class Cohere(Wire):
    stream_kind = "text/event-stream"
    signs = False

    def check_headers(self, headers):
        if headers.get("authorization") != "Bearer sk-upstream":
            raise Refused("invalid api token", 401)

    # Reading

    def read(self, request, server):
        body = request.body
        only(body, FIELDS, "the request")
        require(isinstance(body.get("model"), str) and body.get("messages"), "model and messages are needed")
        seen = Seen(body["model"], bool(body.get("stream")))
        self.read_messages(body["messages"], seen)
        for tool in body.get("tools") or []:
            require(tool.get("type") == "function", "tools must be functions")
            function = tool["function"]
            only(function, ("name", "description", "parameters"), "tools.function")
            matches(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}", function.get("name"), "tools.function.name")
            schema = function.get("parameters")
            require(schema is None or schema.get("type") == "object", "tools.function.parameters")
            seen.tools.append(Tool(function["name"], schema, function.get("description")))
        require(len({tool.name for tool in seen.tools}) == len(seen.tools), "two tools of one name")
        seen.choice = body.get("tool_choice")
        require(seen.choice in (None, "REQUIRED", "NONE"), f"tool_choice: {seen.choice!r}")
        names = {"max_tokens": "max_tokens", "temperature": "temperature", "p": "top_p", "k": "top_k", "seed": "seed",
                 "stop_sequences": "stop", "frequency_penalty": "frequency_penalty",
                 "presence_penalty": "presence_penalty"}
        seen.options = {name: body[key] for key, name in names.items() if key in body}
        require(0 <= body.get("k", 0) <= 500, "k: 0..500")
        require(len(body.get("stop_sequences", [])) <= 5, "stop_sequences: at most 5")
        if (body.get("thinking") or {}).get("type") == "enabled":
            seen.options["effort"] = body["thinking"].get("token_budget", "enabled")
        form = body.get("response_format") or {}
        require(form.get("type", "text") in ("text", "json_object"), f"response_format.type: {form.get('type')!r}")
        seen.schema = form.get("json_schema") or form.get("schema")
        require(not seen.schema or not seen.tools, "response_format cannot be used with tools")
        return seen

    def read_messages(self, messages, seen):
        waiting = {}
        for index, message in enumerate(messages):
            where, role = f"messages[{index}]", message.get("role")
            require(role in MESSAGE_FIELDS, f"{where}.role: {role!r}")
            only(message, MESSAGE_FIELDS[role].split(), where)
            require(role == "tool" or not waiting, f"{where}: no results for the calls {sorted(waiting)}")
            parts = self.content(message.get("content"), role, where)
            if role == "system":
                seen.system += "".join(part.text for part in parts)
                continue
            if role == "tool":
                require(message.get("tool_call_id") in waiting, f"{where}: result without its call")
                name = waiting.pop(message["tool_call_id"])
                text = "".join(part.text for part in parts)
                result = Part("result", text, id=message["tool_call_id"], name=name)
                result.is_error = '"error"' in text
                seen.turns.append(Turn("tool", [result]))
                continue
            for call in message.get("tool_calls") or []:
                require(call.get("id") and call.get("type") == "function", f"{where}: calls need an id and a type")
                function = call["function"]
                matches(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}", function["name"], f"{where}.tool_calls.name")
                waiting[call["id"]] = function["name"]
                given = arguments(function["arguments"], where)
                parts.append(Part("call", id=call["id"], name=function["name"], arguments=given))
            require(parts or message.get("tool_plan"), f"{where}: must not be empty")
            seen.turns.append(Turn(role, parts))
        require(not waiting, f"no results for the calls {sorted(waiting)}")

    def content(self, content, role, where):
        if content is None:
            return []
        if isinstance(content, str):
            return [Part("text", content)] if content else []
        parts = []
        for piece in content:
            kind = piece.get("type")
            if kind == "text":
                parts.append(Part("text", piece["text"]))
            elif kind == "image_url" and role == "user":
                parts.append(image(piece["image_url"]["url"], where))
            elif kind == "thinking" and role == "assistant":
                parts.append(Part("thinking", piece["thinking"]))
            elif kind == "document" and role == "tool":
                parts.append(Part("text", json.dumps(piece["document"]["data"], ensure_ascii=False)))
            else:
                raise Refused(f"{where}: content of type {kind!r} in {role}")
        return parts

    # Writing

    usage = {
        "billed_units": {"input_tokens": USAGE.input - 50, "output_tokens": USAGE.output - 5},
        "tokens": {"input_tokens": USAGE.input, "output_tokens": USAGE.output},
        "cached_tokens": USAGE.read,
    }

    def reason(self, answer):
        return "STOP_SEQUENCE" if answer.stopped_by else "TOOL_CALL" if answer.calls else "COMPLETE"

    def calls(self, answer, server):
        return [
            {"id": f"{name[:20]}_{server.serial()}", "type": "function", "function": {"name": name, "arguments": text}}
            for name, text in answer.calls
        ]

    def whole(self, answer, seen, server):
        message = {"role": "assistant"}
        content = [{"type": "thinking", "thinking": answer.thought}] if answer.thoughts else []
        content += [{"type": "text", "text": answer.text}] if answer.words else []
        if content:
            message["content"] = content
        if answer.calls:
            message["tool_calls"] = self.calls(answer, server)
        return {"id": f"c{seen.number}", "finish_reason": self.reason(answer), "message": message, "usage": self.usage}

    def stream(self, answer, seen, server):
        def event(kind, message=None, index=None, as_kind=bytes):
            body = {"type": kind}
            if index is not None:
                body["index"] = index
            if message is not None:
                body["delta"] = {"message": message}
            return sse(body, kind, as_kind)

        start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        yield sse({"id": f"c{seen.number}", "type": "message-start", "delta": {"message": start}}, "message-start")
        index = 0
        for kind, texts in (("thinking", answer.thoughts), ("text", answer.words)):
            if not texts:
                continue
            yield event("content-start", {"content": {"type": kind, kind: ""}}, index)
            for text in texts:
                yield event("content-delta", {"content": {kind: text}}, index, Delta if kind == "text" else bytes)
            yield event("content-end", index=index)
            index += 1
        for number, call in enumerate(self.calls(answer, server)):
            function = {"name": call["function"]["name"], "arguments": ""}
            yield event("tool-call-start", {"tool_calls": {**call, "function": function}}, number)
            for text in pieces(call["function"]["arguments"]):
                yield event("tool-call-delta", {"tool_calls": {"function": {"arguments": text}}}, number)
            yield event("tool-call-end", index=number)
        delta = {"finish_reason": self.reason(answer), "usage": self.usage}
        yield sse({"type": "message-end", "delta": delta}, "message-end")

    def error(self, status, message):
        return {"id": "e1", "message": message}

    def broken(self):
        delta = {"finish_reason": "ERROR", "error": "internal server error"}
        return sse({"type": "message-end", "delta": delta}, "message-end")
