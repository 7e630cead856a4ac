from collections.abc import Iterator
from contextlib import ExitStack

import httpx
from httpx_sse import ServerSentEvent, connect_sse

from tests.docs.example import Example

PAGE = "# TYPE open_streams gauge\n"


def test_the_gauge_follows_the_streams(example: Example, client: httpx.Client) -> None:
    assert client.get("/metrics").text == PAGE
    events = list[Iterator[ServerSentEvent]]()
    with ExitStack() as stack:
        for number in (1, 2):
            source = stack.enter_context(connect_sse(client, "GET", "/prices"))
            events.append(source.iter_sse())  # keeps the iterator: httpx closes a stream if its iterator is dropped
            assert next(events[-1]).json() == {"number": 1}
            assert client.get("/metrics").text == f'{PAGE}open_streams{{endpoint="PricesEndpoint"}} {number}\n'
    for _ in range(2):
        assert example.line_with("PricesEndpoint") == "PricesEndpoint: disconnected"
    assert client.get("/metrics").text == f'{PAGE}open_streams{{endpoint="PricesEndpoint"}} 0\n'


def test_head_opens_no_stream(client: httpx.Client) -> None:
    before = client.get("/metrics").text
    assert client.head("/prices").status_code == 200
    assert client.get("/metrics").text == before
