"""Google's generateContent, as a model of Gemini 3 takes it."""

import base64
import json
import re

from .script import USAGE, Delta, Part, Refused, Seen, Tool, Turn, Wire, matches, only, require, sse

FIELDS = "contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels".split()
PART_FIELDS = (
    "text thought thoughtSignature inlineData fileData functionCall functionResponse executableCode codeExecutionResult "
    "videoMetadata mediaResolution"
).split()
CONFIG_FIELDS = (
    "stopSequences responseMimeType responseSchema responseJsonSchema responseModalities candidateCount maxOutputTokens "
    "temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs thinkingConfig speechConfig "
    "mediaResolution enableEnhancedCivicAnswers"
).split()
SCHEMA_FIELDS = (
    "type format title description nullable enum maxItems minItems properties required minProperties maxProperties "
    "minLength maxLength pattern example anyOf propertyOrdering default items minimum maximum"
).split()
PLACEHOLDER = "skip_thought_signature_validator"


def check_schema(schema, where):
    """`Schema`, a subset of OpenAPI's."""
    only(schema, SCHEMA_FIELDS, where)
    types = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
    require(str(schema.get("type", "STRING")).upper() in types, f"{where}.type: {schema.get('type')!r}")
    for name, value in (schema.get("properties") or {}).items():
        check_schema(value, f"{where}.{name}")
    if "items" in schema:
        check_schema(schema["items"], f"{where}.items")


def camel(value):
    """Members in Google's own client's spelling, which its APIs take as well."""
    return {re.sub("_([a-z])", lambda match: match[1].upper(), key): one for key, one in value.items()}


def standard(text):
    """Base64 in the standard alphabet: Google's APIs take both, and its client writes the other."""
    return text if text in (None, PLACEHOLDER) else text.replace("-", "+").replace("_", "/")


