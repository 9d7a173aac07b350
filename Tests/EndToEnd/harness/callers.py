"""The callers' dialects as plain bytes, for what the official clients would hide: framing, endings, members of their own."""

import asyncio
import itertools
import json
from dataclasses import dataclass, field

from .matrix import UPSTREAMS
from .wire import exchange

NUMBERS = itertools.count(1)


@dataclass
class Reading:
    """What a response says, in no dialect's words."""

    text: str = ""
    #: Every reason for an end, as often as it is told.
    reasons: list = field(default_factory=list)
    #: How often the dialect's own terminator came.
    terminators: int = 0
    #: The gateway's code of an error.
    code: str | None = None
    #: The last event, or the whole body, is an error.
    ends_with_error: bool = False
    #: Input with everything cached, and output with thoughts, as the gateway's own record counts.
    tokens: tuple | None = None
    #: What of the input was read from a cache; `None` when it is not told.
    cached: int | None = None
    #: The members of a usage that came in pieces.
    counts: dict = field(default_factory=dict)


class Caller:
    """One dialect. `messages` and what else a request holds are in its own words."""

    headers = ()

    def path(self, model, stream):
        raise NotImplementedError

    def fields(self, model, stream):
        return {"model": model, **({"stream": True} if stream else {})}

    def conversation(self, *texts):
        """A conversation whose turns alternate, the user's first."""
        raise NotImplementedError

    def read(self, response):
        """A response to this caller."""
        found = Reading()
        if response.headers["content-type"].startswith("text/event-stream"):
            for payload in response.events:
                body = None if payload == "[DONE]" else json.loads(payload)
                found.ends_with_error = bool(body and self.problem(body))
                if found.ends_with_error:
                    # Responses tells an error twice, the second time by a code of its vendor's list.
                    found.code = found.code or self.code(self.problem(body))
                elif body is None:
                    found.terminators += 1
                else:
                    self.event(body, found)
            return found
        body = response.json()
        if problem := self.problem(body):
            found.code, found.ends_with_error = self.code(problem), True
        else:
            self.whole(body, found)
        return found

    def problem(self, body):
        return body.get("error")

    def code(self, problem):
        return problem["code"]


class Chat(Caller):
    name = "openai.chat"

    def path(self, model, stream):
        return "/v1/chat/completions"

    def fields(self, model, stream):
        more = {"stream_options": {"include_usage": True}} if stream else {}
        return {**super().fields(model, stream), **more}

    def conversation(self, *texts):
        roles = itertools.cycle(["user", "assistant"])
        return {"messages": [{"role": next(roles), "content": text} for text in texts]}

    def event(self, body, found):
        for choice in body["choices"]:
            found.text += (choice["delta"].get("content") or "") if isinstance(choice["delta"].get("content"), str) else ""
            found.reasons += [choice["finish_reason"]] if choice.get("finish_reason") else []
        self.usage(body, found)

    def whole(self, body, found):
        choice = body["choices"][0]
        found.text, found.reasons = choice["message"]["content"], [choice["finish_reason"]]
        self.usage(body, found)

    def usage(self, body, found):
        if told := body.get("usage"):
            found.tokens = (told["prompt_tokens"], told["completion_tokens"])
            found.cached = (told.get("prompt_tokens_details") or {}).get("cached_tokens")


class Responses(Caller):
    name = "openai.responses"

    def path(self, model, stream):
        return "/v1/responses"

    def conversation(self, *texts):
        roles = itertools.cycle(["user", "assistant"])
        return {"input": [{"role": next(roles), "content": text} for text in texts]}

    def problem(self, body):
        if body.get("type") == "error":
            return body.get("error") or body
        return body.get("error") or (body.get("response") or {}).get("error")

    def event(self, body, found):
        kind = body["type"]
        if kind == "response.output_text.delta":
            found.text += body["delta"]
        if kind in ("response.completed", "response.incomplete"):
            found.terminators += 1
            found.reasons.append(body["response"]["status"])
            self.usage(body["response"], found)

    def whole(self, body, found):
        found.text = "".join(
            part["text"] for item in body["output"] if item["type"] == "message" for part in item["content"]
        )
        found.reasons = [body["status"]]
        self.usage(body, found)

    def usage(self, body, found):
        if told := body.get("usage"):
            found.tokens = (told["input_tokens"], told["output_tokens"])
            found.cached = (told.get("input_tokens_details") or {}).get("cached_tokens")


