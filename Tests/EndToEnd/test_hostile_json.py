"""Hostile JSON: what is deep, huge, ambiguous or broken is refused, and nothing is read in two ways."""
import asyncio
import json
import random

import pytest

from harness.wire import crowd

CHAT = "/v1/chat/completions"
MESSAGES = '"messages":[{"role":"user","content":"hi"}]'


def post(gateway, body):
    data = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    return asyncio.run(gateway.call(CHAT, data, timeout=60))


def around(text, model="gatehouse/echo"):
    return f'{{"model":"{model}",{MESSAGES},{text}}}'


# X2: depth

FIELDS = {
    "tools": '"tools":[{"type":"function","function":{"name":"f","parameters":%s}}]',
    "response_format": '"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":%s}}',
    "metadata": '"metadata":%s',
    "stream_options": '"stream_options":%s',
    "unknown": '"vendor":%s',
}
NESTS = {
    "arrays": ("[", "1", "]"), "objects": ('{"a":', "1", "}"), "mixed": ('[{"a":', "1", "}]"),
    "unclosed arrays": ("[", "", ""), "unclosed objects": ('{"a":', "", ""), "wrong tails": ("[", "1", "}"),
}


@pytest.mark.parametrize("depth", [70, 1000, 20_000, 200_000])
@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS.keys())
@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS.keys())
def test_depth(gateway, field, nest, depth):
    opening, inner, closing = nest
    response = post(gateway, around(field % (opening * depth + inner + closing * depth)))
    assert (response.status, response.error["code"]) == (400, "json_too_deep")


@pytest.mark.parametrize("where", ["messages", "prompt", "model", "stream", "root"])
def test_depth_where_a_value_is_expected(gateway, where):
    deep = "[" * 100_000 + "]" * 100_000
    body = deep if where == "root" else f'{{"model":"gatehouse/echo","messages":[],"{where}":{deep}}}'
    response = post(gateway, body)
    assert response.status == 400
    assert response.error["code"] in ("json_too_deep", "invalid_json", "invalid_value")


def test_what_is_not_too_deep_is_fine(gateway, faultd):
    user = faultd.user()
    nested = "[" * 60 + "]" * 60
    response = post(gateway, f'{{"model":"fault/whole","user":"{user}",{MESSAGES},"vendor":{nested}}}')
    assert response.status == 200
    assert f'"vendor":{nested}' in faultd.entry(user)["body"]


# X3: odd values

REFUSED = {
    "no JSON": ("hello", "invalid_json"),
    "empty": ("", "invalid_json"),
    "an array": ("[]", "invalid_json"),
    "a string": ('"x"', "invalid_json"),
    "null": ("null", "invalid_json"),
    "two values": (around('"a":1') + "{}", "invalid_json"),
    "a comma at the end": (around('"a":1,'), "invalid_json"),
    "a comment": (around('"a":1 /* x */'), "invalid_json"),
    "NaN": (around('"temperature":NaN'), "invalid_json"),
    "Infinity": (around('"temperature":-Infinity'), "invalid_json"),
    "hexadecimal": (around('"a":0x10'), "invalid_json"),
    "leading zero": (around('"a":01'), "invalid_json"),
    "plus sign": (around('"a":+1'), "invalid_json"),
    "lone point": (around('"a":1.'), "invalid_json"),
    "no digits in the exponent": (around('"a":1e'), "invalid_json"),
    "single quotes": (around("'a':1"), "invalid_json"),
    "raw NUL": (around('"a":"\x00"'), "invalid_json"),
    "raw line feed": (around('"a":"\n"'), "invalid_json"),
    "unknown escape": (around(r'"a":"\x41"'), "invalid_json"),
    "short escape": (around(r'"a":"\u12"'), "invalid_json"),
    "a byte order mark": ("\ufeff" + around('"a":1'), "invalid_json"),
    "the model twice": (around('"model":"gatehouse/echo"'), "invalid_json"),
    "the model twice, once escaped": (around(r'"mod\u0065l":"gatehouse/other"'), "invalid_json"),
    "max_tokens twice": (around('"max_tokens":1,"max_tokens":9'), "invalid_json"),
    "no model": (f"{{{MESSAGES}}}", "missing_field"),
    "no messages": ('{"model":"gatehouse/echo"}', "missing_field"),
    "messages as text": ('{"model":"gatehouse/echo","messages":"hi"}', "invalid_value"),
    "a number as model": (f'{{"model":5,{MESSAGES}}}', "invalid_value"),
    "an empty model": (f'{{"model":"",{MESSAGES}}}', "invalid_value"),
    "a control character in the model": (f'{{"model":"a\\u0000b",{MESSAGES}}}', "invalid_value"),
    "a line feed in the model": (f'{{"model":"a\\r\\nx: y",{MESSAGES}}}', "invalid_value"),
    "a long model": (f'{{"model":"{"m" * 300}",{MESSAGES}}}', "invalid_value"),
    "stream as text": (around('"stream":"true"'), "invalid_value"),
    "stream as number": (around('"stream":1'), "invalid_value"),
    "2^63 tokens": (around('"max_tokens":9223372036854775808'), "invalid_value"),
    "2^64 tokens": (around('"max_completion_tokens":18446744073709551616'), "invalid_value"),
    "1e99 tokens": (around('"max_tokens":1e99'), "invalid_value"),
    "half a token": (around('"max_tokens":0.5'), "invalid_value"),
    "no tokens": (around('"max_tokens":0'), "invalid_value"),
    "-0 tokens": (around('"max_tokens":-0'), "invalid_value"),
    "tokens as text": (around('"max_tokens":"5"'), "invalid_value"),
    "1e9 choices": (around('"n":1e9'), "invalid_value"),
    "a billion choices": (around('"n":1000000000'), "invalid_value"),
    "stream_options as list": (around('"stream_options":[]'), "invalid_value"),
    "include_usage as text": (around('"stream_options":{"include_usage":"yes"}'), "invalid_value"),
}


