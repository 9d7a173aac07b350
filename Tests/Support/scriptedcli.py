#!/usr/bin/python3 -IS
"""An agent CLI for tests, under any name: linked as `gemini`, `claude` ... it does what its prompt tells it.

The prompt holds a line `scripted: {...}`. Its members are done in this order; all but `mark` may be missing:

    mark        names the run; notes about it go to `runs/MARK.json` in the folder above the one of the link
    family      starts a child, and a grandchild in a session of its own; all of them live until they are killed
    deaf        ignores SIGTERM
    stderr      written to standard error
    transcript  the path of a recorded transcript; its lines are printed
    lines       printed, each with a line feed; objects as JSON
    pieces      the output is written in pieces of so many bytes
    gate        a named pipe; the rest waits until somebody opens it for writing
    then        like `lines`, behind the gate
    hang        does not end
    signal      ends by this signal
    exit        ends with this code

The notes tell what the process was given and the pids of the family, as they are in its own name space of processes,
which is told as well; they exist once the lines are printed. It uses
the standard library only and never talks to the network.
"""
import json
import os
import pathlib
import signal
import sys
import time

MARK = "scripted: "


def started(pid):
    """When a process began; with its pid it names a process for good."""
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])


def hang():
    while True:
        time.sleep(3600)


def descriptors():
    numbers = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the descriptor of the listing itself
        numbers.append(int(name))
    return sorted(numbers)


def family():
    """The pids of a child and of a grandchild that has left the session."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os.setsid()
            os.write(writer, f"{os.getpid()}\n".encode())
        hang()
    pid = b""
    while not pid.endswith(b"\n"):
        pid += os.read(reader, 100)
    os.close(reader)
    os.close(writer)
    return [child, int(pid)]


def text_of(lines):
    return "".join((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines)


def write(text, pieces=None):
    data = text.encode()
    while data:
        data = data[os.write(1, data[:pieces]):]


def prompt_of(arguments):
    """What came on stdin, else the argument of `-p`, else the content of the file that the last argument names."""
    text = sys.stdin.read()
    if text or not arguments:
        return text
    return arguments[arguments.index("-p") + 1] if "-p" in arguments[:-1] else pathlib.Path(arguments[-1]).read_text()


def main():
    given = {"argv": sys.argv[1:], "environment": dict(os.environ), "descriptors": descriptors(),
             "directory": os.getcwd(), "mode": os.stat(".").st_mode & 0o777, "namespace": os.readlink("/proc/self/ns/pid")}
    given["prompt"] = prompt_of(sys.argv[1:])
    if sys.argv[1:] and os.path.isfile(sys.argv[-1]):
        given["prompt_mode"] = os.stat(sys.argv[-1]).st_mode & 0o777
    line = next((line for line in given["prompt"].split("\n") if line.startswith(MARK)), None)
    if line is None:
        sys.exit("scripted: no line with what to do in the prompt")
    todo = json.loads(line[len(MARK):])
    if todo.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pids = [os.getpid()] + (family() if todo.get("family") else [])
    if "stderr" in todo:
        os.write(2, todo["stderr"].encode())
    lines, code = todo.get("lines", []), todo.get("exit", 0)
    if "transcript" in todo:
        transcript = json.loads(pathlib.Path(todo["transcript"]).read_text())
        lines, code = transcript["stdout_lines"] + lines, todo.get("exit", transcript["exit_code"] or 0)
    write(text_of(lines), todo.get("pieces"))
    given["pids"] = {pid: started(pid) for pid in pids}
    notes = pathlib.Path(sys.argv[0]).absolute().parent.parent / "runs" / f"{todo['mark']}.json"
    try:
        notes.with_suffix(f".{os.getpid()}").write_text(json.dumps(given))
        notes.with_suffix(f".{os.getpid()}").replace(notes)
    except OSError:
        pass  # A sandbox in which it may not.
    if "gate" in todo:
        os.close(os.open(todo["gate"], os.O_RDONLY))
        write(text_of(todo.get("then", [])))
    if todo.get("hang"):
        hang()
    if "signal" in todo:
        os.kill(os.getpid(), todo["signal"])
        hang()
    os._exit(code)


if __name__ == "__main__":
    main()
