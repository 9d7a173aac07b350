#!/usr/bin/env python3
"""An agent for tests. The first argument is its mode; the rest depends on it.

It uses the standard library only and never talks to the network.
"""
import json
import os
import signal
import sys
import time


def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def ignore_term():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def hang():
    while True:
        time.sleep(3600)


witness = None


def note_pid(path):
    """Writes the pid into a named pipe and keeps it open: its reader sees the end when nobody of the family is left."""
    global witness
    if witness is None:
        witness = os.open(path, os.O_WRONLY)
    os.write(witness, f"{os.getpid()}\n".encode())


def mode_echo(_):
    """Gives stdin back."""
    say(sys.stdin.read())


def mode_exit(arguments):
    """exit CODE [STDERR]"""
    if len(arguments) > 1:
        sys.stderr.write(arguments[1] + "\n")
    sys.exit(int(arguments[0]))


def mode_signal(arguments):
    """Ends by signal NUMBER after some text."""
    say("before the end")
    number = int(arguments[0])
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def mode_flood(arguments):
    """flood LINES: lines of 1000 bytes as fast as they go."""
    line = "x" * 999 + "\n"
    for _ in range(int(arguments[0])):
        sys.stdout.write(line)
    sys.stdout.flush()


def mode_no_newline(arguments):
    """no-newline MEGABYTES: one line without an end. Notes in FILE how much was taken."""
    block = b'{"x":"' + b"x" * (1 << 20)
    written = 0
    try:
        for _ in range(int(arguments[0])):
            written += os.write(1, block)
    finally:
        if len(arguments) > 1:
            with open(arguments[1], "w") as file:
                file.write(str(written))


def mode_stderr_flood(arguments):
    """stderr-flood MEGABYTES: more than a pipe holds on stderr, then an answer."""
    block = "e" * 1023 + "\n"
    for _ in range(int(arguments[0]) * 1024):
        sys.stderr.write(block)
    sys.stderr.flush()
    say("answer after the flood")


def mode_drip(arguments):
    """drip COUNT SECONDS: one line each SECONDS."""
    for index in range(int(arguments[0])):
        say(f"drop {index}\n")
        time.sleep(float(arguments[1]))


def mode_dump(arguments):
    """Prints what the process was given, as one JSON object."""
    descriptors = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the descriptor of the listing itself
        descriptors.append(int(name))
    status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
    say(
        json.dumps(
            {
                "argv": sys.argv[1:],
                "temporary": os.environ["TMPDIR"],
                "descriptors": sorted(descriptors),
                "directory": os.getcwd(),
                "modes": {path: oct(os.stat(path).st_mode & 0o777) for path in [".", "..", os.environ["TMPDIR"]]},
                "stdin": sys.stdin.read(),
                "noNewPrivileges": status["NoNewPrivs"].strip(),
                "blockedSignals": status["SigBlk"].strip(),
                "ignoredSignals": status["SigIgn"].strip(),
                "session": os.getsid(0) == os.getpid(),
            }
        )
    )


def mode_tree(arguments):
    """tree PIDS [leave|hang]: a family that ignores SIGTERM: a child, a double fork, one in a session of its own."""
    ignore_term()
    note_pid(arguments[0])
    ready_read, ready_write = os.pipe()
    for kind in ["child", "orphan", "session"]:
        if os.fork() == 0:
            if kind == "orphan" and os.fork() != 0:
                os._exit(0)
            if kind == "session":
                os.setsid()
                if os.fork() != 0:
                    os._exit(0)
            note_pid(arguments[0])
            os.write(ready_write, b".")
            hang()
    taken = 0
    while taken < 3:
        taken += len(os.read(ready_read, 3 - taken))
    say("family is up\n")
    if arguments[1] == "hang":
        hang()


def mode_hang(arguments):
    """hang [TEXT]: says TEXT and then nothing. Does not read stdin."""
    if arguments:
        say(arguments[0])
    hang()


def mode_polite(arguments):
    """polite FILE: when it is told to end, it says so at length, then notes it in FILE."""

    def end(*_):
        # Not by Python's streams: it may be told while it still writes to one, which they do not bear.
        for descriptor in [1, 2]:
            words = b"I was told to end\n" * 10_000
            while words:
                words = words[os.write(descriptor, words):]
        with open(arguments[0], "w") as file:
            file.write("told to end")
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    # What nobody reads must not end it before.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    say("up")
    hang()


def mode_close_stdin(_):
    """Closes stdin without reading it and answers."""
    os.close(0)
    say("did not read")


def mode_replay(arguments):
    """replay FILE [EXIT]: reads stdin to its end, then prints the file."""
    sys.stdin.read()
    with open(arguments[0]) as file:
        say(file.read())
    sys.exit(int(arguments[1]) if len(arguments) > 1 else 0)


def mode_linger(arguments):
    """linger FILE PIDS: prints the file and does not end."""
    note_pid(arguments[1])
    with open(arguments[0]) as file:
        say(file.read())
    hang()


def mode_prompt_file(arguments):
    """prompt-file PATH: prints what is in the file, and its mode."""
    mode = oct(os.stat(arguments[0]).st_mode & 0o777)
    with open(arguments[0]) as file:
        say(mode + " " + file.read())


def mode_litter(_):
    """Leaves a deep tree in the working directory, with directories that nobody may enter."""
    name = "d" * 200
    for _ in range(60):
        os.mkdir(name)
        os.chdir(name)
    with open("deep", "w") as file:
        file.write("x")
    os.symlink("/etc", "link")
    os.mkdir("closed")
    os.chmod("closed", 0)
    say("littered")


def main():
    name = "mode_" + sys.argv[1].replace("-", "_")
    globals()[name](sys.argv[2:])


if __name__ == "__main__":
    main()
