"""Entries of other programs in a channel's stream: each is checked once, and whatever it is, frames stay valid."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jero.channels import Channel, RedisStore
from jero.channels.kind import Kind, KindOptions
from jero.channels.redis_log import RedisLog
from jero.channels.ring import HISTORY_BYTES, Turn
from jero.channels.subscribers import ChannelSubscription, Place
from jero.client.readers import EventReader
from jero.codec import json_decoder
from jero.framing.json import JSON_ARRAY, NDJSON
from jero.framing.sse import SSE
from jero.testing import AsyncTestClient
from tests.channels.no_access import NoAccess
from tests.channels.reading import Follower, Note, numbers, publish, take, until
from tests.channels.redis_server import RedisServer
from tests.channels.visitor import Visitor, Watching
from tests.programs import needs_program

# Fields and values that are not an event of a channel of notes.
REFUSED: list[list[str | bytes]] = [
    ["data", "not json"],
    ["data", ""],
    ["data", '{"number":1'],
    ["data", '{"number":1}]'],
    ["data", "NaN"],
    ["data", '{"number":1,"text":"\n"}'],
    ["data", b'{"number":1,"text":"\xff"}'],
    ["data", '{"number":1,"text":"\\ud800"}'],
    ["data", "\ufeff{}"],
    ["data", "[" * 20_000],
    ["data", "[" * 20_000 + "]" * 20_000],
    ["data", '{"number":"one"}'],
    ["data", "{}"],
    ["data", "null"],
    ["data", "1e999"],
    ["text", "a text"],
    ["text", b"\xff"],
    ["data", '{"number":1}', "event", "gap"],
    ["data", '{"number":1}', "event", "a\nb"],
    ["data", '{"number":1}', "event", "a\rid: 7"],
    ["data", '{"number":1}', "event", "a\0"],
    ["data", '{"number":1}', "event", b"\xff"],
    ["data", '{"number":1}', "data", '{"number":2}'],
    ["data", '{"number":1}', "text", "one"],
    ["event", "made"],
    ["other", "1"],
    ["", ""],
    ["data", "not json", "jero-after", "-"],
    ["text", b"\xff", "jero-after", "-"],
]


NAMES = st.sampled_from([b"data", b"text", b"event", b"jero-after", b"other"]) | st.binary(max_size=3)
NOTES = st.fixed_dictionaries({"number": st.integers(), "text": st.text()}).map(json.dumps).map(str.encode)
VALUES = st.one_of(
    st.binary(),
    st.text().map(str.encode),
    NOTES,
    st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists).map(
        lambda value: json.dumps(value).encode()
    ),
    st.sampled_from(
        [b"1", b"gap", b"made", b" 1\n", b'{"number":\r\n1}', b"a\nid: 9-9", b"not json", b"[1,", b"", b"\r"]
    ),
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=4).map(lambda pairs: [part for pair in pairs for part in pair])
IDS = st.sets(st.tuples(st.integers(0, 2**64 - 2), st.integers(0, 2**64 - 2)), min_size=1, max_size=12).map(sorted)


async def batches_of(
    entries: list[tuple[bytes, list[bytes]]], type_: Any
) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Returns what subscribers get of the entries: as an event stream, as NDJSON, as an array, and decoded."""

    def make_log(kind: Kind, _name: str) -> RedisLog:
        return RedisLog(NoAccess(), "", "notes", KindOptions(1_000, HISTORY_BYTES), Turn(), kind.entries)

    kind = Kind(None, KindOptions(1_000, HISTORY_BYTES), make_log, lambda _log: None)
    kind.accept(type_)
    log = kind.log("notes")
    assert isinstance(log, RedisLog)
    log.mark_ready()
    subscription = ChannelSubscription(Place(kind, log, offset=(0, 0)), json_decoder(type_))
    log.ingest(log.decode(entries))
    typed = asyncio.create_task(take(subscription, 1_000))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    events: list[Any] = []
    lines = array = b""
    reader = EventReader(str)
    async with aclosing(subscription.framed()) as batches:
        while log.ring.sequence_at(log.ring.high_watermark) and len(log.ring) > len(events):
            batch = await anext(batches)
            events += reader.feed(batch.bytes_in(SSE))
            lines += batch.bytes_in(NDJSON)
            array += (b"," if array else b"") + batch.bytes_in(JSON_ARRAY)
    log.close()
    assert len(events) == len(log.ring)
    assert lines.endswith(b"\n") or not lines
    return events, [json.loads(line) for line in lines.split(b"\n")[:-1]], json.loads(b"[" + array + b"]"), await typed


@pytest.mark.parametrize("type_", [Note, str, Any])
@given(ids=IDS, fields=st.lists(FIELDS, min_size=12, max_size=12))
@example(ids=[(1, 1)], fields=[[b"data", b"not json"]])
@example(ids=[(1, 1), (1, 2)], fields=[[b"text", b"\r\n"], [b"data", b"\n1\r\n"]])
def test_every_format_gets_valid_frames_whatever_stands_in_the_stream(
    type_: Any, ids: list[tuple[int, int]], fields: list[list[bytes]]
) -> None:
    entries: list[tuple[bytes, list[bytes]]] = [
        (f"{first}-{second}".encode(), pairs) for (first, second), pairs in zip(ids, fields, strict=False)
    ]
    logging.disable(logging.WARNING)
    try:
        events, lines, array, typed = asyncio.run(batches_of(entries, type_))
    finally:
        logging.disable(logging.NOTSET)
    stored = [entry_id.decode() for entry_id, _ in entries]
    assert [event.id for event in events] == [event_id for event_id in stored if event_id in {e.id for e in events}]
    assert len(lines) == len(array) == len(events)
    assert json.dumps(lines) == json.dumps(array)  # NaN is not equal to itself
    assert {event.id for event in typed} <= {event.id for event in events}
    foreign = {entry_id.decode() for entry_id, pairs in entries if b"jero-after" not in pairs[::2]}
    assert {event.id for event in typed} & foreign == {event.id for event in events} & foreign
    if type_ is Note:
        assert all(isinstance(event.data, Note) for event in typed if event.id in foreign)


