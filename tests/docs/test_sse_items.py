import httpx
import msgspec
from httpx_sse import connect_sse
from sse_items import Tick

from tests.docs.example import Example
from tests.programs import needs_program


@needs_program("curl")
def test_curl_prints_events_while_the_endless_source_runs(example: Example) -> None:
    with example.curl("/clock") as curl:
        for _ in range(2):
            name, _, value = curl.line().partition(": ")
            assert name == "data"
            assert isinstance(msgspec.json.decode(value, type=Tick), Tick)
            assert curl.line() == ""


def test_a_third_party_parser_reads_the_items(client: httpx.Client) -> None:
    with connect_sse(client, "GET", "/clock") as source:
        assert source.response.headers["content-type"] == "text/event-stream"
        events = source.iter_sse()
        first, second = next(events), next(events)
    assert first.event == "message"
    assert msgspec.json.decode(first.data, type=Tick).at < msgspec.json.decode(second.data, type=Tick).at
