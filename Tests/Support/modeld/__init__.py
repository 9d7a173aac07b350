"""A scripted upstream that plays the wire of each vendor, and refuses what the vendor would refuse.

What it answers is said by the last word but one of the model's name, `REAL-MODEL_SCENARIO_NUMBER`:

    chat       words, with usage            schema     JSON that fits the schema asked for
    stop       words, ended by a stop word  tools      three calls at once; words once their results came
    one        one call, then words         thinking   thoughts and one call; words once both came back as they went
    names      one call of each tool, by the names they came with
    sNNN       an error with this status    cut        dies after three words
    endless    never ends, whole or not     fault      an error after three words of a stream
    silent     never answers at all         early      a stream that begins, and stops before its first word
    refused    as early, then an error      garbled    an event that cannot be read after three words of a whole stream
    late       an error once the client has read three words
    bytes      each byte in its own chunk   goneNN     the connection ends after NN % of all events but the last
                                            shortNN    as goneNN, but the body ends as if it were whole

The upstream is chosen by the first word of the path, and with it the vendor's rules.
"""

from .server import Modeld

__all__ = ["Modeld"]
