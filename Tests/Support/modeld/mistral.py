"""Mistral's chat completions."""

import itertools

from .openai_chat import OpenAI
from .script import USAGE, Part, Refused, only, require, sse

FIELDS = (
    "model messages stream max_tokens temperature top_p n stop random_seed metadata frequency_penalty presence_penalty "
    "response_format tools tool_choice parallel_tool_calls prediction prompt_mode safe_prompt guardrails reasoning_effort"
).split()
MESSAGE_FIELDS = {
    "system": "role content",
    "user": "role content",
    "assistant": "role content tool_calls prefix",
    "tool": "role content tool_call_id name",
}


class Mistral(OpenAI):
    id_rule = r"[a-zA-Z0-9]{9}"

    def check_fields(self, body):
        only(body, FIELDS, "the request")
        for index, message in enumerate(body["messages"]):
            require(message["role"] in MESSAGE_FIELDS, f"messages[{index}]: no role {message['role']!r}")
            only(message, MESSAGE_FIELDS[message["role"]].split(), f"messages[{index}]")
        require(body["messages"][-1]["role"] in ("user", "tool"), "the last message must be a user's or a tool's")
        for before, after in itertools.pairwise(message["role"] for message in body["messages"]):
            require((before, after) != ("tool", "user"), "Unexpected role 'user' after role 'tool'")
        choice = body.get("tool_choice")
        require(not isinstance(choice, str) or choice in ("auto", "none", "any", "required"), f"tool_choice: {choice}")

    def other_piece(self, piece, role, where):
        if piece.get("type") == "thinking" and role == "assistant":
            return [Part("thinking", "".join(text["text"] for text in piece["thinking"]))]
        raise Refused(f"{where}: content of type {piece.get('type')!r}")

    def url(self, piece):
        image = piece["image_url"]
        return image if isinstance(image, str) else image["url"]

    def read_options(self, body, seen):
        super().read_options(body, seen)
        if "random_seed" in body:
            seen.options["seed"] = body["random_seed"]

    usage = {
        "prompt_tokens": USAGE.input,
        "completion_tokens": USAGE.output,
        "total_tokens": USAGE.input + USAGE.output,
    }

    def new_id(self, server):
        return f"aZ{server.serial():07}"

    def thinking(self, text):
        return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}

    def stream_end(self, base):
        """The usage stands on the chunk with the reason."""
        yield b"data: [DONE]\n\n"

    def stream(self, answer, seen, server):
        for piece in super().stream(answer, seen, server):
            if b'"finish_reason": null' not in piece and b"finish_reason" in piece:
                reason = "tool_calls" if answer.calls else "stop"
                choice = {"index": 0, "delta": {"content": ""}, "finish_reason": reason}
                piece = sse({**self.envelope(seen, "chat.completion.chunk"), "choices": [choice], "usage": self.usage})
            yield piece

    def error(self, status, message):
        return {"object": "error", "message": message, "type": "invalid_request_error", "param": None, "code": "1500"}