class Gemini(Wire):
    stream_kind = "text/event-stream"
    signs = True

    def check_headers(self, headers):
        if headers.get("x-goog-api-key") != "sk-upstream":
            raise Refused("API key not valid", 401)

    def model_of(self, request):
        return request.path.rsplit("/", 1)[-1].split(":")[0]

    # Reading

    def read(self, request, server):
        body = request.body
        verb = request.path.rsplit(":", 1)[-1]
        require(verb in ("generateContent", "streamGenerateContent?alt=sse"), f"no method {verb}")
        only(body, FIELDS, "the request")
        seen = Seen(self.model_of(request), verb != "generateContent")
        if "systemInstruction" in body:
            seen.system = "".join(part["text"] for part in body["systemInstruction"]["parts"])
        self.read_contents(body.get("contents"), seen, server)
        for group in body.get("tools") or []:
            only(group, ("functionDeclarations",), "tools")
            for function in group["functionDeclarations"]:
                self.read_function(function, seen)
        require(len({tool.name for tool in seen.tools}) == len(seen.tools), "Duplicate function declaration found")
        config = (body.get("toolConfig") or {}).get("functionCallingConfig")
        seen.choice = config
        self.read_config(body.get("generationConfig") or {}, seen)
        return seen

    def read_function(self, function, seen):
        function = camel(function)
        only(function, "name description parameters parametersJsonSchema response responseJsonSchema".split(), "function")
        matches(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}", function.get("name"), "function_declarations.name")
        require(not ("parameters" in function and "parametersJsonSchema" in function), "two schemas of one function")
        if "parameters" in function:
            check_schema(function["parameters"], f"{function['name']}.parameters")
        schema = function.get("parameters") or function.get("parametersJsonSchema")
        seen.tools.append(Tool(function["name"], schema, function.get("description")))

    def read_contents(self, contents, seen, server):
        require(contents, "contents are not specified")
        waiting = []
        for index, content in enumerate(contents):
            where, role = f"contents[{index}]", content.get("role", "user")
            only(content, ("role", "parts"), where)
            require(role in ("user", "model"), f"{where}.role: {role!r}")
            require(content.get("parts"), f"{where}.parts: must not be empty")
            parts = [self.part(part, where, server) for part in content["parts"]]
            answered = [part.name for part in parts if part.kind == "result"]
            require(
                sorted(answered) == sorted(waiting),
                f"{where}: the function responses {answered} must be those of the calls before: {waiting}",
            )
            if answered:
                firsts = [part.kind for part in parts[: len(answered)]]
                require(set(firsts) == {"result"}, f"{where}: function responses come first")
            waiting = [part.name for part in parts if part.kind == "call"]
            if waiting:
                require(role == "model", f"{where}: calls are the model's")
                require(index == 0 or seen.turns[-1].role != "assistant", f"{where}: a call follows a user's turn")
                first = next(part for part in parts if part.kind == "call")
                require(first.signature, f"{where}: Function call is missing a thought_signature: {first.name}")
            seen.turns.append(Turn("assistant" if role == "model" else "user", parts))
        require(seen.turns[-1].role == "user", "the last content must be the user's")

    def part(self, part, where, server):
        only(part, PART_FIELDS, where)
        kinds = [key for key in ("text", "inlineData", "functionCall", "functionResponse") if key in part]
        require(len(kinds) == 1, f"{where}: a part has one kind of data, not {kinds}")
        signature = standard(part.get("thoughtSignature"))
        if signature and signature != PLACEHOLDER:
            require(server.signed(signature) is not None, f"{where}: Thought signature is not valid: {signature!r}")
        made = getattr(self, kinds[0])(part[kinds[0]], where)
        made.signature = signature
        if part.get("thought"):
            made.kind = "thinking"
        return made

    def text(self, text, where):
        return Part("text", text)

    def inlineData(self, value, where):
        value = camel(value)
        only(value, ("mimeType", "data", "displayName"), f"{where}.inlineData")
        data = base64.b64decode(standard(value["data"]), validate=True)
        return Part("image", data=data, type=value["mimeType"])

    def functionCall(self, value, where):
        only(value, ("id", "name", "args"), f"{where}.functionCall")
        require(isinstance(value.get("args", {}), dict), f"{where}.functionCall.args")
        matches(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}", value.get("name"), f"{where}.functionCall.name")
        return Part("call", id=value.get("id", ""), name=value["name"], arguments=value.get("args", {}))

    def functionResponse(self, value, where):
        value = camel(value)
        only(value, ("id", "name", "response", "parts", "willContinue", "scheduling"), f"{where}.functionResponse")
        response = value.get("response")
        require(isinstance(response, dict), f"{where}.functionResponse.response: must be an object")
        images = [self.inlineData(camel(part)["inlineData"], where) for part in value.get("parts", [])]
        texts = [text if isinstance(text, str) else json.dumps(text) for text in response.values()]
        result = Part("result", "".join(texts), id=value.get("id", ""), name=value.get("name", ""), images=images)
        result.is_error = "error" in response
        return result

    def read_config(self, config, seen):
        only(config, CONFIG_FIELDS, "generationConfig")
        names = {"maxOutputTokens": "max_tokens", "temperature": "temperature", "topP": "top_p", "topK": "top_k",
                 "seed": "seed", "stopSequences": "stop", "presencePenalty": "presence_penalty",
                 "frequencyPenalty": "frequency_penalty"}
        seen.options = {name: config[key] for key, name in names.items() if key in config}
        require(len(seen.options.get("stop", [])) <= 5, "stopSequences: at most 5")
        thinking = camel(config.get("thinkingConfig") or {})
        only(thinking, ("includeThoughts", "thinkingBudget", "thinkingLevel"), "thinkingConfig")
        both = "thinkingBudget" in thinking and "thinkingLevel" in thinking
        require(not both, "You can only set only one of thinking budget and thinking level")
        if thinking:
            level = str(thinking.get("thinkingLevel", "high")).lower()
            require(level in ("minimal", "low", "medium", "high"), f"thinkingLevel: {level}")
            seen.options["effort"] = thinking.get("thinkingLevel") or thinking.get("thinkingBudget")
            seen.options["shows thoughts"] = thinking.get("includeThoughts", False)
        seen.schema = config.get("responseJsonSchema") or config.get("responseSchema")
        if "responseSchema" in config:
            check_schema(config["responseSchema"], "responseSchema")
        require(not seen.schema or config.get("responseMimeType") == "application/json", "a schema needs JSON's type")

    # Writing

    usage = {
        "promptTokenCount": USAGE.input,
        "cachedContentTokenCount": USAGE.read,
        "candidatesTokenCount": USAGE.output - USAGE.thoughts,
        "thoughtsTokenCount": USAGE.thoughts,
        "totalTokenCount": USAGE.input + USAGE.output,
    }

    def body(self, seen, parts, reason=None):
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
        if reason:
            candidate["finishReason"] = reason
        return {"candidates": [candidate], "usageMetadata": self.usage, "modelVersion": seen.model,
                "responseId": f"r{seen.number}"}

    def call_parts(self, answer, server):
        """Calls without ids; a signature on the first only."""
        parts = []
        for name, text in answer.calls:
            part = {"functionCall": {"name": name, "args": json.loads(text)}}
            if not parts:
                part["thoughtSignature"] = answer.signature or server.sign("")
            parts.append(part)
        return parts

    def whole(self, answer, seen, server):
        parts = [{"text": answer.thought, "thought": True}] if answer.thoughts else []
        parts += [{"text": answer.text}] if answer.words else []
        return self.body(seen, parts + self.call_parts(answer, server), "STOP")

    def stream(self, answer, seen, server):
        for text in answer.thoughts:
            yield sse(self.body(seen, [{"text": text, "thought": True}]))
        for word in answer.words:
            yield sse(self.body(seen, [{"text": word}]), kind=Delta)
        for part in self.call_parts(answer, server):
            yield sse(self.body(seen, [part]))
        yield sse(self.body(seen, [{"text": ""}], "STOP"))

    states = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}

    def error(self, status, message):
        return {"error": {"code": status, "message": message, "status": self.states.get(status, "INTERNAL")}}

    def broken(self):
        return sse(self.error(500, "An internal error has occurred"))
