import httpx
from httpx_sse import connect_sse

from tests.docs.example import Example
from tests.programs import needs_program


@needs_program("curl")
def test_a_silent_event_stream_sends_pings_and_then_goes_on(example: Example, client: httpx.Client) -> None:
    with example.curl("/bell", "-i") as curl:
        assert curl.line() == "HTTP/1.1 200 OK"  # the headers do not wait for a first ring
        curl.line_with(": ping")
        client.post("/bell").raise_for_status()
        assert curl.line_with("data").startswith('data: {"type":"ring","number":')
        curl.line_with(": ping")


@needs_program("curl")
def test_a_third_party_parser_ignores_pings(example: Example, client: httpx.Client) -> None:
    with example.curl("/bell") as curl, connect_sse(client, "GET", "/bell") as source:
        curl.line_with(": ping")
        curl.line_with(": ping")  # between these two pings the other client has received a ping too
        client.post("/bell").raise_for_status()
        assert next(source.iter_sse()).json()["type"] == "ring"


@needs_program("curl")
def test_the_ping_may_be_an_item(example: Example, client: httpx.Client) -> None:
    with example.curl("/bell.ndjson") as curl:
        assert curl.line() == '{"type":"pulse"}'
        client.post("/bell").raise_for_status()
        assert curl.line_with("ring").startswith('{"type":"ring","number":')
