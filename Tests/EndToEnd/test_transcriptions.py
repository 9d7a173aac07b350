"""Transcriptions and translations of sound: forms of which only the model's name is written anew."""

import random
import uuid

import httpx
import openai
import pytest

from harness.surfaces import (
    BOUNDARY,
    FILE,
    LANGUAGE,
    MODEL,
    SOUND,
    TRANSCRIPT,
    Scripted,
    Told,
    events,
    form,
    part,
    providers,
    send,
    tokens,
)
from harness.upstream import Answer

#: Enough for the largest body that goes through.
LIMIT = 16 << 20


@pytest.fixture(scope="module")
def server():
    server = Scripted()
    yield server
    server.stop()


@pytest.fixture
def upstream(server):
    server.requests.clear()
    server.next = None
    return server


@pytest.fixture(scope="module")
def gateway(module_starter, server):
    return module_starter({"providers": providers(server)})


@pytest.fixture(scope="module")
def client(gateway):
    with openai.OpenAI(api_key=gateway.key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=30) as client:
        yield client


def test_transcriptions_by_the_client(client, gateway, upstream):
    upstream.next = Answer(TRANSCRIPT)
    raw = client.audio.transcriptions.with_raw_response.create(
        model="vendor/gpt-4o-transcribe", file=("talk.mp3", SOUND, "audio/mpeg"), language="de", temperature=0.5
    )
    assert raw.parse().text == TRANSCRIPT["text"]
    record = gateway.access(raw.headers["x-request-id"])
    assert (record["route"], record["upstream_model"]) == ("transcriptions", "gpt-4o-transcribe")
    assert tokens(record) == (14, 45)
    request = upstream.one()
    assert request.path == "/vendor/v1/audio/transcriptions"
    assert SOUND in request.body and b"vendor/" not in request.body


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_translations_by_the_client(client, gateway, upstream):
    upstream.next = Answer(TRANSCRIPT)
    own = f"own-{uuid.uuid4()}"
    answer = client.audio.translations.create(
        model="vendor/whisper-1", file=("talk.mp3", SOUND, "audio/mpeg"), extra_headers={"x-request-id": own}
    )
    assert answer.text == TRANSCRIPT["text"]
    request = upstream.one()
    assert request.path == "/vendor/v1/audio/translations"
    assert SOUND in request.body and b"vendor/" not in request.body
    assert tokens(gateway.access(own)) == (14, 45)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_only_the_models_value_is_written_anew(gateway, upstream, place):
    """Wherever it stands, whatever stands around it."""
    rest = [FILE, LANGUAGE, part("timestamp_granularities[]", "word")]
    other = part("prompt", "vendor/whisper-1 \r\n\r\nmodel=x", kind="text/plain; charset=utf-8")
    parts = [*rest[:place], MODEL, *rest[place:], other]
    upstream.next = Answer(TRANSCRIPT)
    got = send(gateway, form(*parts))
    assert got.status_code == 200
    expected = [part("model", "whisper-1") if one is MODEL else one for one in parts]
    request = upstream.one()
    assert request.body == form(*expected)
    assert request.headers["content-type"] == f"multipart/form-data; boundary={BOUNDARY}"


@pytest.mark.parametrize("place", ["model", "MODEL", "content-disposition"])
def test_headers_of_parts_in_any_spelling(gateway, upstream, place):
    written = {
        "model": b"content-disposition:form-data;name=model\r\n\r\n%s",
        "MODEL": b'CONTENT-DISPOSITION: Form-Data; NAME="model"\r\nContent-Type: text/plain\r\n\r\n%s',
        "content-disposition": b'Content-Type: text/plain\r\nContent-Disposition: form-data ; name="model" ;\r\n\r\n%s',
    }[place]
    upstream.next = Answer(TRANSCRIPT)
    got = send(gateway, form(written % b"vendor/whisper-1", FILE))
    assert got.status_code == 200, got.text
    assert upstream.one().body == form(written % b"whisper-1", FILE)


