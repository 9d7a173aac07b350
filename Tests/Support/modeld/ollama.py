"""Ollama's own chat."""

import base64
import json

from .script import USAGE, Delta, Part, Refused, Seen, Tool, Turn, Wire, require

LEVELS = (True, False, None, "low", "medium", "high")


class Ollama(Wire):
    stream_kind = "application/x-ndjson"
    signs = False

    # Reading. Ollama refuses wrong types, and ignores fields that it does not know.

    def read(self, request, server):
        body = request.body
        require(request.path == "api/chat", f"404 page not found: {request.path}")
        require(isinstance(body.get("model"), str), "model is required")
        seen = Seen(body["model"], body.get("stream", True))
        names = {}
        for index, message in enumerate(body.get("messages") or []):
            self.read_message(message, f"messages[{index}]", names, seen)
        for tool in body.get("tools") or []:
            require(tool.get("type") == "function", "tools must be functions")
            function = tool["function"]
            require(isinstance(function.get("name"), str), "tools.function.name")
            schema = function.get("parameters")
            require(schema is None or schema.get("type") == "object", "tools.function.parameters.type")
            seen.tools.append(Tool(function["name"], schema, function.get("description")))
        options = body.get("options") or {}
        keys = {"num_predict": "max_tokens"}
        seen.options = {keys.get(key, key): value for key, value in options.items()}
        require(isinstance(seen.options.get("stop", []), list), "options.stop must be a list")
        require(body.get("think") in LEVELS, f"invalid think value: {body.get('think')!r}")
        if body.get("think"):
            seen.options["effort"] = body["think"]
        form = body.get("format")
        require(form in (None, "", "json") or isinstance(form, dict), f"invalid format: {form!r}")
        seen.schema = form if isinstance(form, dict) else None
        return seen

    def read_message(self, message, where, names, seen):
        role, content = message.get("role"), message.get("content", "")
        require(role in ("system", "user", "assistant", "tool"), f"{where}: invalid role {role!r}")
        require(isinstance(content, str), f"{where}: cannot unmarshal content into a string")
        images = [Part("image", data=base64.b64decode(data, validate=True)) for data in message.get("images") or []]
        if role == "system":
            seen.system += content
            return
        parts = [Part("thinking", message["thinking"])] if message.get("thinking") else []
        parts += [Part("text", content)] if content else []
        if role == "tool":
            name = message.get("tool_name") or names.get(message.get("tool_call_id"), "")
            require(name, f"{where}: a result needs its function's name")
            result = Part("result", content, id=message.get("tool_call_id", ""), name=name, images=images)
            seen.turns.append(Turn("tool", [result]))
            return
        for call in message.get("tool_calls") or []:
            function = call["function"]
            require(isinstance(function["arguments"], dict), f"{where}: arguments must be an object")
            names[call.get("id")] = function["name"]
            parts.append(Part("call", id=call.get("id", ""), name=function["name"], arguments=function["arguments"]))
        seen.turns.append(Turn(role, parts + images))

    # Writing

    def line(self, seen, message, kind=bytes, **more):
        body = {"model": seen.model, "created_at": "2026-11-23T06:00:00.000Z",
                "message": {"role": "assistant", "content": "", **message}, "done": False, **more}
        return kind(json.dumps(body, ensure_ascii=False).encode() + b"\n")

    end = {
        "done": True, "done_reason": "stop", "total_duration": 5, "load_duration": 1, "prompt_eval_duration": 1,
        "eval_duration": 1, "prompt_eval_count": USAGE.input, "eval_count": USAGE.output,
    }

    def calls(self, answer, server):
        return [
            {"id": f"call_{server.serial():08}", "function": {"index": index, "name": name, "arguments": json.loads(text)}}
            for index, (name, text) in enumerate(answer.calls)
        ]

    def whole(self, answer, seen, server):
        message = {"content": answer.text}
        if answer.thoughts:
            message["thinking"] = answer.thought
        if answer.calls:
            message["tool_calls"] = self.calls(answer, server)
        return json.loads(self.line(seen, message, **self.end))

    def stream(self, answer, seen, server):
        for text in answer.thoughts:
            yield self.line(seen, {"thinking": text})
        for word in answer.words:
            yield self.line(seen, {"content": word}, Delta)
        for call in self.calls(answer, server):
            yield self.line(seen, {"tool_calls": [call]})
        yield self.line(seen, {}, **self.end)

    def error(self, status, message):
        return {"error": message}

    def broken(self):
        return json.dumps({"error": "an error was encountered while running the model"}).encode() + b"\n"

    def garbled(self):
        return b'{"oops\n'
