"""Tests the fast path, for items that are known to be JSON on one line: it sends the same bytes as the slow path."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from jero.codec import DEFAULT_ENCODER
from jero.framing.event import ServerSentEvent
from jero.framing.framing import Framing
from jero.framing.json import JSON_ARRAY, NDJSON, one_line_appender
from jero.framing.sse import SSE
from jero.policy import StreamPolicy
from jero.streaming.plan import FastPath
from tests.streaming.connection import Connection, stream


class Row(Struct):
    number: int
    held: Any = None


class Other(Struct):
    text: str


def fast_path(framing: Framing, *types: type) -> FastPath:
    prefix = framing.separator + (framing.json_prefix or b"")
    return FastPath(frozenset(types), DEFAULT_ENCODER.encode_into, prefix, framing.json_suffix)


async def sent(framing: Framing, source: Any, path: FastPath | None, **options: Any) -> Connection:
    connection = Connection()
    await stream(source, connection, framing=framing, fast_path=path, **options)
    return connection


async def rows(*pauses_after: int, count: int = 5) -> AsyncIterator[Any]:
    for number in range(count):
        yield Row(number)
        if number in pauses_after:
            await asyncio.sleep(0)


async def mixed() -> AsyncIterator[Any]:
    yield "text"
    for number in range(3):
        yield Row(number)
        yield Other("x")
        yield [number]
    yield Row(9)


async def raws() -> AsyncIterator[Any]:
    for json in (b'{"a": 1}', b'{"a":\r\n  "\\n"}', b"1\n"):
        yield msgspec.Raw(json)
        yield ServerSentEvent(data=msgspec.Raw(json), event="named")


class Rows:
    """An async iterable that is not a generator, so that no item is pulled to open it."""

    def __aiter__(self) -> "Rows":
        self.left = 3
        return self

    async def __anext__(self) -> Row:
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return Row(self.left)


@pytest.mark.parametrize("framing", [SSE, NDJSON])
async def test_raw_json_is_sent_on_one_line_on_the_fast_path_too(framing: Framing) -> None:
    encode_into = one_line_appender(DEFAULT_ENCODER)
    fast = FastPath(frozenset({msgspec.Raw}), encode_into, framing.json_prefix or b"", framing.json_suffix)
    slow_sent, fast_sent = await sent(framing, raws(), None), await sent(framing, raws(), fast)
    assert fast_sent.body == slow_sent.body
    assert b'{"a":    "\\n"}' in fast_sent.body


@pytest.mark.parametrize("framing", [NDJSON, JSON_ARRAY, SSE], ids=["ndjson", "array", "events"])
@pytest.mark.parametrize("source", [rows, mixed, Rows, lambda: rows(0, 1, 3), lambda: rows(count=20_000)])
async def test_the_fast_path_sends_the_bytes_of_the_slow_path(framing: Framing, source: Any) -> None:
    slow, fast = await sent(framing, source(), None), await sent(framing, source(), fast_path(framing, Row, Other))
    assert fast.body == slow.body
    assert fast.outcome.items == slow.outcome.items
    assert fast.is_complete


async def test_an_event_among_other_items_is_sent_as_an_event() -> None:
    async def source() -> AsyncIterator[Any]:
        yield Row(1)
        yield ServerSentEvent(data=Row(2), id="2")
        yield Row(3)

    connection = await sent(SSE, source(), fast_path(SSE, Row))
    assert connection.body == (
        b'data: {"number":1,"held":null}\n\nid: 2\ndata: {"number":2,"held":null}\n\ndata: {"number":3,"held":null}\n\n'
    )


@pytest.mark.parametrize("framing", [NDJSON, JSON_ARRAY, SSE], ids=["ndjson", "array", "events"])
async def test_an_item_that_cannot_be_encoded_leaves_no_bytes(framing: Framing) -> None:
    async def source() -> AsyncIterator[Any]:
        yield Row(1)
        yield Row(2)
        yield Row(3, held=[4, object()])

    slow, fast = await sent(framing, source(), None), await sent(framing, source(), fast_path(framing, Row))
    assert fast.body == slow.body
    assert fast.body.count(b"number") == 2
    assert fast.outcome.items == 2
    assert isinstance(fast.outcome.error, TypeError)


async def test_an_item_of_another_class_takes_the_slow_path() -> None:
    async def source() -> AsyncIterator[Any]:
        for _ in range(3):
            yield Row(1)
            yield msgspec.Raw(b"[1,\n2]")

    connection = await sent(NDJSON, source(), fast_path(NDJSON, Row))
    assert connection.body.count(b"\n") == 6


async def test_chunk_bytes_limits_the_items_of_one_send() -> None:
    connection = await sent(NDJSON, rows(), fast_path(NDJSON, Row), policy=StreamPolicy(chunk_bytes=1))
    assert [body.count(b"\n") for body in connection.bodies] == [1, 1, 1, 1, 1, 0]


async def test_an_item_is_encoded_when_it_is_yielded() -> None:
    async def source() -> AsyncIterator[Row]:
        row = Row(0)
        for number in range(3):
            row.number = number
            yield row

    connection = await sent(NDJSON, source(), fast_path(NDJSON, Row))
    assert [msgspec.json.decode(line)["number"] for line in connection.body.splitlines()] == [0, 1, 2]


async def test_a_client_that_leaves_ends_the_source() -> None:
    connection = Connection()
    closed = list[str]()

    async def source() -> AsyncIterator[Row]:
        try:
            while True:
                yield Row(1)
        finally:
            closed.append("source")

    request = asyncio.create_task(stream(source(), connection, fast_path=fast_path(NDJSON, Row)))
    await connection.wait_for_bytes(b"number")
    connection.leave()
    await request
    assert closed == ["source"]
    assert connection.outcome.reason == "disconnected"


async def test_a_client_that_has_left_is_sent_nothing_even_if_the_source_goes_on() -> None:
    async def source() -> AsyncIterator[Row]:
        yield Row(0)
        yield Row(1)
        try:
            idle.set()
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            went_on.set()
        yield Row(2)
        await asyncio.sleep(0)
        yield Row(3)

    idle, went_on, connection = asyncio.Event(), asyncio.Event(), Connection()
    request = asyncio.create_task(stream(source(), connection, fast_path=fast_path(NDJSON, Row)))
    await idle.wait()
    await connection.wait_for_bytes(b"1")
    sent_before = connection.body
    connection.leave()
    await request
    assert went_on.is_set()
    assert connection.body == sent_before
    assert connection.outcome.reason == "disconnected"
