"""A name server that a test scripts, and a gateway that asks it: its `resolv.conf` is bound over the host's in a mount
namespace of its own, for which one must be root.
"""

import os
import pathlib
import socket
import struct
import subprocess
import threading

TYPES = {1: "A", 28: "AAAA"}
SUCCESS, SERVER_FAILURE, NAME_ERROR = 0, 2, 3


def is_possible():
    """Whether this user may give a process a `resolv.conf` of its own."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


class NameServer:
    """Answers over UDP, and over TCP what does not fit, on the usual port of an address of loopback."""

    ADDRESS = "127.0.53.53"

    def __init__(self, folder):
        #: What is answered: (name, type) to a list of addresses, a response code, or `None` for silence.
        self.answers = {}
        #: Every question that came.
        self.questions = []
        self.file = pathlib.Path(folder) / "resolv.conf"
        self.file.write_text(f"nameserver {self.ADDRESS}\n")
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((self.ADDRESS, 53))
        self.tcp = socket.create_server((self.ADDRESS, 53))
        self.threads = [threading.Thread(target=each) for each in (self.serve_udp, self.serve_tcp)]
        for thread in self.threads:
            thread.start()

    @property
    def prefix(self):
        """Words before the command of a process that shall ask here."""
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, str(self.file)]

    def serve_udp(self):
        while True:
            question, peer = self.udp.recvfrom(4096)
            if not question:
                return
            if answer := self.answer(question):
                # Answers that do not fit are asked for again over TCP.
                self.udp.sendto(answer if len(answer) <= 512 else self.truncated(answer, question), peer)

    def serve_tcp(self):
        while True:
            connection, _ = self.tcp.accept()
            with connection:
                connection.settimeout(5)
                try:
                    while head := connection.recv(2):
                        if head == b"\0\0":
                            return
                        question = connection.recv(struct.unpack("!H", head)[0])
                        if answer := self.answer(question):
                            connection.sendall(struct.pack("!H", len(answer)) + answer)
                except OSError:
                    pass

    @staticmethod
    def question(data):
        """Name and type of the question, and where it ends."""
        labels, at = [], 12
        while size := data[at]:
            labels.append(data[at + 1 : at + 1 + size].decode())
            at += 1 + size
        return ".".join(labels).lower(), TYPES.get(struct.unpack("!H", data[at + 1 : at + 3])[0]), at + 5

    def answer(self, data):
        name, kind, end = self.question(data)
        self.questions.append((name, kind))
        found = self.answers.get((name, kind), NAME_ERROR)
        if found is None:
            return None
        code, addresses = (found, []) if isinstance(found, int) else (SUCCESS, found)
        family = socket.AF_INET6 if kind == "AAAA" else socket.AF_INET
        number = 28 if kind == "AAAA" else 1
        records = b""
        for address in addresses:
            packed = socket.inet_pton(family, address)
            records += b"\xc0\x0c" + struct.pack("!HHIH", number, 1, 0, len(packed)) + packed
        return data[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(addresses), 0, 0) + data[12:end] + records

    def truncated(self, answer, question):
        _, _, end = self.question(question)
        return answer[:2] + struct.pack("!HHHHH", 0x8380, 1, 0, 0, 0) + question[12:end]

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", (self.ADDRESS, 53))
        with socket.create_connection((self.ADDRESS, 53)) as end:
            end.sendall(b"\0\0")
        for thread in self.threads:
            thread.join()
        self.udp.close()
        self.tcp.close()
