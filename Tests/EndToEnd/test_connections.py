"""One connection, several requests, in the orders that proxies and clients make of them."""

import json
import socket


def read_response(file):
    status = int(file.readline().split()[1])
    headers = {}
    while (line := file.readline()) not in (b"\r\n", b""):
        name, value = line.decode().rstrip("\r\n").split(":", 1)
        headers[name.lower()] = value.strip()
    return status, file.read(int(headers["content-length"]))


def test_a_response_may_end_before_its_request(gateway):
    """A route that does not read its body answers at once; the rest of the body must not hold up the next request."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        file = connection.makefile("rb")
        length = 300_000
        connection.sendall(
            f"POST /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode() + b"x" * 1000
        )
        status, body = read_response(file)
        assert (status, json.loads(body)["error"]["code"]) == (405, "method_not_allowed")
        connection.sendall(b"x" * (length - 1000))
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_response(file)[0] == 200
        connection.sendall(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_response(file)[0] == 200


def test_calls_and_routes_take_turns(gateway):
    body = json.dumps({"model": "gatehouse/echo", "messages": [{"role": "user", "content": "turn"}]}).encode()
    call = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {gateway.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    live = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        file = connection.makefile("rb")
        for _ in range(20):
            connection.sendall(call + live + call)
            kinds = [b"turn" in read_response(file)[1] for _ in range(3)]
            assert kinds == [True, False, True]


def call(gateway, text, *lines, chunked=False):
    """A call of the echo, with a length, or in chunks: those are read by another reader."""
    body = json.dumps({"model": "gatehouse/echo", "messages": [{"role": "user", "content": text}]}).encode()
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {gateway.key}",
        "Content-Type: application/json",
        *lines,
        framing,
    ]
    payload = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    return "\r\n".join(head).encode() + b"\r\n\r\n", payload


def said(response):
    status, body = response
    assert status == 200
    return json.loads(body)["choices"][0]["message"]["content"]


def test_a_body_comes_in_pieces(gateway):
    """Behind its head, byte by byte, and with the head of the next call in its last piece."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        file = connection.makefile("rb")
        for number in range(3):
            head, body = call(gateway, f"piece {number}")
            connection.sendall(head)
            for byte in body:
                connection.sendall(bytes([byte]))
            assert said(read_response(file)) == f"piece {number}"
        head, body = call(gateway, "x" * 200_000)
        following, its = call(gateway, "next")
        connection.sendall(head + body[:1000])
        for start in range(1000, len(body), 50_000):
            connection.sendall(body[start : start + 50_000] + (following[:40] if start + 50_000 >= len(body) else b""))
        assert said(read_response(file)) == "x" * 200_000
        connection.sendall(following[40:] + its)
        assert said(read_response(file)) == "next"


def test_both_readers_take_turns(gateway):
    """Calls with a length and calls in chunks on one connection, one by one and all at once."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        file = connection.makefile("rb")
        for number in range(4):
            for chunked in (False, True):
                connection.sendall(b"".join(call(gateway, f"turn {number}", chunked=chunked)))
                assert said(read_response(file)) == f"turn {number}"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        file = connection.makefile("rb")
        connection.sendall(
            b"".join(b"".join(call(gateway, f"{number}", chunked=number % 3 == 2)) for number in range(12))
        )
        assert [said(read_response(file)) for _ in range(12)] == [f"{number}" for number in range(12)]


def test_a_head_comes_in_pieces(gateway):
    head, body = call(gateway, "cut")
    for cut in (1, 5, 30, len(head) - 2, len(head) - 1):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            file = connection.makefile("rb")
            connection.sendall(head[:cut])
            connection.sendall(head[cut:] + body + head)
            assert said(read_response(file)) == "cut"
            connection.sendall(body)
            assert said(read_response(file)) == "cut"


def test_a_body_that_breaks_off_is_refused(gateway):
    for chunked in (False, True):
        head, body = call(gateway, "half", chunked=chunked)
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
            file = connection.makefile("rb")
            connection.sendall(head + body[:-3])
            connection.shutdown(socket.SHUT_WR)
            status, answer = read_response(file)
            assert (status, json.loads(answer)["error"]["code"]) == (400, "bad_request_framing")
            assert file.read() == b""


def test_what_callers_say_beside_the_body_is_heard(gateway):
    """The same with either reader."""
    for chunked in (False, True):
        for lines, known in ((["X-Request-ID: mine-1"], True), (["X-Request-ID: not/mine"], False)):
            with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
                file = connection.makefile("rb")
                connection.sendall(b"".join(call(gateway, "hi", *lines, chunked=chunked)))
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += file.readline()
                assert (b"x-request-id: mine-1" in head) == known
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
            file = connection.makefile("rb")
            connection.sendall(b"".join(call(gateway, "hi", "X-Session-ID: a b", chunked=chunked)))
            status, answer = read_response(file)
            assert (status, json.loads(answer)["error"]["param"]) == (400, "x-session-id")
