"""Items that are text are read back as they were yielded, in each format, by each client."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import Encoder

from jero import Endpoint, NDJSONStreamingResponse, ServerSentEvent, SSEResponse, WiringError
from jero.client import StreamClient
from jero.testing import AsyncTestClient
from tests.application import Application
from tests.texts import MIXED, TEXTS, TYPES, Genre

by_type = pytest.mark.parametrize("name", TYPES)


def feed(returns: Any, respond: Callable[[], Any]) -> Endpoint:
    """Returns an endpoint on `/` whose handler is annotated with `returns`."""

    async def get(self: Endpoint) -> Any:
        return respond()

    get.__annotations__["return"] = returns
    endpoint: Endpoint = type("FeedEndpoint", (Endpoint,), {"get": get, "path": "/"})()
    return endpoint


async def each(items: Sequence[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


async def read(returns: Any, respond: Callable[[], Any], type_: Any, *, events: bool) -> list[list[Any]]:
    """Returns what the test client and `StreamClient` read of the stream."""
    encoder = Encoder(enc_hook=str)  # msgspec has no JSON for a subclass of str
    app = Application(feed(returns, respond), encoder=encoder, validate_items=True)
    async with AsyncTestClient(app) as client, StreamClient(client=client) as stream_client:
        if not events:
            return [
                [item async for item in client.ndjson("/", type_)],
                [item async for item in stream_client.ndjson("/", type_)],
            ]
        found = [event.data async for event in client.sse("/", type_)]
        subscription = stream_client.sse("/", type_)
        again = [(await anext(subscription)).data for _ in found]
        await subscription.aclose()
        return [found, again]


@by_type
@settings(max_examples=20)
@given(data=st.data())
def test_text_is_read_back_in_each_format(name: str, data: st.DataObject) -> None:
    item: Any
    item, cls, texts = TYPES[name]
    sent = data.draw(st.lists(texts, min_size=1, max_size=3))
    responses: list[tuple[Any, Callable[[], Any], bool]] = [
        (SSEResponse[item], lambda: SSEResponse(stream=each(sent)), True),
        (SSEResponse[item], lambda: SSEResponse(stream=each([ServerSentEvent(data=text) for text in sent])), True),
        (NDJSONStreamingResponse[item], lambda: NDJSONStreamingResponse(stream=each(sent)), False),
        (AsyncIterator[item], lambda: each(sent), True),
        (AsyncIterator[item], lambda: each(sent), False),
    ]
    for returns, respond, events in responses:
        for found in asyncio.run(read(returns, respond, item, events=events)):
            assert found == sent
            assert all(type(text) is cls for text in found)


@settings(max_examples=20)
@given(text=TEXTS)
def test_a_member_of_an_enum_is_text_among_text(text: str) -> None:
    items = [Genre.DRAMA, ServerSentEvent(data=Genre.DRAMA, id="1"), text]
    for found in asyncio.run(read(SSEResponse[str], lambda: SSEResponse(stream=each(items)), str, events=True)):
        assert found == ["drama", "drama", text]


@pytest.mark.parametrize("item", MIXED)
async def test_text_and_something_else_is_refused_on_both_sides(item: Any) -> None:
    for returns in (SSEResponse[item], AsyncIterator[item]):
        app = Application(feed(returns, AssertionError), encoder=Encoder(enc_hook=str))
        with pytest.raises(WiringError, match="of which an event stream sends some as text and some as JSON"):
            async with app.lifespan():
                pass
    async with AsyncTestClient(Application()) as client, StreamClient(client=client) as stream_client:
        for reader in (client.sse, stream_client.sse):
            with pytest.raises(TypeError, match="An event's data cannot be read as "):
                reader("/", item)
