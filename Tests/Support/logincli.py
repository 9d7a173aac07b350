#!/usr/bin/python3 -IS
"""An agent CLI with a login of its own, for tests: linked as `claude` or `codex`.

`FAKE_LOGIN` says what its login does; it takes the code `good-code#1`, and keeps what it has in a file that a sandbox shows
of the agent's home. `auth status` and `login status` tell whether it is there. Everything else is a run, which needs it.

    box      shows the URL in a box that breaks it, and asks for a code until it is right; says each code back
    device   shows a URL and a code, and waits until somebody writes a file `approved` into its home
    hang     says nothing, does not listen to SIGTERM, and has a child that left the session
    silent   the same, but behind the URL
    dies     ends at once
    lies     ends well without having logged in
    foreign  shows the URL of somebody else
    flood    writes without end
"""
import json
import os
import pathlib
import signal
import sys
import termios
import time
import tty

HOME = pathlib.Path(os.environ["HOME"])
NAME = pathlib.Path(sys.argv[0]).name
FILE = HOME / (".codex/auth.json" if NAME == "codex" else ".claude/.credentials.json")
URL = ("https://claude.ai/oauth/authorize?code=true&client_id=9d1c250a-e61b-44d9-88ed-5944d1962f5e&response_type=code"
       "&redirect_uri=https%3A%2F%2Fconsole.anthropic.com%2Foauth%2Fcode%2Fcallback&code_challenge=abc_DEF-123&state=x~1")


def say(text):
    data = text.replace("\n", "\r\n").encode()
    while data:
        data = data[os.write(1, data[:7]):]


def keep():
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text('{"token": "sk-fake-login-CANARY"}')


def hang(then=lambda: None):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        time.sleep(3600)
    then()
    while True:
        time.sleep(3600)


def box():
    width = 56
    lines = [URL[start:start + width] for start in range(0, len(URL), width)]
    say("\x1b[2J\x1b[H\x1b[1mWelcome\x1b[0m \x1b]0;login\x07\n\x1b[34m╭" + "─" * (width + 2) + "╮\n")
    for line in ["Visit:", *lines, "to log in."]:
        say(f"│ \x1b[0m{line.ljust(width)}\x1b[34m │\n")
        time.sleep(0.02)
    say("╰" + "─" * (width + 2) + "╯\x1b[0m\n")
    tty.setraw(0)
    while True:
        say("Paste code here > ")
        code = b""
        while not code.endswith(b"\r"):
            code += os.read(0, 64)
        text = code[:-1].decode()
        say(f"\nYou gave {text}.\n")
        if text == "good-code#1":
            keep()
            say("Logged in.\n")
            return
        say("Invalid code. Please try again.\n")


def device():
    say("Open https://auth.openai.com/codex/device\nand enter this one-time code: \x1b[94mABCD-12345\x1b[0m\n")
    while not (HOME / "approved").exists():
        time.sleep(0.05)
    keep()


def login():
    # A terminal of its own, also for those who ask the system for it.
    for descriptor in (0, 1, 2):
        termios.tcgetattr(descriptor)
    os.close(os.open("/dev/tty", os.O_RDWR))
    scenario = os.environ["FAKE_LOGIN"]
    if scenario == "box":
        box()
    elif scenario == "device":
        device()
    elif scenario == "hang":
        hang()
    elif scenario == "silent":
        hang(lambda: say(f"{URL}\n"))
    elif scenario == "dies":
        sys.exit(2)
    elif scenario == "foreign":
        hang(lambda: say("https://claude.ai.example.org/login\n"))
    elif scenario == "flood":
        while True:
            os.write(1, b"x" * 4096)


def main():
    if sys.argv[1:] in (["auth", "login"], ["login", "--device-auth"]):
        return login()
    if sys.argv[1:] in (["auth", "status"], ["login", "status"]):
        print(json.dumps({"loggedIn": FILE.exists()}))
        sys.exit(0 if FILE.exists() else 1)
    if sys.argv[1:] == ["--version"]:
        return print("2.1.207")
    sys.stdin.read()
    if not FILE.exists():
        sys.exit("error: not logged in")
    print(json.dumps({"type": "assistant", "message": {"id": "a", "content": [{"type": "text", "text": "hi"}]}}))
    print(json.dumps({"type": "result", "subtype": "success", "is_error": False, "result": "hi"}))


if __name__ == "__main__":
    main()