@pytest.mark.parametrize(("body", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(gateway, body, code):
    response = post(gateway, body)
    assert (response.status, response.error["code"]) == (400, code)
    assert len(response.body) < 2000


INVALID_UTF8 = {"lone byte": b"\xff", "cut sequence": b"\xc3", "overlong": b"\xc0\xaf", "surrogate": b"\xed\xa0\x80",
                "beyond Unicode": b"\xf5\x80\x80\x80"}


@pytest.mark.parametrize("text", INVALID_UTF8.values(), ids=INVALID_UTF8.keys())
def test_invalid_utf8_is_refused(gateway, text):
    response = post(gateway, around('"a":"@"').encode().replace(b"@", text))
    assert (response.status, response.error["code"]) == (400, "invalid_json")


KEPT = ['"a":1e400', '"a":-0', '"a":-0.0', '"a":1E+2', '"a":"\\u0000"', '"a":"\\ud83c\\udf0d"', '"a":12345678901234567890123',
        '"a":0.1000000000000000055511151231257827', '"a":"\u2028\u2029"', '"a":{"b":1,"b":2}', '"a":"\x7f"', '"": 1']


@pytest.mark.parametrize("text", KEPT)
def test_what_is_not_ours_goes_up_as_it_is(gateway, faultd, text):
    """Numbers beyond any type, odd escapes and inner duplicates are the provider's matter, byte for byte."""
    user = faultd.user()
    body = f'{{"model":"fault/whole","user":"{user}", {text} ,{MESSAGES}}}'
    response = post(gateway, body)
    if response.status == 200:
        assert faultd.entry(user)["body"] == body.replace("fault/whole", "whole")
    else:
        assert (response.status, response.error["code"]) == (400, "invalid_json")
        assert faultd.entries(user) == []


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud800x"])
def test_lone_surrogates(gateway, escape):
    response = post(gateway, around(f'"a":"{escape}"'))
    assert (response.status, response.error["code"]) == (400, "invalid_json")


def test_a_number_of_ten_megabytes(gateway):
    response = post(gateway, around('"a":' + "9" * (10 << 20)))
    assert response.status in (200, 400)
    for number in ("9" * (10 << 20), "1e400"):
        response = post(gateway, around(f'"max_tokens":{number}'))
        assert response.status == 400
        assert response.error["code"] in ("invalid_json", "invalid_value")


def test_a_million_keys(gateway):
    """Counted, not compared each with each: it must not take long."""
    import time

    body = around(",".join(f'"{number:x}":0' for number in range(1_000_000)))
    begin = time.monotonic()
    response = post(gateway, body)
    assert response.status in (200, 400)
    assert time.monotonic() - begin < 5


def test_a_body_over_the_limit(gateway):
    response = post(gateway, around('"a":"' + "x" * (17 << 20) + '"'))
    assert (response.status, response.error["code"]) == (413, "body_too_large")


def test_a_chunked_body_over_the_limit(gateway):
    async def send():
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(f"POST {CHAT} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {gateway.key}\r\n"
                     "transfer-encoding: chunked\r\n\r\n".encode())
        block, sent = b"100000\r\n" + b" " * (1 << 20) + b"\r\n", 0
        try:
            for _ in range(2048):
                writer.write(block)
                await writer.drain()
                sent += 1
        except ConnectionError:
            pass
        try:
            answer = await reader.read(16)
        except ConnectionError:
            answer = b""
        writer.transport.abort()
        return sent, answer

    sent, answer = asyncio.run(send())
    assert sent < 2048, "the rest of the body is not read"
    assert answer in (b"", b"HTTP/1.1 413 Con") or answer.startswith(b"HTTP/1.1 413")


def strict(body):
    """Python's reading of the body, as strict as ours: `None` when it is not JSON."""
    def pairs(items):
        if len({name for name, _ in items}) != len(items):
            raise KeyError
        return dict(items)

    def constant(_):
        raise ValueError

    try:
        value = json.loads(body.decode("utf-8"), parse_constant=constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def mutations(seed, count):
    rng = random.Random(seed)
    source = ('{"model":"fault/whole","messages":[{"role":"user","content":"Zürich \\u00e9 \\ud83c\\udf0d"}],'
              '"temperature":0.5e-1,"stream":false,"n":1,"stop":["a",null,true],"logit_bias":{"5":-1.5}}').encode()
    alphabet = [b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"0", b"-", b".", b"e", b"u", b"\x00", b"\xff", b" ",
                b"\xef\xbb\xbf", b"true", b"null", b'"model":"x",', b"\\ud800", b"\n"]
    for number in range(count):
        body = bytearray(source)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(body))
            match rng.randrange(3):
                case 0: body[at:at] = rng.choice(alphabet)
                case 1: del body[at:at + rng.randint(1, 4)]
                case _: body[at:at + 1] = rng.choice(alphabet)
        yield f"mutation-{number}", bytes(body)


def test_reads_json_as_python_does(gateway, faultd):
    """Four thousand broken bodies: what another strict parser refuses never gets through, and what gets through says
    the same to both."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    faultd.forget()
    bodies = dict(mutations(seed, 4000))
    requests = [(name, gateway.request(CHAT, body, headers=[("x-request-id", name)])) for name, body in bodies.items()]
    played = asyncio.run(crowd(gateway.port, requests))
    problems = []
    for name, body in bodies.items():
        response, value = played[name], strict(body)
        if response.status == 200 and value is None:
            problems.append(f"taken but no JSON: {body!r}")
        elif response.status >= 500:
            problems.append(f"{response.status}: {body!r}")
        elif response.status == 400 and response.error["code"] == "invalid_json" and value is not None:
            if not (has_duplicates(body) or has_lone_surrogate(value)):
                problems.append(f"refused but JSON ({response.error['message']}): {body!r}")
    sent = {json.dumps({**value, "model": "whole"}, sort_keys=True)
            for name, body in bodies.items() if played[name].status == 200 and (value := strict(body)) is not None}
    seen = {json.dumps(value, sort_keys=True) for entry in faultd.ask("GET", "/__ledger")
            if (value := strict(entry["body"].encode())) is not None and value.get("model") == "whole"}
    problems += [f"the provider saw something else than {text}" for text in sent - seen]
    assert not problems, f"seed {seed}, {len(problems)} problems:\n" + "\n".join(problems[:10])


def has_duplicates(body):
    found = []

    def pairs(items):
        found.append(len({name for name, _ in items}) != len(items))
        return dict(items)

    json.loads(body, object_pairs_hook=pairs)
    return any(found)


def has_lone_surrogate(value):
    return any(0xD800 <= ord(letter) < 0xE000 for letter in json.dumps(value, ensure_ascii=False))