@pytest.mark.parametrize(
    ("boundary", "kind"),
    [
        ("x", "multipart/form-data; boundary=x"),
        ("with blank:and?more", 'multipart/form-data; boundary="with blank:and?more"'),
        ("y" * 70, f"Multipart/Form-Data;charset=utf-8;BOUNDARY={'y' * 70}"),
        ("----WebKitFormBoundaryAbC", "multipart/form-data; boundary=----WebKitFormBoundaryAbC"),
    ],
)
def test_boundaries(gateway, upstream, boundary, kind):
    upstream.next = Answer(TRANSCRIPT)
    got = send(gateway, form(FILE, MODEL, boundary=boundary), kind=kind)
    assert got.status_code == 200, got.text
    request = upstream.one()
    assert request.body == form(FILE, part("model", "whisper-1"), boundary=boundary)
    assert request.headers["content-type"] == kind


def test_a_file_that_holds_nearly_its_boundary(gateway, upstream):
    mark = f"\r\n--{BOUNDARY}".encode()
    sound = b"".join(mark[:length] + b"\r\r\n-" for length in range(len(mark))) + b"--" + BOUNDARY.encode() + b"\r"
    upstream.next = Answer(TRANSCRIPT)
    assert send(gateway, form(part("file", sound, file="x"), MODEL)).status_code == 200
    assert upstream.one().body == form(part("file", sound, file="x"), part("model", "whisper-1"))


def test_a_large_file(client, upstream):
    sound = random.Random(3).randbytes(LIMIT - 4096)
    upstream.next = Answer(TRANSCRIPT)
    answer = client.audio.transcriptions.create(model="vendor/whisper-1", file=("talk.wav", sound, "audio/wav"))
    assert answer.text == TRANSCRIPT["text"]
    assert sound in upstream.one().body


def test_a_file_over_the_limit(client, gateway, upstream):
    sound = bytes(LIMIT + 1)
    with pytest.raises(openai.APIStatusError) as caught:
        client.audio.transcriptions.create(model="vendor/whisper-1", file=("talk.wav", sound, "audio/wav"))
    assert (caught.value.status_code, caught.value.code) == (413, "body_too_large")
    assert caught.value.request_id
    assert upstream.requests == []


def test_a_body_of_unknown_length_over_the_limit(gateway, upstream):
    whole = form(MODEL, part("file", bytes(LIMIT + 1), file="x"))
    headers = {
        "authorization": f"Bearer {gateway.key}",
        "content-type": f"multipart/form-data; boundary={BOUNDARY}",
    }
    pieces = (whole[start : start + 65_536] for start in range(0, len(whole), 65_536))
    got = httpx.post(f"{gateway.url}/v1/audio/transcriptions", headers=headers, content=pieces, timeout=30)
    assert (got.status_code, got.json()["error"]["code"]) == (413, "body_too_large")
    assert upstream.requests == []


