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
