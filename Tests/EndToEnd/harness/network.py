"""A network of this test's own: what it starts inside sees no other, and its link is the test's to cut."""

import ctypes
import os
import shutil
import subprocess

import pytest

CLONE_NEWNET = 0x40000000
#: The gateway's side of the link, and the upstream's.
NEAR, FAR = "10.77.0.1", "10.77.0.2"
LIBC = ctypes.CDLL(None, use_errno=True)


class Network:
    """Takes the calling thread, and with it all that it starts, into a new network and back again.

    A link leads to a second one, in which upstreams run. Needs root and Debian's iproute2.
    """

    def __init__(self):
        if os.geteuid() != 0:
            pytest.skip("needs root, to make a network of its own")
        if shutil.which("ip") is None:
            pytest.skip("needs ip (Debian: iproute2)")
        self.before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        if LIBC.unshare(CLONE_NEWNET) != 0:
            os.close(self.before)
            pytest.skip(f"this system allows no network of its own: {os.strerror(ctypes.get_errno())}")
        run("ip", "link", "set", "lo", "up")
        # A process that holds the other side.
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "600"])
        self.inside = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]
        wait_for_network(self.holder.pid)
        run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(self.holder.pid))
        run("ip", "address", "add", f"{NEAR}/24", "dev", "near")
        run("ip", "link", "set", "near", "up")
        run(*self.inside, "ip", "address", "add", f"{FAR}/24", "dev", "far")
        run(*self.inside, "ip", "link", "set", "far", "up")
        run(*self.inside, "ip", "link", "set", "lo", "up")

    def cut(self):
        """Packets vanish from here on; nobody is told."""
        run(*self.inside, "ip", "link", "set", "far", "down")

    def mend(self):
        run(*self.inside, "ip", "link", "set", "far", "up")

    def leave(self):
        self.holder.kill()
        self.holder.wait()
        assert LIBC.setns(self.before, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        os.close(self.before)


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


def wait_for_network(pid):
    """Until the process is in a network of its own."""
    own = os.readlink("/proc/thread-self/ns/net")
    while os.readlink(f"/proc/{pid}/ns/net") == own:
        pass