class Messages(Caller):
    name = "anthropic.messages"
    headers = (("anthropic-version", "2023-06-01"),)

    def path(self, model, stream):
        return "/v1/messages"

    def fields(self, model, stream):
        return {**super().fields(model, stream), "max_tokens": 4000}

    def conversation(self, *texts):
        roles = itertools.cycle(["user", "assistant"])
        return {"messages": [{"role": next(roles), "content": text} for text in texts]}

    def event(self, body, found):
        kind = body["type"]
        if kind == "message_start":
            found.counts = dict(body["message"]["usage"])
        elif kind == "content_block_delta" and body["delta"]["type"] == "text_delta":
            found.text += body["delta"]["text"]
        elif kind == "message_delta":
            found.reasons.append(body["delta"]["stop_reason"])
            found.counts |= {name: count for name, count in body["usage"].items() if count is not None}
            self.usage(found.counts, found)
        elif kind == "message_stop":
            found.terminators += 1

    def whole(self, body, found):
        found.text = "".join(block["text"] for block in body["content"] if block["type"] == "text")
        found.reasons = [body["stop_reason"]]
        self.usage(body["usage"], found)

    def usage(self, told, found):
        cached = told.get("cache_read_input_tokens")
        written = told.get("cache_creation_input_tokens") or 0
        found.tokens = (told["input_tokens"] + (cached or 0) + written, told["output_tokens"])
        found.cached = cached


class Gemini(Caller):
    name = "gemini.generateContent"

    def path(self, model, stream):
        return f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")

    def fields(self, model, stream):
        return {}

    def conversation(self, *texts):
        roles = itertools.cycle(["user", "model"])
        return {"contents": [{"role": next(roles), "parts": [{"text": text}]} for text in texts]}

    def code(self, problem):
        return problem["details"][0]["reason"]

    def event(self, body, found):
        for one in body.get("candidates", []):
            parts = (one.get("content") or {}).get("parts", [])
            found.text += "".join(part.get("text", "") for part in parts if not part.get("thought"))
            if one.get("finishReason"):
                found.reasons.append(one["finishReason"])
                # Its streams have no other end.
                found.terminators += 1
        if told := body.get("usageMetadata"):
            output = told.get("candidatesTokenCount", 0) + told.get("thoughtsTokenCount", 0)
            found.tokens, found.cached = (told["promptTokenCount"], output), told.get("cachedContentTokenCount")

    whole = event


CALLERS = {caller.name: caller for caller in (Chat(), Responses(), Messages(), Gemini())}
#: The upstreams that speak a caller's own dialect: what it sends goes through as it is.
OWN = {
    "openai.chat": ("compatible", "openai", "mistral"),
    "openai.responses": ("responses",),
    "anthropic.messages": ("anthropic",),
    "gemini.generateContent": ("gemini",),
}


class Pair:
    """A caller before an upstream, with a model's name of its own for each scenario, by which the upstream knows it."""

    def __init__(self, gateway, modeld, caller, upstream):
        self.gateway, self.modeld, self.caller, self.upstream = gateway, modeld, CALLERS[caller], upstream
        self.is_own = upstream in OWN[caller]

    def take(self, scenario):
        """A fresh model of this scenario."""
        self.number = f"p{next(NUMBERS)}"
        self.model = f"{self.upstream}/{UPSTREAMS[self.upstream][3]}_{scenario}_{self.number}"

    def request(self, stream, more=None, headers=()):
        """The bytes of a request that says hello, or what `more` says."""
        body = {**self.caller.fields(self.model, stream), **(more or self.caller.conversation("Hello"))}
        return self.gateway.request(
            self.caller.path(self.model, stream), body, headers=[*self.caller.headers, *headers]
        )

    async def call(self, stream, more=None, headers=()):
        return await exchange(self.gateway.port, self.request(stream, more, headers))

    def ask(self, scenario, stream, more=None, headers=()):
        """The response to one request."""
        self.take(scenario)
        return asyncio.run(self.call(stream, more, headers))

    @property
    def come(self):
        """The requests that the upstream had of the last model taken."""
        return self.modeld.of(self.number)

    def record(self, response):
        return self.gateway.access(response.headers["x-request-id"])
