#!/usr/bin/env python3
"""Tokens and cost of each recorded answer, worked out from the vendors' own words and nothing of this project.

    python3 Tests/Support/money/golden.py ../shared/traffic > Tests/Support/money/golden.csv

A line for each answer with usage: its id, then the tokens as `Usage` counts them, then the cost at PRICES. The Swift test
compares both with what the gateway makes of the same bytes. All money is fractions: exact, whatever the digits.
"""

import base64
import json
import pathlib
import sys
from fractions import Fraction

# A price for a million tokens of each kind. No two are alike and none is round, so that no mix-up goes unseen.
PRICES = {
    "input": "1.000000000007",
    "output": "11.13",
    "cached": "0.101",
    "write": "1.27",
    "write_hour": "2.03",
    "reasoning": "11.17",
    "image": "3.01",
    "audio_in": "7.19",
    "audio_out": "23.29",
}
# For inputs of more than so many tokens everything costs twice as much.
TIER = 2000
PER_REQUEST = Fraction("0.0003")


def documents(recording, wire):
    """The JSON documents of an answer, in their order."""
    response = recording["response"]
    if events := response.get("decoded_events"):
        for event in events:
            payload = event.get("payload", event)
            yield payload if isinstance(payload, dict) else json.loads(payload)
        return
    text = response.get("body_text")
    if text is None and (encoded := response.get("body_base64") or response.get("body_b64")):
        text = base64.b64decode(encoded).decode(errors="replace")
    if text is None:
        body = response.get("body")
        text = body if isinstance(body, str) else json.dumps(body)
    try:
        whole = json.loads(text)
        yield from whole if isinstance(whole, list) else [whole]
        return
    except ValueError:
        pass
    for line in text.splitlines():
        line = line.removeprefix("data:").strip()
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                continue


def number(value):
    return value if isinstance(value, int) and value >= 0 else 0


def first(*values):
    return next((number(value) for value in values if isinstance(value, int)), 0)


def openai_chat(parts):
    """`prompt_tokens` holds what was cached, `completion_tokens` what was thought. Only xAI's total has thoughts beside."""
    usage = None
    for part in parts:
        usage = part.get("usage") or (part.get("x_groq") or {}).get("usage") or usage
    if not isinstance(usage, dict):
        return None
    inputs, outputs = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    read, written = number(usage.get("prompt_tokens")), number(usage.get("completion_tokens"))
    thought = first(outputs.get("reasoning_tokens"), usage.get("reasoning_tokens"))
    if thought and usage.get("total_tokens") == read + written + thought:
        written += thought
    cached = first(
        inputs.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens"),
        usage.get("cache_read_input_tokens"))
    kept = first(inputs.get("cache_write_tokens"), usage.get("cache_creation_input_tokens"))
    cached = min(cached, read)
    return dict(
        input=read, output=written, cached=cached, write=min(kept, read - cached), reasoning=min(thought, written),
        audio_in=min(first(inputs.get("audio_tokens")), read),
        audio_out=min(first(outputs.get("audio_tokens")), written))


def openai_responses(parts):
    usage = None
    for part in parts:
        whole = part if "output" in part else part.get("response") or {}
        usage = whole.get("usage") or usage
        if part.get("type") in ("response.completed", "response.incomplete"):
            break  # Some recordings go on with the next answer.
    if not isinstance(usage, dict) or "input_tokens" not in usage or "output_tokens" not in usage:
        return None
    inputs, outputs = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
    return dict(
        input=number(usage["input_tokens"]), output=number(usage["output_tokens"]),
        cached=number(inputs.get("cached_tokens")), write=number(inputs.get("cache_write_tokens")),
        reasoning=number(outputs.get("reasoning_tokens")))


def anthropic(parts):
    """`input_tokens` leaves out both what was read from the cache and what was written to it. Later events replace."""
    usage = {}
    seen = False
    for part in parts:
        told = (part.get("message") or {}).get("usage") if part.get("type") == "message_start" else part.get("usage")
        if isinstance(told, dict):
            seen = True
            usage.update({key: value for key, value in told.items() if value is not None})
        if part.get("type") == "message_stop":
            break  # Some recordings go on with the next answer.
    if not seen:
        return None
    read, kept = number(usage.get("cache_read_input_tokens")), number(usage.get("cache_creation_input_tokens"))
    hour = min(kept, number((usage.get("cache_creation") or {}).get("ephemeral_1h_input_tokens")))
    return dict(
        input=number(usage.get("input_tokens")) + read + kept, output=number(usage.get("output_tokens")), cached=read,
        write=kept - hour, write_hour=hour,
        reasoning=number((usage.get("output_tokens_details") or {}).get("thinking_tokens")))


