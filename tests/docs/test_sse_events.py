import httpx
import msgspec
from httpx_sse import ServerSentEvent, connect_sse
from sse_events import STEPS, Step

from tests.docs.example import Example
from tests.programs import needs_program


def received(client: httpx.Client, last_event_id: str | None = None) -> list[ServerSentEvent]:
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    with connect_sse(client, "GET", "/parcel", headers=headers) as source:
        return list(source.iter_sse())


@needs_program("curl")
def test_curl_prints_the_fields_in_their_order(example: Example) -> None:
    with example.curl("/parcel") as curl:
        lines = curl.rest()
        assert curl.status() == 0
    assert lines[:7] == [
        ": come back after a second",
        "retry: 1000",
        "",
        "event: step",
        "id: 09:00",
        'data: {"at":"09:00","text":"packed"}',
        "",
    ]


def test_a_third_party_parser_reads_names_ids_and_data(client: httpx.Client) -> None:
    steps = [event for event in received(client) if event.event == "step"]
    assert [event.id for event in steps] == ["09:00", "11:30", "15:45"]
    assert [msgspec.json.decode(event.data, type=Step) for event in steps] == list(STEPS)


def test_a_client_that_comes_back_gets_what_it_missed(client: httpx.Client) -> None:
    steps = [event.id for event in received(client, last_event_id="09:00") if event.event == "step"]
    assert steps == ["11:30", "15:45"]


@needs_program("curl")
def test_a_client_that_has_all_events_gets_204(example: Example) -> None:
    with example.curl("/parcel", "-i", "-H", "Last-Event-ID: 15:45") as curl:
        status, *_ = curl.rest()
        assert curl.status() == 0
    assert status == "HTTP/1.1 204 No Content"
