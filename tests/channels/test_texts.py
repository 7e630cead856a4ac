"""Text that is published is read back as the same value, whatever it looks like, for each type that is text."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal
from uuid import uuid4

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jero import WiringError
from jero.channels import Channel, MemoryStore, RedisStore, Store
from jero.client.readers import EventReader, NDJSONReader
from jero.framing.json import NDJSON
from jero.framing.sse import SSE
from tests.channels.reading import take
from tests.channels.redis_server import RedisServer
from tests.texts import MIXED, TEXTS, TYPES, Genre, Word

by_type = pytest.mark.parametrize("name", TYPES)


async def received(store: Store, type_: Any, texts: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """Publishes the texts. Returns what a reader in the process, of an event stream and of NDJSON receives."""
    async with store:
        channel: Channel[Any] = Channel(store, "texts", type_)
        events = channel.subscribe()
        framed = channel.subscribe().framed()
        for text in texts:
            await channel.publish(text)
        stream = lines = b""
        while stream.count(b"id: ") < len(texts):
            batch = await asyncio.wait_for(anext(framed), 20)
            stream += batch.bytes_in(SSE)
            lines += batch.bytes_in(NDJSON)
        await framed.aclose()
        read = [event.data for event in await take(events, len(texts))]
    from_events = [event.data for event in EventReader(type_).feed(stream)]
    return read, from_events, list(NDJSONReader(type_).feed(lines))


@by_type
@given(data=st.data())
def test_published_text_is_read_back(name: str, data: st.DataObject) -> None:
    type_, cls, texts = TYPES[name]
    published = data.draw(st.lists(texts, min_size=1, max_size=4))
    for read in asyncio.run(received(MemoryStore(), type_, published)):
        assert read == published
        assert all(type(text) is cls for text in read)


@by_type
@settings(max_examples=10)
@given(data=st.data())
def test_published_text_is_read_back_from_redis(name: str, redis_server: RedisServer, data: st.DataObject) -> None:
    type_, cls, texts = TYPES[name]
    published = data.draw(st.lists(texts, min_size=1, max_size=4))
    for read in asyncio.run(received(RedisStore(redis_server.url, prefix=f"{uuid4()}:"), type_, published)):
        assert read == published
        assert all(type(text) is cls for text in read)


@given(text=TEXTS)
@example(text=Genre.DRAMA)
def test_a_member_of_an_enum_is_text_in_a_channel_of_text(text: str) -> None:
    for read in asyncio.run(received(MemoryStore(), str, [text])):
        assert read == [text]
        assert type(read[0]) is str


@pytest.mark.parametrize("type_", MIXED)
async def test_a_channel_of_text_and_something_else_is_refused(type_: Any) -> None:
    async with MemoryStore() as store:
        with pytest.raises(
            WiringError,
            match=r"^Channel\('texts'\): the events are .*, of which an event stream sends some as text and some as "
            r"JSON, so that a client cannot tell them apart\. Use a Struct with a field for each\.$",
        ):
            Channel(store, "texts", type_)


@pytest.mark.parametrize(
    ("type_", "fields", "expected"),
    [
        (str, ["data", '"null"'], "null"),
        (str, ["text", "null"], "null"),
        (Word, ["data", '"[1]"'], Word("[1]")),
        (Genre, ["text", "drama"], Genre.DRAMA),
        (Genre | None, ["data", "null"], None),
        (Any, ["data", '"a"'], "a"),
    ],
)
async def test_text_of_another_program_is_read_back(
    redis_server: RedisServer, type_: Any, fields: list[str], expected: Any
) -> None:
    prefix = f"{uuid4()}:"
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        channel: Channel[Any] = Channel(store, "texts", type_)
        events, framed = channel.subscribe(), channel.subscribe().framed()
        redis_server.command("XADD", f"{prefix}channel:texts", "*", *fields)
        batch = await asyncio.wait_for(anext(framed), 20)
        await framed.aclose()
        [event] = await take(events, 1)
    [from_event] = EventReader(type_).feed(batch.bytes_in(SSE))
    [from_line] = NDJSONReader(type_).feed(batch.bytes_in(NDJSON))
    assert [event.data, from_event.data, from_line] == [expected] * 3
    assert {type(event.data), type(from_event.data), type(from_line)} == {type(expected)}


async def test_text_that_does_not_fit_is_skipped(caplog: pytest.LogCaptureFixture) -> None:
    async with MemoryStore() as store:
        type_: Any = Literal["a", "b"]
        channel: Channel[Any] = Channel(store, "texts", type_)
        events = channel.subscribe()
        await channel.publish("c")
        await channel.publish("b")
        assert [event.data for event in await take(events, 1)] == ["b"]
    assert "does not fit the type of the channel" in caplog.text