def gemini(parts):
    """Thoughts stand beside the candidates; what tools read stands beside the prompt. Each chunk tells all so far."""
    usage = None
    for part in parts:
        told = part.get("usageMetadata")
        if told and any(key in told for key in ("promptTokenCount", "candidatesTokenCount", "totalTokenCount")):
            usage = told
    if usage is None:
        return None
    def audio(key):
        return sum(number(one.get("tokenCount")) for one in usage.get(key) or [] if one.get("modality") == "AUDIO")
    thoughts = number(usage.get("thoughtsTokenCount"))
    return dict(
        input=number(usage.get("promptTokenCount")) + number(usage.get("toolUsePromptTokenCount")),
        output=number(usage.get("candidatesTokenCount")) + thoughts,
        cached=number(usage.get("cachedContentTokenCount")), reasoning=thoughts,
        audio_in=audio("promptTokensDetails"), audio_out=audio("candidatesTokensDetails"))


def bedrock(parts):
    """Like Anthropic's, unless the total tells that the input holds the cache."""
    usage = None
    for part in parts:
        usage = part.get("usage") or (part.get("metadata") or {}).get("usage") or usage
    if not isinstance(usage, dict):
        return None
    read, written = number(usage.get("inputTokens")), number(usage.get("outputTokens"))
    cached = first(usage.get("cacheReadInputTokens"), usage.get("cacheReadInputTokenCount"))
    kept = first(usage.get("cacheWriteInputTokens"), usage.get("cacheWriteInputTokenCount"))
    holds = read >= cached + kept and usage.get("totalTokens") == read + written
    hour = next((number(one.get("inputTokens")) for one in usage.get("cacheDetails") or [] if one.get("ttl") == "1h"), 0)
    hour = min(hour, kept)
    return dict(
        input=read if holds else read + cached + kept, output=written, cached=cached, write=kept - hour, write_hour=hour)


def cohere(parts):
    usage = None
    for part in parts:
        usage = part.get("usage") or (part.get("delta") or {}).get("usage") or usage
    if not isinstance(usage, dict):
        return None
    tokens = usage.get("tokens") or usage.get("billed_units") or {}
    read = number(tokens.get("input_tokens"))
    return dict(
        input=read, output=number(tokens.get("output_tokens")), cached=min(read, number(usage.get("cached_tokens"))))


def ollama(parts):
    last = None
    for part in parts:
        if part.get("done"):
            last = part
    if not last or not ("prompt_eval_count" in last or "eval_count" in last):
        return None
    return dict(input=number(last.get("prompt_eval_count")), output=number(last.get("eval_count")))


WIRES = {
    "openai.chat": openai_chat,
    "openai.completions": openai_chat,
    "openai.responses": openai_responses,
    "anthropic.messages": anthropic,
    "gemini.generateContent": gemini,
    "bedrock.converse": bedrock,
    "cohere.v2": cohere,
    "ollama.chat": ollama,
}
COLUMNS = ["input", "output", "cached", "write", "write_hour", "reasoning", "audio_in", "audio_out"]


def cost(usage):
    """Each token once: from the cache, to the cache, sound, thought, or plain."""
    left = usage["input"]
    amounts = {}
    for kind in ("cached", "write_hour", "write", "audio_in"):
        amounts[kind] = min(left, usage[kind])
        left -= amounts[kind]
    amounts["input"] = left
    left = usage["output"]
    for kind in ("audio_out", "reasoning"):
        amounts[kind] = min(left, usage[kind])
        left -= amounts[kind]
    amounts["output"] = left
    factor = 2 if usage["input"] > TIER else 1
    total = sum(Fraction(PRICES[kind]) * factor * count / 1_000_000 for kind, count in amounts.items())
    return decimal(total + PER_REQUEST)


def decimal(value):
    """Exactly, without an exponent and without zeros at the end."""
    whole, rest = divmod(value.numerator, value.denominator)
    digits = ""
    while rest:
        digit, rest = divmod(rest * 10, value.denominator)
        digits += str(digit)
    return f"{whole}.{digits}" if digits else str(whole)


def main(folder):
    folder = pathlib.Path(folder)
    for line in (folder / "index.jsonl").read_text().splitlines():
        entry = json.loads(line)
        read = WIRES.get(entry.get("wire"))
        if read is None or entry.get("status") != 200:
            continue
        recording = json.loads((folder / entry["file"]).read_text())
        parts = [part for part in documents(recording, entry["wire"]) if isinstance(part, dict)]
        usage = read(parts)
        if usage is None:
            continue
        usage = {column: usage.get(column, 0) for column in COLUMNS}
        print(",".join([entry["id"], *(str(usage[column]) for column in COLUMNS), cost(usage)]))


if __name__ == "__main__":
    main(sys.argv[1])
