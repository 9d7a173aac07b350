#!/usr/bin/env python3
"""Stands in for an agent's executable. Standard library only; knows nothing of the network.

    fakecli.py play FILE.json [--dump FILE] [...]      plays a transcript: stdin is read to its end, then `stdout_lines`
                                                       and `stderr_lines` are written and `exit_code` (or 0) is returned
    fakecli.py gemini [--dump FILE] [...]              answers in Gemini's records with what it was given

A transcript may have `signal` (ends by it), `hang` (stays for ever) and `family` (a directory: this process, a child, a
child that ignores SIGTERM and a grandchild in a session of its own each leave a file named by their pid there).
Arguments of the agent it stands in for are ignored; `--dump` tells argv, environment, stdin and descriptors as JSON.
"""
import json
import os
import signal
import sys


def hang():
    while True:
        signal.pause()


def note(directory):
    path = os.path.join(directory, f"{os.getpid()}.part")
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    os.rename(path, path.removesuffix(".part"))


def family(directory):
    """Relatives that a careless end would leave behind."""
    if os.fork() == 0:
        note(directory)
        hang()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note(directory)
        hang()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note(directory)
            hang()
        os._exit(0)
    note(directory)


def dump(path, prompt):
    facts = {"argv": sys.argv, "environment": dict(os.environ), "stdin": prompt, "cwd": os.getcwd(),
             "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))}
    with open(path, "w") as file:
        json.dump(facts, file)


def write(stream, line):
    text = line if isinstance(line, str) else json.dumps(line)
    stream.write(text + "\n")
    stream.flush()


def play(transcript):
    for line in transcript.get("stdout_lines", []):
        write(sys.stdout, line)
    for line in transcript.get("stderr_lines") or []:
        write(sys.stderr, line)
    if "family" in transcript:
        family(transcript["family"])
    if transcript.get("hang"):
        hang()
    if "signal" in transcript:
        os.kill(os.getpid(), transcript["signal"])
    sys.exit(transcript.get("exit_code") or 0)


def gemini(prompt):
    return {"stdout_lines": [
        {"type": "init", "session_id": "s", "model": "fake"},
        {"type": "message", "role": "assistant", "content": f"You said: {prompt}", "delta": True},
        {"type": "result", "status": "success", "stats": {"input_tokens": 5, "output_tokens": 7, "cached": 2}}]}


def main():
    mode = sys.argv[1]
    prompt = sys.stdin.read()
    if "--dump" in sys.argv:
        dump(sys.argv[sys.argv.index("--dump") + 1], prompt)
    if mode == "play":
        with open(sys.argv[2]) as file:
            play(json.load(file))
    play(gemini(prompt))


if __name__ == "__main__":
    main()
