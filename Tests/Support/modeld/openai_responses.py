"""OpenAI's Responses."""

import itertools

from .openai_chat import NAME, image
from .script import USAGE, Delta, Part, Refused, Seen, Tool, Turn, Wire, arguments, matches, only, pieces, require, sse

FIELDS = (
    "model input instructions stream stream_options max_output_tokens max_tool_calls temperature top_p top_logprobs user "
    "metadata store tools tool_choice parallel_tool_calls text reasoning include truncation service_tier safety_identifier "
    "prompt_cache_key prompt_cache_retention previous_response_id background conversation prompt"
).split()
ITEM_FIELDS = {
    "message": "type role content id status phase",
    "function_call": "type id call_id name arguments status",
    "function_call_output": "type id call_id output status",
    "reasoning": "type id summary content encrypted_content status",
}


class Responses(Wire):
    stream_kind = "text/event-stream; charset=utf-8"
    signs = True

    def check_headers(self, headers):
        if headers.get("authorization") != "Bearer sk-upstream":
            raise Refused("Incorrect API key provided", 401)

    # Reading

    def read(self, request, server):
        body = request.body
        only(body, FIELDS, "the request")
        require(isinstance(body.get("model"), str) and body.get("input"), "model and input are needed")
        only(body.get("stream_options") or {}, ("include_obfuscation",), "stream_options")
        seen = Seen(body["model"], bool(body.get("stream")), body.get("instructions") or "")
        items = body["input"]
        if isinstance(items, str):
            items = [{"role": "user", "content": items}]
        self.read_items(items, seen, server)
        for tool in body.get("tools") or []:
            require(tool.get("type") == "function", "tools must be functions")
            only(tool, "type name description parameters strict".split(), "tools")
            matches(NAME, tool.get("name"), "tools.name")
            schema = tool.get("parameters")
            require(schema is None or schema.get("type") == "object", "tools.parameters must be an object's schema")
            if tool.get("strict") and schema:
                require(schema.get("additionalProperties") is False, "strict needs additionalProperties: false")
            seen.tools.append(Tool(tool["name"], schema, tool.get("description")))
        require(len({tool.name for tool in seen.tools}) == len(seen.tools), "two tools of one name")
        seen.choice = body.get("tool_choice")
        given = {
            "max_tokens": body.get("max_output_tokens"),
            "temperature": body.get("temperature"),
            "top_p": body.get("top_p"),
            "effort": (body.get("reasoning") or {}).get("effort"),
        }
        require((given["max_tokens"] or 16) >= 16, "max_output_tokens: at least 16")
        seen.options = {name: value for name, value in given.items() if value is not None}
        form = (body.get("text") or {}).get("format")
        if form and form["type"] == "json_schema":
            matches(NAME, form.get("name"), "text.format.name")
            seen.schema = form["schema"]
            if form.get("strict"):
                require(seen.schema.get("additionalProperties") is False, "strict needs additionalProperties: false")
        return seen

    def read_items(self, items, seen, server):
        waiting = {}
        for index, item in enumerate(items):
            where, kind = f"input[{index}]", item.get("type", "message")
            require(kind in ITEM_FIELDS, f"{where}.type: {kind!r}")
            only(item, ITEM_FIELDS[kind].split(), where)
            if kind == "reasoning":
                parts = [self.thought(item, where, server)]
                following = items[index + 1].get("type", "message") if index + 1 < len(items) else None
                allowed = ("function_call", "message", "reasoning")
                require(following in allowed, f"{where}: reasoning without the item that followed it")
                seen.turns.append(Turn("assistant", parts))
            elif kind == "function_call":
                matches(r"[\x21-\x7e]{1,64}", item.get("call_id"), f"{where}.call_id")
                matches(NAME, item.get("name"), f"{where}.name")
                waiting[item["call_id"]] = item["name"]
                given = arguments(item["arguments"], where)
                seen.turns.append(Turn("assistant", [Part("call", id=item["call_id"], name=item["name"], arguments=given)]))
            elif kind == "function_call_output":
                require(item["call_id"] in waiting, f"{where}: no call for this output: {item['call_id']}")
                name = waiting.pop(item["call_id"])
                content = self.content(item["output"], "user", where)
                texts = "".join(part.text for part in content if part.kind == "text")
                images = [part for part in content if part.kind == "image"]
                result = Part("result", texts, id=item["call_id"], name=name, images=images)
                seen.turns.append(Turn("tool", [result]))
            else:
                role = item.get("role")
                require(role in ("user", "assistant", "system", "developer"), f"{where}.role: {role!r}")
                parts = self.content(item["content"], role, where)
                if role in ("system", "developer"):
                    seen.system += "".join(part.text for part in parts)
                else:
                    seen.turns.append(Turn(role, parts))
        require(not waiting, f"no output for the calls {sorted(waiting)}")

    def thought(self, item, where, server):
        sealed = item.get("encrypted_content")
        require(sealed, f"{where}: reasoning that is not stored needs encrypted_content")
        thoughts = server.signed(sealed)
        require(thoughts is not None, f"{where}: encrypted_content could not be verified: {sealed!r}")
        text = "".join(part["text"] for part in item["summary"])
        require(text in ("", thoughts), f"{where}: the summary was changed")
        return Part("thinking", text, signature=sealed)

    def content(self, content, role, where):
        if isinstance(content, str):
            return [Part("text", content)]
        parts = []
        for piece in content:
            kind = piece.get("type")
            if kind == ("output_text" if role == "assistant" else "input_text"):
                parts.append(Part("text", piece["text"]))
            elif kind == "input_image" and role == "user":
                parts.append(image(piece.get("image_url"), where))
            else:
                raise Refused(f"{where}: content of type {kind!r} in {role}")
        return parts

    # Writing

    usage = {
        "input_tokens": USAGE.input,
        "input_tokens_details": {"cached_tokens": USAGE.read},
        "output_tokens": USAGE.output,
        "output_tokens_details": {"reasoning_tokens": USAGE.thoughts},
        "total_tokens": USAGE.input + USAGE.output,
    }

    def items(self, answer, server):
        items = []
        if answer.thoughts:
            summary = [{"type": "summary_text", "text": answer.thought}]
            items.append({"id": f"rs_{server.serial():08}", "type": "reasoning", "summary": summary,
                          "encrypted_content": answer.signature})
        if answer.words:
            content = [{"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}]
            items.append({"id": f"msg_{server.serial():08}", "type": "message", "status": "completed",
                          "role": "assistant", "content": content})
        for name, text in answer.calls:
            items.append({"id": f"fc_{server.serial():08}", "type": "function_call", "status": "completed",
                          "call_id": f"call_{server.serial():024}", "name": name, "arguments": text})
        return items

    def response(self, seen, status, output, usage):
        return {
            "id": f"resp_{seen.number}", "object": "response", "created_at": 1790000000, "status": status, "error": None,
            "incomplete_details": None, "instructions": seen.system or None, "model": seen.model, "output": output,
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": usage, "metadata": {},
            "temperature": 1.0, "top_p": 1.0,
        }

    def whole(self, answer, seen, server):
        return self.response(seen, "completed", self.items(answer, server), self.usage)

    def stream(self, answer, seen, server):
        numbers = itertools.count()

        def event(kind, body, as_kind=bytes):
            return sse({"type": kind, "sequence_number": next(numbers), **body}, kind, as_kind)

        items = self.items(answer, server)
        for kind in ("response.created", "response.in_progress"):
            yield event(kind, {"response": self.response(seen, "in_progress", [], None)})
        calls = []
        for index, item in enumerate(items):
            empty = {"reasoning": {"summary": []}, "message": {"content": [], "status": "in_progress"},
                     "function_call": {"arguments": "", "status": "in_progress"}}[item["type"]]
            place = {"output_index": index, "item_id": item["id"]}
            yield event("response.output_item.added", {"output_index": index, "item": {**item, **empty}})
            if item["type"] == "function_call":
                calls.append((place, item))
                continue
            yield from self.texts(answer, item, place, event)
            yield event("response.output_item.done", {"output_index": index, "item": item})
        # The arguments of all calls at once, one piece of each in turn.
        rests = [pieces(item["arguments"]) for _, item in calls]
        while any(rests):
            for (place, _), rest in zip(calls, rests):
                if rest:
                    yield event("response.function_call_arguments.delta", {**place, "delta": rest.pop(0)})
        for place, item in calls:
            yield event("response.function_call_arguments.done", {**place, "arguments": item["arguments"]})
            yield event("response.output_item.done", {"output_index": place["output_index"], "item": item})
        whole = self.response(seen, "completed", items, self.usage)
        yield event("response.completed", {"response": whole})

    def texts(self, answer, item, place, event):
        if item["type"] == "reasoning":
            place = {**place, "summary_index": 0}
            part = {"type": "summary_text", "text": ""}
            yield event("response.reasoning_summary_part.added", {**place, "part": part})
            for text in answer.thoughts:
                yield event("response.reasoning_summary_text.delta", {**place, "delta": text})
            yield event("response.reasoning_summary_text.done", {**place, "text": answer.thought})
            yield event("response.reasoning_summary_part.done", {**place, "part": {**part, "text": answer.thought}})
            return
        place = {**place, "content_index": 0}
        part = item["content"][0]
        yield event("response.content_part.added", {**place, "part": {**part, "text": ""}})
        for word in answer.words:
            yield event("response.output_text.delta", {**place, "delta": word, "logprobs": []}, Delta)
        yield event("response.output_text.done", {**place, "text": answer.text, "logprobs": []})
        yield event("response.content_part.done", {**place, "part": part})

    def error(self, status, message):
        kind = "invalid_request_error" if status < 429 else "server_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}

    def broken(self):
        return sse({"type": "error", "sequence_number": 99, "code": "server_error", "message": "An error occurred",
                    "param": None}, "error")
