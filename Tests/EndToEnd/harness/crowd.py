"""Many connections at once on one thread, without a task for each."""

import resource
import selectors
import socket
import time


def raise_limit(wanted):
    """Lets this process, and those it starts, open so many files; how many they may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


class Crowd:
    """Connections that are opened together and closed together."""

    def __init__(self, port):
        self.port, self.sockets = port, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.sockets:
            one.close()

    def join(self, count, data=b"", pace=64):
        """Opens `count` connections, `pace` at a time, and sends data on each; those that were accepted."""
        joined = []
        for begin in range(0, count, pace):
            batch = []
            for _ in range(min(pace, count - begin)):
                one = socket.create_connection(("127.0.0.1", self.port), 20)
                if data:
                    one.sendall(data)
                one.setblocking(False)
                batch.append(one)
            joined += batch
        self.sockets += joined
        return joined

    def read(self, sockets, enough, seconds=20):
        """Reads from all of them until `enough(bytes)` is true of each, or its connection ended; what each had."""
        selector, texts = selectors.DefaultSelector(), {}
        for one in sockets:
            texts[one] = b""
            selector.register(one, selectors.EVENT_READ)
        deadline = time.monotonic() + seconds
        while selector.get_map():
            left = deadline - time.monotonic()
            assert left > 0, f"{len(selector.get_map())} of {len(texts)} connections are waited for in vain"
            for key, _ in selector.select(left):
                try:
                    data = key.fileobj.recv(1 << 16)
                except ConnectionError:
                    data = b""
                texts[key.fileobj] += data
                if not data or enough(texts[key.fileobj]):
                    selector.unregister(key.fileobj)
        selector.close()
        return [texts[one] for one in sockets]
