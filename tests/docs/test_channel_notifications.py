from contextlib import ExitStack

import httpx
from httpx_sse import EventSource, ServerSentEvent, connect_sse

from tests.docs.example import Example, served
from tests.docs.program import PATIENCE
from tests.programs import needs_program


def post(client: httpx.Client, text: str) -> str:
    answer = client.post("/notifications", json={"text": text})
    assert answer.status_code == 201
    event_id: str = answer.json()["id"]
    return event_id


def subscribe(stack: ExitStack, client: httpx.Client, after: str | None = None) -> EventSource:
    headers = {} if after is None else {"Last-Event-ID": after}
    return stack.enter_context(connect_sse(client, "GET", "/notifications", headers=headers))


def first(source: EventSource, count: int) -> list[ServerSentEvent]:
    events = source.iter_sse()
    return [next(events) for _ in range(count)]


def test_all_subscribers_receive_and_a_returning_client_catches_up(client: httpx.Client) -> None:
    with ExitStack() as stack:
        listening = [subscribe(stack, client) for _ in range(5)]
        ids = [post(client, text) for text in ("one", "two", "three")]
        for source in listening:
            events = first(source, 3)
            assert [event.id for event in events] == ids
            assert [event.event for event in events] == ["notification"] * 3
            assert [event.json() for event in events] == [{"text": "one"}, {"text": "two"}, {"text": "three"}]
        assert [event.id for event in first(subscribe(stack, client, after=ids[0]), 2)] == ids[1:]


def test_a_malformed_id_is_refused(client: httpx.Client) -> None:
    refused = client.get("/notifications", headers={"Last-Event-ID": "yesterday"})
    assert (refused.status_code, refused.json()["type"]) == (400, "bad-request")


def test_an_id_from_before_a_restart_is_a_gap(example: Example, client: httpx.Client) -> None:
    old = post(client, "before")
    with served("channel_notifications") as later, ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=later.url, timeout=PATIENCE, trust_env=False))
        (gap,) = first(subscribe(stack, client, after=old), 1)
    assert gap.event == "gap"
    assert gap.json() == {"after": old, "resumed_at": gap.id}


@needs_program("curl")
def test_curl_prints_the_form_that_the_page_shows(example: Example, client: httpx.Client) -> None:
    before, event_id = post(client, "The parcel is on its way."), post(client, "The parcel is here.")
    with example.curl("/notifications", "-H", f"Last-Event-ID: {before}") as curl:
        lines = [curl.line() for _ in range(3)]
    assert lines == ["event: notification", f"id: {event_id}", 'data: {"text":"The parcel is here."}']


def test_statistics_are_sent_as_json(client: httpx.Client) -> None:
    newest = post(client, "counted")
    assert client.get("/statistics").json()["last_id"] == newest
