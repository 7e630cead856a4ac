import socket
from contextlib import ExitStack

import httpx
from httpx_sse import connect_sse

from tests.docs.example import Example
from tests.docs.program import PATIENCE
from tests.programs import needs_program


def test_a_third_client_is_refused_and_the_first_two_are_ended_properly(example: Example, client: httpx.Client) -> None:
    with ExitStack() as stack:
        sources = [stack.enter_context(connect_sse(client, "GET", "/prices")) for _ in range(2)]
        refusal = client.get("/prices")
        prices = [[event.json()["number"] for event in source.iter_sse()] for source in sources]
    assert refusal.status_code == 503
    assert 1 <= int(refusal.headers["retry-after"]) <= 5
    assert refusal.json() == {
        "type": "service-unavailable",
        "title": "Service unavailable",
        "status": 503,
        "detail": "Too many open streams.",
    }
    assert prices == [[1, 2, 3, 4]] * 2
    for _ in range(2):
        _, _, after = example.line_with("PricesEndpoint: expired after ").partition(" after ")
        assert 1.8 <= float(after.removesuffix(" s")) <= 2.2


@needs_program("curl")
def test_curl_sees_no_error_if_an_event_stream_expires(example: Example) -> None:
    with example.curl("/prices") as curl:
        lines = curl.rest()
        assert curl.status() == 0
    assert [line for line in lines if line] == [f'data: {{"number":{number}}}' for number in (1, 2, 3, 4)]


def test_a_client_that_takes_nothing_is_dropped(example: Example) -> None:
    url = httpx.URL(example.url)
    with socket.create_connection((url.host, url.port or 80), timeout=PATIENCE) as client:
        client.sendall(b"GET /noise HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert example.line_with("NoiseEndpoint").startswith("NoiseEndpoint: stalled after ")
