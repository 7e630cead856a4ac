"""Channels as streams of whole requests: what each format carries, sharing, and memory."""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator, Iterable
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.json import Encoder

from jero.channels import Channel, Store
from jero.channels.ring import BATCH_BYTES
from jero.testing import AsyncTestClient
from tests.application import Application
from tests.channels.reading import Note, order, publish, until
from tests.channels.visitor import EventsEndpoint, Visitor, Watching


@pytest.fixture
async def channel(store: Store) -> Channel[Note]:
    return Channel(store, "notes", Note, history=100)


@pytest.fixture
async def app(channel: Channel[Note]) -> AsyncGenerator[Watching, None]:
    app = Watching(channel)
    async with AsyncTestClient(app):
        yield app


def lines(body: bytes) -> list[Note]:
    return [msgspec.json.decode(line, type=Note) for line in body.splitlines()]


async def test_an_event_stream_carries_the_whole_event(channel: Channel[Note], app: Watching) -> None:
    visitor = Visitor(app, "/events")
    await until(lambda: channel.statistics().subscribers == 1)
    event_id = await channel.publish(Note(1, "a"), event="made")
    await until(lambda: visitor.body.endswith(b"\n\n"))
    assert visitor.body == b'event: made\nid: %b\ndata: {"number":1,"text":"a"}\n\n' % event_id.encode()
    assert channel.statistics().delivered == 1
    await visitor.leave()


async def test_a_client_that_reconnects_gets_the_missed_events(channel: Channel[Note], app: Watching) -> None:
    published = await publish(channel, 20)
    visitor = Visitor(app, "/events", last_event_id=published[9])
    await until(lambda: visitor.body.count(b"\n\n") == 10)
    assert len(visitor.chunks) == 1
    assert [line for line in visitor.body.splitlines() if line.startswith(b"id:")] == [
        b"id: " + event_id.encode() for event_id in published[10:]
    ]
    await visitor.leave()
    assert (app.outcomes[0].reason, app.outcomes[0].items) == ("disconnected", 10)


async def test_a_malformed_id_is_answered_with_400(channel: Channel[Note], app: Watching) -> None:
    visitor = Visitor(app, "/events", last_event_id="nonsense")
    await visitor.request
    assert visitor.sent[0]["status"] == 400
    assert b"application/problem+json" in dict(visitor.sent[0]["headers"]).values()
    assert channel.statistics().subscribers == 0


async def test_a_gap_is_sent_as_an_event(channel: Channel[Note], app: Watching) -> None:
    published = await publish(channel, 500)
    visitor = Visitor(app, "/events", last_event_id=published[0])
    await until(lambda: b"\ndata: " in visitor.body)
    gap = visitor.body.partition(b"\n\n")[0]
    assert gap.startswith(b"event: gap\nid: ")
    data = msgspec.json.decode(gap.partition(b"data: ")[2])
    assert data == {"after": published[0], "resumed_at": gap.splitlines()[1].removeprefix(b"id: ").decode()}
    await visitor.leave()


@pytest.mark.parametrize("path", ["/events", "/lines", "/array", "/chosen"])
async def test_a_gap_passes_the_validation_of_items(channel: Channel[Note], path: str) -> None:
    app = Watching(channel, validate_items=True)
    async with AsyncTestClient(app):
        published = await publish(channel, 500)
        visitor = Visitor(app, path, last_event_id=published[0])
        await until(lambda: b'"resumed_at":' in visitor.body and b'"number":500' in visitor.body)
        await visitor.leave()
        assert app.outcomes[0].reason == "disconnected"


async def test_lines_and_arrays_carry_the_data_alone(channel: Channel[Note], app: Watching) -> None:
    published = await publish(channel, 3)
    in_lines = Visitor(app, "/lines", last_event_id=published[0])
    in_array = Visitor(app, "/array", last_event_id=published[0])
    await until(lambda: in_lines.body.count(b"\n") == 2)
    await until(lambda: in_array.body.count(b"}") == 2)
    await publish(channel, 2, first=4)
    await until(lambda: in_lines.body.count(b"\n") == 4)
    await until(lambda: in_array.body.count(b"}") == 4)
    assert lines(in_lines.body) == [Note(number) for number in range(2, 6)]
    assert msgspec.json.decode(in_array.body + b"]", type=list[Note]) == [Note(number) for number in range(2, 6)]
    await in_lines.leave()
    await in_array.leave()


async def test_the_client_chooses_the_format(channel: Channel[Note], app: Watching) -> None:
    published = await publish(channel, 2)
    as_lines = Visitor(app, "/negotiated", published[0], accept="application/x-ndjson")
    as_events = Visitor(app, "/negotiated", published[0], accept="text/event-stream")
    await until(lambda: as_lines.body.endswith(b"\n") and as_events.body.endswith(b"\n\n"))
    assert lines(as_lines.body) == [Note(2)]
    assert as_events.body.startswith(f"id: {published[1]}\n".encode())
    await as_lines.leave()
    await as_events.leave()