def test_a_body_of_unknown_length(gateway, upstream):
    whole = form(FILE, MODEL)
    headers = {"authorization": f"Bearer {gateway.key}", "content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    upstream.next = Answer(TRANSCRIPT)
    pieces = (whole[start : start + 7] for start in range(0, len(whole), 7))
    got = httpx.post(f"{gateway.url}/v1/audio/transcriptions", headers=headers, content=pieces, timeout=30)
    assert got.status_code == 200
    assert upstream.one().body == form(FILE, part("model", "whisper-1"))


CLOSED = f"--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (form(FILE), "missing_field", "model"),
        (form(MODEL), "missing_field", "file"),
        (form(FILE, part("model", "")), "invalid_value", "model"),
        (form(FILE, part("model", "a b")), "invalid_value", "model"),
        (form(FILE, part("model", "vendor/" + "x" * 300)), "invalid_value", "model"),
        (form(FILE, part("model", b"vendor/\xff")), "invalid_value", "body"),
        (form(FILE, MODEL, MODEL), "invalid_value", "body"),
        (form(FILE, part("model", "vendor/m", file="m.txt")), "invalid_value", "body"),
        (form(FILE, MODEL).removesuffix(CLOSED), "invalid_value", "body"),
        (b"a word before\r\n" + form(FILE, MODEL), "invalid_value", "body"),
        (form(FILE, MODEL) + b"a word behind", "invalid_value", "body"),
        (form(MODEL, LANGUAGE).replace(b"\r\n", b"\n"), "invalid_value", "body"),
        (form(MODEL, FILE, boundary="another"), "invalid_value", "body"),
        (form(MODEL, FILE, b"X-Nameless: 1\r\n\r\nx"), "invalid_value", "body"),
        (form(MODEL, FILE, *[LANGUAGE] * 200), "invalid_value", "body"),
        (form(b"X-Long: " + b"x" * 10_000 + b"\r\n" + MODEL, FILE), "invalid_value", "body"),
        (CLOSED, None, None),
        (b"", None, None),
        (b'{"model":"vendor/whisper-1"}', "invalid_value", "body"),
    ],
    ids=[
        "no model", "no file", "empty model", "blank in the model", "long model", "model not UTF-8", "two models",
        "model as a file", "no end", "a preamble", "an epilogue", "bare line feeds", "another boundary", "nameless part",
        "many parts", "large headers", "no parts", "nothing", "JSON",
    ],
)  # fmt: skip
def test_forms_that_are_refused(gateway, upstream, body, code, param):
    told = Told(send(gateway, body))
    assert told.status == 400
    if code:
        told.check(400, code, param)
    assert upstream.requests == []


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "audio/mpeg",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b",
        f"multipart/form-data; boundary={'x' * 71}",
        'multipart/form-data; boundary="open',
    ],
)
def test_forms_of_another_type(gateway, upstream, kind):
    told = Told(send(gateway, form(MODEL, FILE), kind=kind))
    assert (told.status, told.code) == (415, "unsupported_media_type")
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("text/plain; charset=utf-8", "Grüezi mitenand\n".encode()),
        ("text/vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"),
        ("application/x-subrip", b"1\n00:00:00,000 --> 00:00:01,000\nHello\n"),
    ],
)
def test_transcripts_that_are_no_json(gateway, upstream, kind, written):
    upstream.next = Answer(written, kind=kind)
    got = send(gateway, form(MODEL, part("response_format", "text"), FILE))
    assert (got.headers["content-type"], got.content) == (kind, written)


DELTA = {"type": "transcript.text.delta", "delta": "Grüezi"}


def transcribe(client):
    return client.audio.transcriptions.create(
        model="vendor/gpt-4o-transcribe", file=("talk.mp3", SOUND, "audio/mpeg"), stream=True
    )


def test_a_transcript_as_it_is_made(client, gateway, upstream):
    written = events(
        DELTA,
        {"type": "transcript.text.done", "text": "Grüezi mitenand", "usage": TRANSCRIPT["usage"]},
    )
    upstream.next = Answer(iter(written), kind="text/event-stream; charset=utf-8")
    with transcribe(client) as stream:
        assert [event.type for event in stream] == ["transcript.text.delta", "transcript.text.done"]
    record = gateway.access(stream.response.headers["x-request-id"])
    assert (record["stream"], *tokens(record)) == (True, 14, 45)


@pytest.mark.parametrize(
    "breaks",
    [[None], [b'event: transcript.text.done\ndata: {"type":"trans', None], []],
    ids=["between events", "within an event", "with an end as if it were whole"],
)
def test_a_transcript_that_breaks_off(client, gateway, upstream, breaks):
    upstream.next = Answer(iter([*events(DELTA), *breaks]), kind="text/event-stream")
    seen = []
    with transcribe(client) as stream:
        with pytest.raises(openai.APIError) as caught:
            for event in stream:
                seen.append(event.type)
    assert caught.value.code == "upstream_truncated"
    assert seen == ["transcript.text.delta"]
    record = gateway.access(stream.response.headers["x-request-id"])
    assert (record["outcome"], record["error_code"]) == ("failed", "upstream_truncated")
