"""An OpenAI-shaped upstream that fails on purpose, and the oracle of what it was sent. Standard library only.

    python3 Tests/Support/faultd [--port N] [--lean]     prints `faultd PORT` when it listens on loopback

With `--lean` the ledger keeps counts and no requests, for load.

What happens to `POST /v1/chat/completions` (or any other POST below `/v1/`) is said by the request's `model`:

    SCRIPT[~OPERATION@N]...     for example `words`, `words~cut@117~frame@close`, `story~rst@0`

A script is a whole response. These are built in; a test adds its own with `POST /__script`:

    words       a stream of eight words with usage and [DONE]       whole      the same as one JSON body
    endless     a stream that never ends, an event every 20 ms      never      takes the request and never answers
    torrent     the same with events of 60 kB; with drip@0 as fast as they are taken
    noisy       comments and an interim 103 response before words   huge       a JSON body that is 48 MiB long
    vast        a JSON body of 100 MB                               line       a stream whose only line has 64 MiB
    s<NNN>      an error with this status, whose body looks like it held secrets; s204 has no body
    html, empty, error200, badtype                                  answers with status 200 that are none

Operations on the body, in bytes:

    cut@N       FIN after N bytes, framing broken        rst@N       RST after N bytes
    clean@N     a well-framed end after N bytes          stall@N     silence after N bytes, connection open
    garble@N    byte N is replaced by 0xFF               split@N     pieces of N bytes, each sent on its own
    drip@MS     MS milliseconds after each piece         awkward@1   pieces that end in the worst places
    wait@MS     MS milliseconds before the head          head@N      FIN after N bytes of the head
    frame@HOW   chunked (streams), length (others), close; with `close` a cut is a clean end
    after@MS    the connection is closed MS milliseconds after the whole response
    deaf@N      after N bytes nothing is sent or read any more, and no end of the peer's is noticed

Operations on the upstream as a whole; each model's name, with its operations, is an upstream of its own:

    odds@P      P of each hundred requests fail, evenly spread       flap@MS   MS milliseconds well, as many failing, by the clock
    down@S      what failing means: status S (500); 0 is RST
    refuse@K    a request whose key holds K gets status 429, or that of `down`
    slots@N     N are served at a time, in the order in which they came; the others wait
    room@N      with slots: when N wait already, 503

`POST /__play` makes a name stand for another, now and until it is said anew: {"prod": "whole~slots@8~wait@50"}.

`POST /__listen` opens a further port, whose connections fail in their own way: see listeners.py. The oracle:
`GET /__ledger[?user=U][&brief=1]`, `GET /__counts`, `GET /__open`, `GET /__wait?user=U&event=received|sent|closed&timeout=S`
(answers when it has happened), `POST /__drop` (closes connections as soon as they rest), `POST /__cut` (ends all of them
now), `DELETE /__ledger`. A request is known by its `user` field. Times are those of CLOCK_MONOTONIC, which all processes of
a host share.
"""

import argparse
import asyncio
import gc

from connection import Connection
from server import Faultd


async def main():
    # A pause of ours would be taken for one of the gateway's.
    gc.disable()
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lean", action="store_true")
    arguments = parser.parse_args()
    loop = asyncio.get_running_loop()
    faultd = Faultd(loop, lean=arguments.lean)
    server = await loop.create_server(lambda: Connection(faultd), arguments.host, arguments.port, backlog=4096)
    print("faultd", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
