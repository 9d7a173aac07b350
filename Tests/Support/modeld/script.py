"""What is asked and what is answered, in no vendor's words."""

import json
import re
from dataclasses import dataclass, field

WORDS = ["Four", " score", " and", " seven", " years", " ago", " Zürich", " 🌍"]
TEXT = "".join(WORDS)
THOUGHTS = ["First I look", " at the 空 sky,", ' then I "call".\n']
JSON_TEXT = '{"city":"Zürich","inhabitants":447082}'
CITIES = ["Zürich", "Genève", 'L"Aquila']


@dataclass(frozen=True)
class Usage:
    """`input` has everything cached in it, `output` the thoughts."""

    input: int = 100
    read: int = 40
    written: int = 10
    output: int = 30
    thoughts: int = 12


USAGE = Usage()


@dataclass
class Part:
    """A piece of a turn: text, image, call, result or thinking."""

    kind: str
    text: str = ""
    data: bytes = b""
    type: str = ""
    id: str = ""
    name: str = ""
    arguments: dict = field(default_factory=dict)
    is_error: bool = False
    signature: str | None = None
    #: The images in a result.
    images: list = field(default_factory=list)


@dataclass
class Turn:
    role: str
    parts: list

    def of(self, kind):
        return [part for part in self.parts if part.kind == kind]


@dataclass
class Tool:
    name: str
    schema: dict | None = None
    description: str | None = None


@dataclass
class Seen:
    """A request as its upstream understood it."""

    model: str
    stream: bool
    system: str = ""
    turns: list = field(default_factory=list)
    tools: list = field(default_factory=list)
    choice: object = None
    #: `max_tokens`, `temperature`, `top_p`, `top_k`, `seed`, `stop`, `frequency_penalty`, `presence_penalty`, `effort`
    options: dict = field(default_factory=dict)
    schema: dict | None = None

    @property
    def scenario(self):
        return self.model.rsplit("_", 2)[1] if self.model.count("_") >= 2 else "chat"

    @property
    def number(self):
        return self.model.rsplit("_", 1)[-1]

    def all(self, kind):
        return [part for turn in self.turns for part in turn.of(kind)]

    @property
    def images(self):
        """Everywhere, results of tools included."""
        found = []
        for turn in self.turns:
            for part in turn.parts:
                found += [part] if part.kind == "image" else part.images
        return found

    @property
    def has_results(self):
        return bool(self.all("result"))


@dataclass
class Answer:
    words: list = field(default_factory=list)
    thoughts: list = field(default_factory=list)
    signature: str | None = None
    #: Pairs of a name and arguments as JSON text.
    calls: list = field(default_factory=list)
    #: The stop word that ended it.
    stopped_by: str | None = None

    @property
    def text(self):
        return "".join(self.words)

    @property
    def thought(self):
        return "".join(self.thoughts)


class Refused(Exception):
    """What the vendor answers with status 400."""

    def __init__(self, message, status=400):
        super().__init__(message)
        self.status = status


def require(condition, message):
    if not condition:
        raise Refused(message)


def only(value, allowed, where):
    """A vendor that knows all its fields refuses others."""
    unknown = sorted(set(value) - set(allowed))
    require(not unknown, f"{where}: unknown fields {unknown}")


def matches(pattern, text, where):
    require(isinstance(text, str) and re.fullmatch(pattern, text), f"{where}: {text!r} does not match {pattern}")


def arguments(text, where):
    """A call's arguments, which must be the JSON text of an object."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        raise Refused(f"{where}: arguments are no JSON: {text!r}") from None
    require(isinstance(value, dict), f"{where}: arguments are no object")
    return value


def pieces(text, size=7):
    return [text[start : start + size] for start in range(0, len(text), size)] or [""]


def answer(seen, server, signs):
    """What the scenario of `seen` answers."""
    scenario = seen.scenario
    if scenario == "schema":
        return Answer(pieces(JSON_TEXT, 9))
    if scenario == "stop":
        return Answer(WORDS[:3], stopped_by=(seen.options.get("stop") or [None])[0])
    if scenario in ("tools", "one", "names", "thinking") and not seen.has_results:
        require(seen.tools, "the scenario needs tools")
        name = seen.tools[0].name
        calls = [(name, json.dumps({"city": city, "days": number}, ensure_ascii=False))
                 for number, city in enumerate(CITIES)]
        if scenario == "names":
            return Answer(calls=[(tool.name, '{"city":"Zürich"}') for tool in seen.tools])
        if scenario == "tools":
            return Answer(WORDS[:2], calls=calls)
        if scenario == "one":
            return Answer(calls=calls[:1])
        signature = server.sign("".join(THOUGHTS)) if signs else None
        return Answer(thoughts=THOUGHTS, signature=signature, calls=calls[:1])
    if scenario == "thinking" and signs:
        carried = [part.signature for turn in seen.turns if turn.role == "assistant" for part in turn.parts]
        require(any(carried), "the thinking that led to the calls must come back with its signature")
    return Answer(WORDS)


class Wire:
    """What the wires have in common."""

    def check_headers(self, headers):
        """Raises `Refused` for a wrong credential."""

    def model_of(self, request):
        """The model's name, also of a request that is wrong otherwise."""
        return str(request.body.get("model", ""))

    def error_headers(self, status):
        """Lines that an error's head has besides."""
        return ""

    def garbled(self):
        """An event of its stream that cannot be read."""
        return b"data: {\"oops\n\n"


class Delta(bytes):
    """A piece of a stream that holds a word."""


def sse(data, event=None, kind=bytes):
    head = f"event: {event}\n" if event else ""
    return kind(f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode())
