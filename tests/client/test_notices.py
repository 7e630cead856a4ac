"""A client tells the notices of a stream, its gaps and the end of a run, from its items: by the event, not by a tag."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, assert_type

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, UnsetType, ValidationError

from jero import BaseApp, Endpoint, ResumeHeaders, ServerSentEvent, SSEResponse
from jero.channels import Channel, Gap, MemoryStore
from jero.client import StreamClient
from jero.client.readers import EventReader
from jero.runs import Runs
from jero.runs.end import RunEnd
from jero.testing import AsyncTestClient

STREAM = (
    b'id: 1\ndata: {"number":1}\n\n'
    b'event: gap\nid: 2\ndata: {"after":"1","resumed_at":"2"}\n\n'
    b'event: made\ndata: {"number":2}\n\n'
    b'event: end\nid: 3\ndata: {"outcome":"lost"}\n\n'
)


class Row(Struct):
    number: int


DATA: list[Any] = [Row(1), Gap("1", "2"), Row(2), RunEnd(outcome="lost")]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8).map(sorted))
def test_a_notice_in_the_union_is_read_by_its_event(cuts: list[int]) -> None:
    reader: EventReader[Row | Gap | RunEnd] = EventReader(Row | Gap | RunEnd)
    parts = [STREAM[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)]
    assert [event.data for part in parts for event in reader.feed(part)] == DATA


@pytest.mark.parametrize("type_", [Row, Row | Gap])
def test_a_notice_that_the_union_lacks_is_an_item(type_: Any) -> None:
    with pytest.raises(ValidationError):
        list(EventReader(type_).feed(STREAM))


def test_the_items_beside_a_notice_may_be_text() -> None:
    reader = EventReader[Any](str | RunEnd)
    events = list(reader.feed(b'data: {"outcome":"lost"}\n\nevent: end\ndata: {"outcome":"lost"}\n\n'))
    assert [event.data for event in events] == ['{"outcome":"lost"}', RunEnd(outcome="lost")]


def test_a_notice_alone_is_a_type_like_others() -> None:
    assert [event.data for event in EventReader(RunEnd).feed(b'data: {"outcome":"stopped"}\n\n')] == [
        RunEnd(outcome="stopped")
    ]


async def rows() -> AsyncIterator[Row]:
    for number in (1, 2, 3):
        yield Row(number)


class RowsEndpoint(Endpoint, path="/rows"):
    def __init__(self, runs: Runs[Row], channel: Channel[Row]) -> None:
        self._runs, self._channel = runs, channel

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Row]:
        run = await self._runs.start(rows(), owner="ann")
        return SSEResponse(stream=await self._runs.follow(run.id, owner="ann"))


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        runs = await self._aenter(Runs(store, Row))
        self._include_endpoint(RowsEndpoint(runs, Channel(store, "rows", Row)))


async def received(events: AsyncGenerator[ServerSentEvent[Row | RunEnd], None]) -> list[Any]:
    found: list[Any] = []
    async for event in events:
        assert_type(event.data, Row | RunEnd | UnsetType)
        found.append(event.data)
        if isinstance(event.data, RunEnd):
            break
    await events.aclose()
    return found


async def test_the_clients_read_a_run_with_its_end() -> None:
    async with AsyncTestClient(App()) as client:
        expected = [Row(1), Row(2), Row(3), RunEnd(outcome="completed")]
        assert await received(client.sse("/rows", Row | RunEnd)) == expected
        assert await received(StreamClient(client=client).sse("/rows", Row | RunEnd)) == expected
