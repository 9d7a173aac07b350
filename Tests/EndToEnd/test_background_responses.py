"""Responses in the background and kept ones, by the official OpenAI client: made, asked for, followed, cancelled, deleted."""

import signal

import openai
import pytest
import requests
from harness.gateway import eventually
from test_files import ANN, BOB, Caller
from test_responses_state import EVENTS, origin_events, sse

SLOW = "fault/words~split@200~drip@100"
#: Some words, then nothing.
STALLED = "fault/words~stall@900"


@pytest.fixture(scope="module")
def gateway(module_starter, faultd):
    faultd.teach({"origin-stream": (sse(origin_events()), EVENTS, 200)})
    origin = faultd.provider("origin", kind="openai", dialects=["openai.responses"])
    return module_starter({"keys": [ANN, BOB], "providers": [faultd.provider(), origin]})


def opened(gateway, key=ANN):
    return openai.OpenAI(api_key=key["value"], base_url=f"{gateway.url}/v1", max_retries=0, timeout=20)


@pytest.fixture(scope="module")
def client(gateway):
    with opened(gateway) as client:
        yield client


def begin(client, model="gatehouse/echo", text="one two three", **more):
    made = client.responses.create(model=model, input=text, background=True, **more)
    assert made.status == "queued" and made.background is True and made.output == [], made
    return made.id


def ended(client, id):
    def look():
        now = client.responses.retrieve(id)
        return now if now.status not in ("queued", "in_progress") else None

    return eventually(look, what="the response's end")


def refused(call, status, code, param=None):
    with pytest.raises(openai.APIStatusError) as caught:
        call()
    error = caught.value
    assert (error.status_code, error.code) == (status, code), error
    if param:
        assert error.param == param


def test_it_goes_on_without_its_caller(client):
    id = begin(client, metadata={"a": "b"})
    done = ended(client, id)
    assert (done.status, done.id, done.output_text) == ("completed", id, "one two three")
    assert done.background is True and done.metadata == {"a": "b"} and done.usage.output_tokens == 3
    assert done.error is None and done.model == "gatehouse/echo"


def test_the_next_one_goes_on_from_it(client):
    first = begin(client, text="First")
    ended(client, first)
    second = client.responses.create(model="gatehouse/echo", input="Second", previous_response_id=first, background=True)
    assert ended(client, second.id).previous_response_id == first
    items = client.responses.input_items.list(second.id, order="asc").data
    assert [item.content[0].text if isinstance(item.content, list) else item.content for item in items] == [
        "First", "First", "Second"]


def test_events_are_told_once_and_in_order(client):
    with client.responses.create(model=SLOW, input="x", background=True, stream=True) as stream:
        events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:3]] == ["response.created", "response.queued", "response.in_progress"]
    last = events[-1]
    assert last.type == "response.completed"
    told = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    id = last.response.id
    assert told and told == last.response.output_text == client.responses.retrieve(id).output_text
    assert {event.response.id for event in events if hasattr(event, "response")} == {id}
    for after in (0, 1, 7, len(events) - 2):
        again = list(client.responses.retrieve(id, stream=True, starting_after=after))
        assert [event.to_dict() for event in again] == [event.to_dict() for event in events[after + 1:]]
    assert len(list(client.responses.retrieve(id, stream=True))) == len(events)


def test_a_stream_that_broke_is_resumed_without_a_gap(client):
    seen, id = [], None
    with client.responses.create(model=SLOW, input="x", background=True, stream=True) as stream:
        for event in stream:
            seen.append(event)
            id = id or event.response.id
            if len(seen) == 8:
                break
    rest = list(client.responses.retrieve(id, stream=True, starting_after=seen[-1].sequence_number))
    assert [event.sequence_number for event in seen + rest] == list(range(len(seen) + len(rest)))
    assert rest[-1].type == "response.completed"


def test_it_is_cancelled(client):
    id = begin(client, STALLED)
    eventually(lambda: client.responses.retrieve(id).status == "in_progress", what="its beginning")
    assert client.responses.cancel(id).status == "cancelled"
    # Once more changes nothing, nor does it where it is over.
    assert client.responses.cancel(id).status == "cancelled" == client.responses.retrieve(id).status
    last = list(client.responses.retrieve(id, stream=True))[-1]
    assert last.type == "response.failed" and last.response.status == "cancelled"
    done = begin(client)
    ended(client, done)
    assert client.responses.cancel(done).status == "completed"


@pytest.mark.parametrize("model", ["fault/words~clean@600", "fault/s500"])
def test_a_failure_is_told(client, model):
    done = ended(client, begin(client, model))
    assert done.status == "failed" and done.error.message
    # Official clients raise when they are told of an error.
    try:
        assert list(client.responses.retrieve(done.id, stream=True))[-1].type == "response.failed"
    except openai.APIError as error:
        assert error.code == "upstream_truncated"


def test_what_is_wrong_is_told_at_once(client):
    refused(lambda: begin(client, "nobody"), 404, "model_not_found")
    refused(lambda: begin(client, store=False), 400, "invalid_value", "store")
    refused(lambda: client.responses.create(model="gatehouse/echo", input="x", background="yes"), 400, "invalid_value")
    id = begin(client)
    refused(lambda: list(client.responses.retrieve(id, stream=True, starting_after=-1)), 400, "invalid_value")


