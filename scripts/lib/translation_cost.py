"""What translating costs the running gateway: translation_cost.py KIT URL PID KEY.

Streams of the kit's mock, which speaks OpenAI's chat, are asked for in each caller's dialect: the first is relayed, the
others are translated. And a large request is sent in each dialect, many times: the processor time of a call, reading and
sending it included, is more than its event loop can ever have been busy with it in one go.

Prints Markdown.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import urllib.request

KIT, URL, PID, KEY = sys.argv[1:5]
ROUNDS, STREAMS, CHUNKS = 3, 200, 400
LARGE, LARGE_CALLS = 200 << 10, 100
SAY = f"hello [[mock chunks={CHUNKS} gap=5]]"


def chat(text, stream):
    return "/v1/chat/completions", {"model": "mock", "stream": stream, "messages": text}


def messages(text, stream):
    return "/v1/messages", {"model": "mock", "max_tokens": 1000, "stream": stream, "messages": text}


def responses(text, stream):
    return "/v1/responses", {"model": "mock", "stream": stream, "input": text}


def gemini(text, stream):
    roles = {"user": "user", "assistant": "model"}
    contents = [{"role": roles[one["role"]], "parts": [{"text": one["content"]}]} for one in text]
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/mock:{method}", {"contents": contents}


CALLERS = {"openai.chat": chat, "openai.responses": responses, "anthropic.messages": messages, "gemini": gemini}


def used():
    """Processor time of the gateway so far, in microseconds: in user space, and in all."""
    fields = pathlib.Path(f"/proc/{PID}/stat").read_text().rsplit(")", 1)[1].split()
    tick = 1e6 / os.sysconf("SC_CLK_TCK")
    return int(fields[11]) * tick, (int(fields[11]) + int(fields[12])) * tick


def streamed(caller):
    path, body = caller([{"role": "user", "content": SAY}], True)
    file = pathlib.Path(KIT) / "translation-body"
    file.write_text(json.dumps(body))
    before = used()
    arguments = f"sse -u {URL}{path} -b {file} -T 30 -c 100 -E {CHUNKS} -R 100 -k {STREAMS // 100}".split()
    told = subprocess.run(
        [f"{KIT}/loadgen", *arguments, "-H", f"Authorization: Bearer {KEY}"], capture_output=True, text=True, check=False
    )
    after = used()
    if json.loads(told.stdout)["status"] != {"200": STREAMS}:
        sys.exit(f"translation_cost: {path} did not answer every stream: {told.stdout[:300]}")
    return [(end - start) / (STREAMS * CHUNKS) for start, end in zip(before, after)]


def conversation(size):
    """Turns of a few hundred bytes, as agents have them."""
    line = 'He said "it\\u2019s fine", and went on: ' + "a line of code() and prose. " * 16
    return [{"role": ("user", "assistant")[turn % 2], "content": line} for turn in range((size // len(line)) | 1)]


def large(caller):
    """Milliseconds of processor time a large call takes in all."""
    path, body = caller(conversation(LARGE), False)
    data = json.dumps(body).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    before = used()[1]
    for _ in range(LARGE_CALLS):
        with urllib.request.urlopen(urllib.request.Request(URL + path, data, headers)) as answer:
            answer.read()
    return (used()[1] - before) / LARGE_CALLS / 1000


def main():
    mock = subprocess.Popen([f"{KIT}/mock", "-p", "9901", "-L"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        costs = {name: [] for name in CALLERS}
        for _ in range(ROUNDS):
            for name, caller in CALLERS.items():
                costs[name].append(streamed(caller))
        whole_calls = {name: large(caller) for name, caller in CALLERS.items()}
    finally:
        mock.terminate()
        mock.wait()
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in costs.items()}
    own = medians["openai.chat"]
    print("\n| caller of an openai.chat provider | µs a streamed chunk (in user space) | times relayed (goal ≤ 3) |", end="")
    print(f" a request of {LARGE >> 10} KB (goal ≤ 5 ms) |\n|---|---|---|---|")
    for name, (user, whole) in medians.items():
        ratio = f"{whole / own[1]:.2f} ({user / own[0]:.2f})"
        print(f"| {name} | {whole:.1f} ({user:.1f}) | {ratio} | {whole_calls[name]:.2f} ms |")


main()
