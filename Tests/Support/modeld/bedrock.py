"""Amazon Bedrock's Converse, with a model of Claude."""

import base64
import json
import re
import struct
import urllib.parse
import zlib

from .script import USAGE, Delta, Part, Refused, Seen, Tool, Turn, Wire, matches, only, pieces, require

FIELDS = (
    "messages system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields promptVariables "
    "additionalModelResponseFieldPaths requestMetadata performanceConfig serviceTier outputConfig"
).split()
BLOCKS = "text image toolUse toolResult reasoningContent cachePoint".split()
ID = r"[a-zA-Z0-9_-]{1,64}"


def message(payload, **headers):
    """One message of an event stream."""
    head = b""
    for name, value in {":content-type": "application/json", **headers}.items():
        head += struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
    body = json.dumps(payload, ensure_ascii=False).encode()
    prelude = struct.pack("!II", 16 + len(head) + len(body), len(head))
    data = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + body
    return data + struct.pack("!I", zlib.crc32(data))


def event(kind, payload, as_kind=bytes):
    return as_kind(message(payload, **{":event-type": kind, ":message-type": "event"}))


class Bedrock(Wire):
    stream_kind = "application/vnd.amazon.eventstream"
    signs = True

    def check_headers(self, headers):
        signed = headers.get("authorization", "")
        if not re.match(r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/us-east-1/bedrock/aws4_request,", signed):
            raise Refused("The security token included in the request is invalid.", 401)

    def model_of(self, request):
        return urllib.parse.unquote(request.path.split("/")[-2])

    # Reading

    def read(self, request, server):
        body = request.body
        verb = request.path.rsplit("/", 1)[-1]
        require(verb in ("converse", "converse-stream"), f"no operation {verb}")
        only(body, FIELDS, "the request")
        seen = Seen(self.model_of(request), verb == "converse-stream")
        blocks = [part for block in body.get("system") or [] if (part := self.block(block, "system", server))]
        seen.system = "".join(part.text for part in blocks)
        self.read_messages(body.get("messages"), seen, server)
        config = body.get("toolConfig")
        require(config or not seen.all("call"), "The toolConfig field must be defined when using toolUse blocks")
        for tool in (config or {}).get("tools", []):
            if "cachePoint" in tool:
                continue
            spec = tool["toolSpec"]
            only(spec, ("name", "description", "inputSchema", "strict"), "toolSpec")
            matches(ID, spec.get("name"), "toolSpec.name")
            require(spec.get("description") != "", "toolSpec.description: at least one character")
            require(spec["inputSchema"]["json"].get("type") == "object", "inputSchema.json.type must be object")
            seen.tools.append(Tool(spec["name"], spec["inputSchema"]["json"], spec.get("description")))
        require(len({tool.name for tool in seen.tools}) == len(seen.tools), "The toolConfig has two tools of one name")
        seen.choice = (config or {}).get("toolChoice")
        self.read_options(body, seen)
        return seen

    def read_messages(self, messages, seen, server):
        require(messages, "messages: at least one")
        before, waiting, names = None, [], {}
        for index, turn in enumerate(messages):
            where, role = f"messages.{index}", turn.get("role")
            only(turn, ("role", "content"), where)
            require(role in ("user", "assistant") and role != before, f"{where}: roles must alternate")
            require(before or role == "user", "A conversation must start with a user message.")
            require(turn.get("content"), f"{where}.content: must not be empty")
            parts = [part for block in turn["content"] if (part := self.block(block, where, server))]
            results = [part.id for part in parts if part.kind == "result"]
            require(sorted(results) == sorted(waiting), f"{where}: Expected toolResult blocks for the Ids: {waiting}")
            for part in parts:
                if part.kind == "result":
                    part.name = names[part.id]
            names = {part.id: part.name for part in parts if part.kind == "call"}
            before, waiting = role, list(names)
            seen.turns.append(Turn(role, parts))
        require(before == "user", "the conversation must end with a user message")

    def block(self, block, where, server):
        only(block, BLOCKS, where)
        require(len(block) == 1, f"{where}: one member in a block")
        kind, value = next(iter(block.items()))
        if kind == "cachePoint":
            return None
        return getattr(self, kind)(value, where, server)

    def text(self, value, where, server):
        require(value.strip(), f"{where}: The text field in the ContentBlock object is blank.")
        return Part("text", value)

    def image(self, value, where, server):
        only(value, ("format", "source"), f"{where}.image")
        require(value["format"] in ("png", "jpeg", "gif", "webp"), f"{where}.image.format: {value['format']!r}")
        data = base64.b64decode(value["source"]["bytes"], validate=True)
        return Part("image", data=data, type=f"image/{value['format']}")

    def toolUse(self, value, where, server):
        only(value, ("toolUseId", "name", "input"), f"{where}.toolUse")
        matches(ID, value.get("toolUseId"), f"{where}.toolUseId")
        matches(ID, value.get("name"), f"{where}.toolUse.name")
        require(isinstance(value["input"], dict), f"{where}.toolUse.input: must be an object")
        return Part("call", id=value["toolUseId"], name=value["name"], arguments=value["input"])

    def toolResult(self, value, where, server):
        only(value, ("toolUseId", "content", "status"), f"{where}.toolResult")
        matches(ID, value.get("toolUseId"), f"{where}.toolUseId")
        texts, images = "", []
        for block in value["content"]:
            if "json" in block:
                texts += json.dumps(block["json"])
                continue
            part = self.block(block, where, server)
            texts += part.text
            images += [part] if part.kind == "image" else []
        return Part("result", texts, id=value["toolUseId"], is_error=value.get("status") == "error", images=images)

    def reasoningContent(self, value, where, server):
        text = value["reasoningText"]
        thoughts = server.signed(text.get("signature"))
        require(thoughts is not None, f"{where}: Invalid `signature` in `thinking` block")
        require(thoughts == text["text"], f"{where}: thinking blocks cannot be modified")
        return Part("thinking", text["text"], signature=text["signature"])

    def read_options(self, body, seen):
        config = body.get("inferenceConfig") or {}
        only(config, ("maxTokens", "temperature", "topP", "stopSequences"), "inferenceConfig")
        names = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p", "stopSequences": "stop"}
        seen.options = {name: config[key] for key, name in names.items() if key in config}
        require(0 <= config.get("temperature", 0) <= 1, "inferenceConfig.temperature: at most 1")
        require(not ("temperature" in config and "topP" in config), "temperature and top_p cannot both be specified")
        more = body.get("additionalModelRequestFields") or {}
        only(more, ("thinking", "top_k", "anthropic_beta"), "additionalModelRequestFields")
        if "top_k" in more:
            seen.options["top_k"] = more["top_k"]
        if (more.get("thinking") or {}).get("type") == "enabled":
            budget = more["thinking"].get("budget_tokens", 0)
            require(1024 <= budget < config.get("maxTokens", 64_000), "thinking.budget_tokens: less than max_tokens")
            require("top_k" not in more and config.get("temperature", 1) == 1, "thinking: no temperature, no top_k")
            require(not seen.choice or "auto" in seen.choice, "thinking may not be enabled when tool use is forced")
            seen.options["effort"] = budget
            if len(seen.turns) > 1 and seen.turns[-1].of("result"):
                require(seen.turns[-2].parts[0].kind == "thinking", "Expected `thinking` first in the assistant's turn")
        form = (body.get("outputConfig") or {}).get("textFormat")
        if form:
            require(form["type"] == "json_schema", "outputConfig.textFormat.type")
            seen.schema = json.loads(form["structure"]["jsonSchema"]["schema"])

    # Writing

    usage = {
        "inputTokens": USAGE.input - USAGE.read - USAGE.written,
        "outputTokens": USAGE.output,
        "totalTokens": USAGE.input + USAGE.output,
        "cacheReadInputTokens": USAGE.read,
        "cacheWriteInputTokens": USAGE.written,
    }

    def content(self, answer, server):
        blocks = []
        if answer.thoughts:
            text = {"text": answer.thought, "signature": answer.signature}
            blocks.append({"reasoningContent": {"reasoningText": text}})
        if answer.words:
            blocks.append({"text": answer.text})
        for name, text in answer.calls:
            blocks.append({"toolUse": {"toolUseId": f"tooluse_{server.serial():022}", "name": name, "input": text}})
        return blocks

    def reason(self, answer):
        return "stop_sequence" if answer.stopped_by else "tool_use" if answer.calls else "end_turn"

    def whole(self, answer, seen, server):
        content = self.content(answer, server)
        for block in content:
            if "toolUse" in block:
                block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
        message = {"role": "assistant", "content": content}
        return {"output": {"message": message}, "stopReason": self.reason(answer), "usage": self.usage,
                "metrics": {"latencyMs": 5}}

    def stream(self, answer, seen, server):
        yield event("messageStart", {"role": "assistant"})
        for index, block in enumerate(self.content(answer, server)):
            place = {"contentBlockIndex": index}
            if "toolUse" in block:
                use = block["toolUse"]
                start = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
                yield event("contentBlockStart", {**place, "start": start})
                for text in pieces(use["input"]):
                    yield event("contentBlockDelta", {**place, "delta": {"toolUse": {"input": text}}})
            elif "text" in block:
                for word in answer.words:
                    yield event("contentBlockDelta", {**place, "delta": {"text": word}}, Delta)
            else:
                for text in answer.thoughts:
                    yield event("contentBlockDelta", {**place, "delta": {"reasoningContent": {"text": text}}})
                signature = {"reasoningContent": {"signature": answer.signature}}
                yield event("contentBlockDelta", {**place, "delta": signature})
            yield event("contentBlockStop", place)
        yield event("messageStop", {"stopReason": self.reason(answer)})
        yield event("metadata", {"usage": self.usage, "metrics": {"latencyMs": 5}})

    def error(self, status, message):
        return {"message": message}

    exceptions = {
        400: "ValidationException",
        401: "UnrecognizedClientException",
        429: "ThrottlingException",
        500: "InternalServerException",
        503: "ServiceUnavailableException",
    }

    def error_headers(self, status):
        return f"x-amzn-errortype: {self.exceptions[status]}\r\n"

    def broken(self):
        headers = {":exception-type": "internalServerException", ":message-type": "exception"}
        return message({"message": "The system encountered an unexpected error"}, **headers)

    def garbled(self):
        """A message whose checksum is wrong."""
        whole = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "oops"}})
        return whole[:-1] + bytes([whole[-1] ^ 1])
