"""Tests of streams: run `pytest testing.py`."""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice

import httpx
import pytest
from msgspec import Struct

from jero import BaseApp, Endpoint, EventStreamResponse, NDJSONStreamingResponse, SSEResponse, StreamOutcome
from jero.testing import AsyncTestClient, TestClient


class Count(Struct):
    number: int


async def count() -> AsyncIterator[Count]:
    number = 0
    while True:
        number += 1
        yield Count(number)
        await asyncio.sleep(0)


async def count_and_fail() -> AsyncIterator[Count]:
    yield Count(1)
    await asyncio.sleep(0)
    raise RuntimeError("lost count")


class CountEndpoint(Endpoint, path="/count"):
    async def get(self) -> SSEResponse[Count]:
        return SSEResponse(stream=count())


class WordsEndpoint(Endpoint, path="/words"):
    async def post(self, json: list[str]) -> EventStreamResponse[str]:
        return EventStreamResponse(stream=json, last="[DONE]")


class FailEndpoint(Endpoint, path="/fail"):
    async def get(self) -> NDJSONStreamingResponse[Count]:
        return NDJSONStreamingResponse(stream=count_and_fail())


class App(BaseApp):
    def __init__(self) -> None:
        super().__init__()
        self.outcomes: list[StreamOutcome] = []

    async def _wire(self) -> None:
        self._include_endpoint(CountEndpoint())
        self._include_endpoint(WordsEndpoint())
        self._include_endpoint(FailEndpoint())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


app = App()


def test_an_endless_stream_is_read_item_by_item() -> None:
    with TestClient(App()) as client:
        events = islice(client.sse("/count", Count), 2)
        assert [event.data for event in events] == [Count(1), Count(2)]


def test_a_post_is_read_to_its_promised_end() -> None:
    with (
        TestClient(App()) as client,
        client.events("/words", str, method="POST", json=["a", "b"], until="[DONE]") as events,
    ):
        assert (events.status, [event.data for event in events]) == (200, ["a", "b"])


def test_leaving_ends_the_stream() -> None:
    app = App()
    with TestClient(app) as client:
        with client.stream("GET", "/count") as response:
            assert response.headers["content-type"] == "text/event-stream"
            assert next(response.iter_lines()) == 'data: {"number":1}'
        # Leaving the block waited for the stream's teardown.
        assert [outcome.reason for outcome in app.outcomes] == ["disconnected"]


def test_a_failure_is_a_cut_transfer() -> None:
    with TestClient(App()) as client:
        items = client.ndjson("/fail", Count)
        assert next(items) == Count(1)
        with pytest.raises(httpx.RemoteProtocolError):
            next(items)


@pytest.mark.asyncio
async def test_a_stream_is_read_without_a_thread() -> None:
    async with AsyncTestClient(App()) as client, client.stream("GET", "/count") as response:
        assert await anext(response.aiter_lines()) == 'data: {"number":1}'
