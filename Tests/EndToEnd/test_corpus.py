"""Every recorded exchange of OpenAI's wire through the running binary: bytes in, bytes out."""
import asyncio
import json

import pytest

from harness import corpus
from harness.wire import crowd

MODES = {"whole": "", "split in sevens": "~split@7", "split awkwardly": "~awkward@1", "ended by closing": "~frame@close"}


@pytest.fixture(scope="module")
def recordings(traffic):
    return corpus.recordings(traffic)


@pytest.fixture(scope="module")
def gateway(traffic, faultd, module_starter):
    recordings = corpus.recordings(traffic)
    faultd.teach({one.id: (one.body, one.kind, one.status) for one in recordings})
    return module_starter({"providers": corpus.providers(traffic, faultd)})


def request_of(gateway, recording, mode="", **changes):
    body = {**recording.request, "model": f"{recording.provider}/{recording.id}{mode}", **changes}
    return gateway.request(recording.path, json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def play(gateway, recordings, mode="", **changes):
    requests = [(one.id, request_of(gateway, one, mode, **changes)) for one in recordings]
    return asyncio.run(crowd(gateway.port, requests))


def broken_streams(recordings):
    """Recorded streams that are no success: those with an error inside."""
    return {one.id for one in recordings if one.streams and any(
        payload and b'"error"' in payload and json.loads(payload).get("error") for _, payload in corpus.events(one.body)
        if payload != b"[DONE]")}


def is_answer(recording):
    """Some recordings are filed under the wire for their path only, such as the report of an account's usage."""
    return recording.streams or "choices" in json.loads(recording.body)


def good(recordings, streams):
    bad = broken_streams([one for one in recordings if one.status == 200 and one.streams])
    return [one for one in recordings
            if one.status == 200 and one.streams == streams and one.id not in bad and is_answer(one)]


def report(failures, total):
    assert not failures, f"{len(failures)} of {total} recordings differ:\n" + "\n".join(failures[:20])


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
def test_streams_come_through_byte_for_byte(gateway, recordings, mode):
    streams = good(recordings, True)
    assert len(streams) >= 200
    if mode == "~split@7":
        # Seven bytes at a time take long for long streams, and teach nothing that short ones do not.
        streams = [one for one in streams if len(one.body) < 20_000]
    asking = {"include_usage": True}
    failures = []
    for expected, played in (
        (lambda one: one.body, play(gateway, streams, mode, stream_options=asking)),
        (lambda one: corpus.as_hidden(one.body), play(gateway, streams, mode, stream_options=None)),
    ):
        for one in streams:
            response = played[one.id]
            wanted = expected(one)
            body = response.body if wanted == one.body else corpus.as_hidden(response.body)
            if response.status != 200 or not response.is_whole or not same_stream(body, wanted):
                failures.append(f"{one.id}: {response.status} {response.body[-300:]!r} instead of {wanted[-300:]!r}")
    report(failures, len(streams) * 2)


def same_stream(body, wanted):
    """Equal but for what follows [DONE], and a line end that is missing there."""
    end = wanted.rfind(b"[DONE]")
    if end < 0:
        return body == wanted
    return body.rstrip(b"\r\n") == wanted[:end + 6]


def test_the_usage_is_hidden_only_where_it_stands_alone(gateway, recordings):
    streams = [one for one in good(recordings, True)]
    played = play(gateway, streams, "", stream_options=None)
    alone = [one.id for one in streams if any(corpus.is_usage_only(payload) for _, payload in corpus.events(one.body))]
    assert len(alone) >= 30, "the corpus has streams with an event for the usage"
    failures = []
    for one in streams:
        payloads = [payload for payload in played[one.id].events if payload.strip() != "[DONE]"]
        if any(corpus.is_usage_only(payload.encode("utf-8", "surrogateescape")) for payload in payloads):
            failures.append(f"{one.id}: an event with the usage only")
    report(failures, len(streams))


@pytest.mark.parametrize("mode", ["", "~split@7", "~frame@close"], ids=["whole", "split in sevens", "ended by closing"])
def test_answers_come_through_byte_for_byte(gateway, recordings, mode):
    answers = good(recordings, False)
    assert len(answers) >= 300
    if mode == "~split@7":
        answers = [one for one in answers if len(one.body) < 20_000]
    played = play(gateway, answers, mode)
    failures = []
    for one in answers:
        response = played[one.id]
        if (response.status, response.body) != (200, one.body):
            failures.append(f"{one.id}: {response.status} {response.body[:300]!r}")
    report(failures, len(answers))


def test_requests_go_up_byte_for_byte(gateway, recordings, faultd):
    """But for the model's name and, for streams, the wish for the usage."""
    faultd.forget()
    play(gateway, recordings)
    seen = {entry["model"]: entry for entry in faultd.ask("GET", "/__ledger")}
    failures = []
    for one in recordings:
        sent = json.dumps({**one.request, "model": f"{one.provider}/{one.id}"}, ensure_ascii=False)
        got = seen[one.id]["body"]
        if one.streams and not one.asks_for_usage and one.provider not in corpus.WITHOUT_STREAM_OPTIONS:
            wanted = json.loads(sent, object_pairs_hook=list)
            same = without_wish(json.loads(got, object_pairs_hook=list)) == without_wish(wanted) and asks(got)
            same = same and without_model(got, one.id).startswith(without_model(sent, f"{one.provider}/{one.id}")[:20])
        else:
            same = without_model(got, one.id) == without_model(sent, f"{one.provider}/{one.id}")
        if not same:
            failures.append(f"{one.id}: {got[:400]!r} instead of {sent[:400]!r}")
    report(failures, len(recordings))


def without_model(text, model):
    return text.replace(json.dumps(model), '"MODEL"', 1)


def without_wish(pairs):
    return [(name, value) for name, value in pairs if name not in ("model", "stream_options")]


def asks(text):
    return json.loads(text)["stream_options"]["include_usage"] is True


def test_recorded_errors_become_ours(gateway, recordings):
    errors = [one for one in recordings if one.status >= 400]
    assert len(errors) >= 70
    played = play(gateway, errors)
    statuses = {400: {400, 404}, 401: {502}, 402: {429}, 403: {502}, 404: {404}, 422: {400}, 429: {429}, 500: {502}}
    failures = []
    for one in errors:
        response = played[one.id]
        if response.status not in statuses.get(one.status, {502, 503, 504} if one.status >= 500 else {400}):
            failures.append(f"{one.id}: {one.status} became {response.status} {response.body!r}")
        leaked = leaks(one.body, response.body)
        if leaked:
            failures.append(f"{one.id}: leaks {leaked!r}")
    report(failures, len(errors))


def leaks(upstream, body):
    """Sentences of the upstream's error that reached the caller."""
    texts = []

    def walk(value):
        if isinstance(value, dict):
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
        elif isinstance(value, str) and len(value) > 24 and " " in value:
            texts.append(value)

    try:
        walk(json.loads(upstream))
    except ValueError:
        texts.append(upstream.decode("utf-8", "replace"))
    shown = body.decode("utf-8", "replace")
    return [text for text in texts if text[:24] in shown]


@pytest.mark.parametrize("mode", ["", "~awkward@1"], ids=["whole", "split awkwardly"])
def test_a_recorded_error_inside_a_stream_stays_an_error(gateway, recordings, mode):
    bad = broken_streams([one for one in recordings if one.status == 200])
    assert bad, "the corpus has one of groq"
    broken = [one for one in recordings if one.id in bad]
    for name, response in play(gateway, broken, mode).items():
        source = next(one for one in broken if one.id == name)
        last = response.error if response.status != 200 else json.loads(response.events[-1])["error"]
        assert last["code"] in ("upstream_error", "upstream_rejected"), name
        assert b"[DONE]" not in response.body
        assert not leaks(json.dumps([json.loads(payload) for _, payload in corpus.events(source.body)
                                     if payload and b'"error"' in payload]).encode(), response.body)


def test_a_stream_without_its_terminator_is_whole_only_where_the_vendor_sends_none(gateway, recordings):
    """The same bytes are whole from a vendor that never sends [DONE], and broken off from all others."""
    streams = [one for one in good(recordings, True) if b"[DONE]" in one.body]
    cut = {one.id: one.body[:one.body.rfind(b"data: [DONE]")] for one in streams if one.body.count(b"data: [DONE]") == 1}
    assert len(cut) > 150
    requests = [(one.id, request_of(gateway, one, f"~clean@{len(cut[one.id])}")) for one in streams if one.id in cut]
    played = asyncio.run(crowd(gateway.port, requests))
    failures = []
    for one in streams:
        if one.id not in cut:
            continue
        response = played[one.id]
        last = response.events[-1] if response.events else ""
        told = response.status == 502 or '"code":"upstream_truncated"' in last
        if told == (one.provider in corpus.WITHOUT_DONE) or b"[DONE]" in response.body:
            failures.append(f"{one.id}: {response.status} {response.body[-300:]!r}")
    report(failures, len(cut))