def test_one_that_its_vendor_numbers_and_names_has_our_id(client):
    """The vendor's answer has an id of its own, and numbers that begin anywhere."""
    with client.responses.create(model="origin/origin-stream", input="Hello", background=True, stream=True) as stream:
        events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    ids = {event.response.id for event in events if hasattr(event, "response")}
    assert len(ids) == 1 and ids.pop().startswith("resp_gh_")
    id = events[-1].response.id
    assert client.responses.retrieve(id).output_text == "from the origin"
    # It is known by that id to whom goes on from it, at another vendor as well.
    going = client.responses.create(model="gatehouse/echo", input="On", previous_response_id=id)
    asked = client.responses.input_items.list(going.id, order="asc").data
    assert [item.role for item in asked] == ["user", "assistant", "user"]


# Those that were given at once


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_given_at_once_is_kept_as_it_was_given(client, stream):
    made = client.responses.create(model="fault/words" if stream else "fault/whole", input="Hello", instructions="Be short.", stream=stream)
    if stream:
        made = list(made)[-1].response
    kept = client.responses.retrieve(made.id)
    assert kept.to_dict() == made.to_dict() and kept.instructions == "Be short."
    items = client.responses.input_items.list(made.id).data
    assert [(item.role, item.content) for item in items] == [("user", "Hello")]
    refused(lambda: client.responses.cancel(made.id), 400, "invalid_value")
    refused(lambda: list(client.responses.retrieve(made.id, stream=True)), 400, "invalid_value", "stream")
    client.responses.delete(made.id)
    refused(lambda: client.responses.retrieve(made.id), 404, "response_not_found")
    refused(lambda: client.responses.delete(made.id), 404, "response_not_found")
    gone = dict(model="fault/words", input="x", previous_response_id=made.id)
    refused(lambda: client.responses.create(**gone), 404, "previous_response_not_found")


def test_what_shall_not_be_kept_is_not(client):
    made = client.responses.create(model="gatehouse/echo", input="Hello", store=False)
    refused(lambda: client.responses.retrieve(made.id), 404, "response_not_found")


def test_a_deleted_one_is_gone(client):
    id = begin(client, STALLED)
    client.responses.delete(id)
    for call in (client.responses.retrieve, client.responses.cancel, client.responses.delete):
        refused(lambda call=call: call(id), 404, "response_not_found")


def test_anothers_is_as_if_it_did_not_exist(gateway, client):
    at_once = client.responses.create(model="gatehouse/echo", input="secret").id
    later = begin(client, text="secret")
    bob = Caller(gateway, BOB)
    for id in (at_once, later, "resp_gh_nothing", "nothing"):
        for method, path in [("GET", ""), ("GET", "?stream=true"), ("GET", "/input_items"), ("POST", "/cancel"), ("DELETE", "")]:
            answer = bob.send(method, f"/v1/responses/{id}{path}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "response_not_found"), path
    # Nor is it among the runs of the native API, or reached by its routes.
    ann = Caller(gateway, ANN)
    assert later not in ann.send("GET", "/api/runs").text
    assert ann.send("GET", f"/api/runs/{later}").status_code == 404
    assert client.responses.retrieve(at_once).output_text == ended(client, later).output_text == "secret"


def test_a_kill_is_told_as_a_failure_and_takes_nothing_else(start, faultd, tmp_path):
    config = {"keys": [ANN], "providers": [faultd.provider()]}
    first = start(config, data=tmp_path / "data")
    with opened(first) as client:
        done, at_once = begin(client), client.responses.create(model="gatehouse/echo", input="kept")
        ended(client, done)
        cut = begin(client, STALLED)
        eventually(lambda: client.responses.retrieve(cut).status == "in_progress", what="its beginning")
        eventually(lambda: stored(tmp_path, cut) > 2 and stored(tmp_path, done) > 2, what="events in the store")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(10)
    first.ended_by_test = True
    with opened(start(config, data=tmp_path / "data")) as client:
        assert client.responses.retrieve(done).output_text == "one two three"
        assert client.responses.retrieve(at_once.id).to_dict() == at_once.to_dict()
        failed = ended(client, cut)
        assert failed.status == "failed" and failed.error.code == "server_error"
        assert list_of_types(first, client, cut)[-1] == "error"


def list_of_types(gateway, client, id):
    events = list(client.responses.retrieve(id, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    return [event.type for event in events]


def stored(folder, id):
    import sqlite3

    with sqlite3.connect(f"file:{folder}/data/gatehouse.db?mode=ro", uri=True) as database:
        return database.execute("SELECT last FROM run WHERE id = ?", (id,)).fetchone()[0]


def test_its_caller_may_leave_at_once(gateway, client):
    body = {"model": SLOW, "input": "x", "background": True, "stream": True}
    with requests.post(f"{gateway.url}/v1/responses", json=body, headers=Caller(gateway, ANN).headers, stream=True) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream") and "x-gatehouse-run" not in answer.headers
        id = next(line for line in answer.iter_lines() if b'"id":"resp_' in line).split(b'"id":"')[1].split(b'"')[0].decode()
    assert ended(client, id).status == "completed"