pytestmark = needs_program("redis-server")


@pytest.fixture
def prefix() -> str:
    return f"{uuid4()}:"


@pytest.fixture
async def channel(redis_server: RedisServer, prefix: str) -> AsyncGenerator[Channel[Note], None]:
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        yield Channel(store, "notes", Note, history=40)


def skipped(caplog: pytest.LogCaptureFixture) -> int:
    return len([record for record in caplog.records if "It is skipped" in record.getMessage()])


async def test_entries_that_are_not_events_are_skipped_in_every_format(
    redis_server: RedisServer, channel: Channel[Note], prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Watching(channel, validate_items=True)
    async with AsyncTestClient(app):
        visitors = [Visitor(app, path) for path in ("/events", "/lines", "/array", "/lifecycle")]
        follower = Follower(channel.subscribe())
        first = (await publish(channel, 1))[0]
        await follower.next()
        for fields in REFUSED:
            redis_server.add_entry(f"{prefix}channel:notes", *fields)
        newest = (await publish(channel, 1, first=2))[0]
        assert numbers(await follower.until(newest)) == [1, 2]
        assert len(follower.received) == 2
        await until(lambda: all(b'"number":2' in visitor.body for visitor in visitors))
        assert [json.loads(line)["number"] for line in visitors[1].body.splitlines()] == [1, 2]
        assert [note["number"] for note in json.loads(visitors[2].body + b"]")] == [1, 2]
        assert visitors[0].body.count(b"\n\n") == 2
        for _ in range(3):  # readers that resume neither fail, nor have anything logged again
            assert [event.data for event in await take(channel.subscribe(after=first), 1)] == [Note(2)]
        for visitor in visitors:
            await visitor.leave()
        assert {outcome.reason for outcome in app.outcomes} == {"disconnected"}
    assert skipped(caplog) == len(REFUSED)
    assert not any("not json" in record.getMessage() for record in caplog.records)


async def test_replays_pass_over_entries_that_are_not_events_and_log_them_once(
    redis_server: RedisServer, channel: Channel[Note], prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = (await publish(channel, 1))[0]
    for _ in range(30):
        redis_server.add_entry(f"{prefix}channel:notes", "data", "not json")
    await publish(channel, 60, first=2)  # the ring has forgotten the first; Redis drops whole blocks
    for _ in range(3):
        received = await take(channel.subscribe(after=first), 60)
        assert [event.data for event in received] == [Note(number) for number in range(2, 62)]
    assert skipped(caplog) == 30


def add(redis_server: RedisServer, prefix: str, number: int) -> str:
    """Adds an event as another program does. Returns its id."""
    answer = redis_server.add_entry(f"{prefix}channel:notes", "data", f'{{"number":{number}}}')
    return answer.split(b"\r\n")[1].decode()


@pytest.mark.parametrize("is_live", [True, False])
async def test_an_entry_of_another_program_after_one_that_was_deleted_is_a_gap(
    redis_server: RedisServer, channel: Channel[Note], prefix: str, *, is_live: bool
) -> None:
    first = add(redis_server, prefix, 1)
    follower = Follower(channel.subscribe(after=first))
    if is_live:
        second = add(redis_server, prefix, 2)
        await follower.until(second)
        unsaid = redis_server.command("XADD", f"{prefix}channel:notes", "*", "data", '{"number":3}')
        redis_server.command("XDEL", f"{prefix}channel:notes", unsaid.split(b"\r\n")[1])
    else:
        deleted = add(redis_server, prefix, 2)
        add(redis_server, prefix, 3)
        redis_server.command("XDEL", f"{prefix}channel:notes", deleted)
    await follower.until(add(redis_server, prefix, 4))
    assert [event.event for event in follower.received].count("gap") == 1
    assert numbers(follower.received) == ([2, 4] if is_live else [3, 4])
    await follower.close()


async def test_a_deletion_is_no_gap_for_those_who_had_received_the_entry(
    redis_server: RedisServer, channel: Channel[Note], prefix: str
) -> None:
    deleted = add(redis_server, prefix, 1)
    last = add(redis_server, prefix, 2)
    redis_server.command("XDEL", f"{prefix}channel:notes", deleted)
    for number in (3, 4):
        add(redis_server, prefix, number)
    assert numbers(await take(channel.subscribe(after=last), 2)) == [3, 4]
    assert channel.statistics().gaps == 0


async def test_events_of_another_version_are_skipped_by_typed_readers(
    redis_server: RedisServer, channel: Channel[Note], prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        newer = Channel(store, "notes", dict[str, str])
        first = (await publish(channel, 1))[0]
        await newer.publish({"number": "two"})
        await publish(channel, 1, first=3)
        for _ in range(3):
            assert [event.data for event in await take(channel.subscribe(after=first), 1)] == [Note(3)]
    assert skipped(caplog) == 1


async def test_a_type_that_only_an_encoder_knows_is_not_checked(redis_server: RedisServer, prefix: str) -> None:
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        channel: Channel[complex] = Channel(store, "numbers", complex)
        batches = channel.subscribe().framed()
        redis_server.add_entry(f"{prefix}channel:numbers", "data", '"1+1j"')
        assert (await anext(batches)).bytes_in(NDJSON) == b'"1+1j"\n'
        await batches.aclose()