@pytest.mark.parametrize("path", ["/lifecycle", "/chosen"])
async def test_a_subscription_can_be_in_any_source(channel: Channel[Note], app: Watching, path: str) -> None:
    visitor = Visitor(app, path)
    await until(lambda: channel.statistics().subscribers == 1)
    published = await publish(channel, 4)
    await until(lambda: published[-1].encode() in visitor.body)
    ids = [line.removeprefix(b"id: ").decode() for line in visitor.body.splitlines() if line.startswith(b"id: ")]
    assert ids == (published if path == "/lifecycle" else published[1::2])
    await visitor.leave()
    assert channel.statistics().subscribers == 0


@pytest.mark.parametrize("make_store", ["memory", "redis"], indirect=True)  # a cluster that syncs its disk is slower
async def test_waiting_events_leave_in_one_send(channel: Channel[Note], app: Watching) -> None:
    visitors = [Visitor(app, "/events") for _ in range(20)]
    await until(lambda: channel.statistics().subscribers == 20)
    for visitor in visitors:
        visitor.reads.clear()
    first = await publish(channel, 1)
    published = await publish(channel, 9, first=2)
    newest = await publish(channel, 1, first=11)
    await until(lambda: channel.statistics().last_id == newest[0])
    for visitor in visitors:
        visitor.reads.set()
    await until(lambda: all(newest[0].encode() in visitor.body for visitor in visitors))
    for visitor in visitors:
        assert visitor.body.count(b"\n\n") == 11
        assert len(visitor.chunks) <= 2
        assert visitor.body == visitors[0].body
    assert first[0] < published[0]
    await asyncio.gather(*(visitor.leave() for visitor in visitors))


async def test_a_burst_larger_than_a_batch_is_received_to_its_end(channel: Channel[Note], app: Watching) -> None:
    visitors = [Visitor(app, path) for path in ("/events", "/lines", "/array")]
    await until(lambda: channel.statistics().subscribers == len(visitors))
    await asyncio.gather(*(channel.publish(Note(number, "x" * (BATCH_BYTES // 10))) for number in range(90)))
    await until(lambda: all(visitor.body.count(b'"number":') == 90 for visitor in visitors))
    await asyncio.gather(*(visitor.leave() for visitor in visitors))


class Counted(Struct):
    made: complex


async def test_an_event_is_encoded_once_for_all_formats(store: Store) -> None:
    encoded: list[complex] = []

    def encode(value: complex) -> str:
        encoded.append(value)
        return str(value)

    channel: Channel[Any] = Channel(store, "counted", Counted, encoder=Encoder(enc_hook=encode))
    app = Watching(channel)
    async with AsyncTestClient(app):
        visitors = [Visitor(app, path) for path in ("/events", "/lines", "/array") for _ in range(10)]
        await until(lambda: channel.statistics().subscribers == 30)
        for number in range(5):
            await channel.publish(Counted(complex(number)))
        await until(lambda: all(visitor.body.count(b"}") == 5 for visitor in visitors))
        assert encoded == [complex(number) for number in range(5)]
        await asyncio.gather(*(visitor.leave() for visitor in visitors))


async def publish_together(channel: Channel[Note], numbers: Iterable[int]) -> str:
    """Publishes notes of a kilobyte. Returns the newest id."""
    notes = [Note(number, "x" * 1_000) for number in numbers]
    return max(await asyncio.gather(*map(channel.publish, notes)), key=order)


@pytest.mark.parametrize("make_store", ["memory", "redis"], indirect=True)  # of the process, whatever its nodes
async def test_slow_readers_take_no_memory(channel: Channel[Note], app: Watching) -> None:
    fast = Visitor(app, "/events")
    slow = [Visitor(app, "/events") for _ in range(50)]
    await until(lambda: channel.statistics().subscribers == 51)
    for visitor in slow:
        visitor.reads.clear()
    newest = await channel.publish(Note(0))
    await until(fast.has_read(newest))
    tracemalloc.start()
    try:
        for first in range(1, 1_001, 50):
            newest = await publish_together(channel, range(first, first + 50))
            await until(fast.has_read(newest))
            fast.sent.clear()
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert channel.statistics().kept <= 100
    assert grown < 3_000_000  # of the 50 MB that 50 queues would hold
    for visitor in slow:
        visitor.reads.set()
    for visitor in slow:
        await until(visitor.has_read(newest))
    assert all(b"event: gap" in visitor.body for visitor in slow)
    assert b"event: gap" not in fast.body
    await asyncio.gather(*(visitor.leave() for visitor in [fast, *slow]))


async def test_a_stream_that_has_ended_is_not_counted_as_a_subscriber(channel: Channel[Note], app: Watching) -> None:
    idle, busy, never_begun = Visitor(app, "/events"), Visitor(app, "/lines"), Visitor(app, "/events")
    await until(lambda: channel.statistics().subscribers == 3)
    await publish(channel, 1)
    await asyncio.gather(idle.leave(), busy.leave(), never_begun.leave())
    async with AsyncTestClient(Application(EventsEndpoint(channel))) as client:
        assert (await client.head("/events")).status_code == 200
    assert channel.statistics().subscribers == 0
    await publish(channel, 1)
