"""Several channels as one stream: every event once and in the order of its channel, and one id for all of them."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from jero import BadRequest, Endpoint, NDJSONStreamingResponse, ResumeHeaders, ServerSentEvent, SSEResponse
from jero.channels import EARLIEST, Channel, Channels, Gap, MemoryStore, Store, subscribe
from jero.client.readers import EventReader
from jero.testing import AsyncTestClient
from tests.application import Application
from tests.channels.reading import Follower, Note, numbers, publish, take, until
from tests.channels.visitor import Visitor

CHANNELS = 3


class Alert(Struct, tag=True):
    level: int


class Text(Struct, tag=True):
    number: int


@pytest.fixture
def channels(store: Store) -> list[Channel[Note]]:
    rooms, users = Channels(store, "room", Note, history=50), Channels(store, "user", Note, history=50)
    return [rooms["7"], users["7"], Channel(store, "everybody", Note, history=50)]


async def test_events_of_all_channels_come_in_the_order_of_each(channels: list[Channel[Note]]) -> None:
    follower = Follower(subscribe(*channels))
    waiting = asyncio.create_task(follower.next())
    for number in range(30):
        await publish(channels[number % CHANNELS], 1, first=number)
    await waiting
    while len(follower.received) < 30:
        await follower.next()
    received = numbers(follower.received)
    assert sorted(received) == [*range(30)]
    for index in range(CHANNELS):
        assert [number for number in received if number % CHANNELS == index] == [*range(index, 30, CHANNELS)]
    assert len({event.id for event in follower.received}) == 30
    await follower.close()
    assert [channel.statistics().subscribers for channel in channels] == [0, 0, 0]


async def test_a_client_comes_back_to_its_place_in_each_channel(channels: list[Channel[Note]]) -> None:
    for number in range(30):
        await publish(channels[number % CHANNELS], 1, first=number)
    received = await take(subscribe(*channels, after=EARLIEST), 30)
    assert sorted(numbers(received)) == [*range(30)]
    for cut in (0, 1, 7, 14, 28):
        resumed = await take(subscribe(*channels, after=received[cut].id), 29 - cut)
        assert sorted(numbers(received[: cut + 1] + resumed)) == [*range(30)]


async def test_the_order_of_the_channels_may_change_and_a_new_one_begins_with_now(
    store: Store, channels: list[Channel[Note]]
) -> None:
    await publish(channels[0], 2, first=1)
    await publish(channels[1], 2, first=11)
    (first,) = await take(subscribe(*channels[:2], after=EARLIEST), 1)  # of either channel
    new = Channel(store, "new", Note)
    await publish(new, 3, first=100)
    follower = Follower(subscribe(new, channels[1], channels[0], after=first.id))
    rest = sorted({1, 2, 11, 12} - {*numbers([first])})
    assert sorted(numbers([await follower.next() for _ in range(3)])) == rest
    await publish(new, 1, first=200)
    assert numbers([await follower.next()]) == [200]
    (only,) = await take(subscribe(channels[0], after=first.id), 1)  # a channel may leave the list
    assert numbers([only]) == rest[:1]
    await follower.close()


async def test_a_client_that_left_before_the_first_event_of_a_channel_misses_none(
    channels: list[Channel[Note]],
) -> None:
    follower = Follower(subscribe(*channels))
    waiting = asyncio.create_task(follower.next())
    await until(lambda: all(channel.statistics().subscribers for channel in channels))
    await publish(channels[0], 1)
    first = await waiting
    await follower.close()
    await publish(channels[1], 1, first=2)
    await publish(channels[2], 1, first=3)
    assert sorted(numbers(await take(subscribe(*channels, after=first.id), 2))) == [2, 3]


async def test_each_channel_may_have_its_gap(channels: list[Channel[Note]]) -> None:
    for channel in channels:
        await publish(channel, 1)
    *_, last = await take(subscribe(*channels, after=EARLIEST), 3)
    await publish(channels[0], 500, first=2)
    await publish(channels[1], 1, first=1_000)
    follower = Follower(subscribe(*channels, after=last.id))
    while not {501, 1_000} <= set(numbers(follower.received)):
        await follower.next()
    (gap,) = [event for event in follower.received if event.event == "gap"]
    assert isinstance(gap.data, Gap)
    assert gap.data.resumed_at == gap.id
    assert len(gap.data.after.split(",")) == CHANNELS
    assert numbers(await take(subscribe(*channels, after=gap.id), 1)) != []
    await follower.close()


class MergedEndpoint(Endpoint, path="/events"):
    def __init__(self, notes: Channel[Text], alerts: Channel[Alert]) -> None:
        self._notes, self._alerts = notes, alerts

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Text | Alert]:
        return SSEResponse(stream=subscribe(self._notes, self._alerts, after=headers.last_event_id))


class LinesEndpoint(Endpoint, path="/lines"):
    def __init__(self, notes: Channel[Text], alerts: Channel[Alert]) -> None:
        self._notes, self._alerts = notes, alerts

    async def get(self) -> NDJSONStreamingResponse[ServerSentEvent[Text | Alert]]:
        return NDJSONStreamingResponse(stream=subscribe(self._notes, self._alerts))


async def test_streams_send_events_of_all_channels(store: Store) -> None:
    notes, alerts = Channel(store, "notes", Text), Channel(store, "alerts", Alert)
    app = Application(MergedEndpoint(notes, alerts), LinesEndpoint(notes, alerts))
    async with AsyncTestClient(app) as client:
        visitors = [Visitor(app, path) for path in ("/events", "/lines")]
        await until(lambda: notes.statistics().subscribers == alerts.statistics().subscribers == 2)
        for number in range(20):
            await notes.publish(Text(number), event="note")
            await alerts.publish(Alert(number))
        await until(lambda: all(visitor.body.count(b"level") == 20 for visitor in visitors))
        await until(lambda: all(visitor.body.count(b"number") == 20 for visitor in visitors))
        events = list(EventReader(str).feed(bytes(visitors[0].body)))
        assert len({event.id for event in events}) == 40
        assert [event.event for event in events].count("note") == 20
        assert len(visitors[1].body.splitlines()) == 40
        for visitor in visitors:
            await visitor.leave()
        refused = await client.get("/events", headers={"Last-Event-ID": "1-1"})
        assert refused.status_code == 400
    assert notes.statistics().subscribers == alerts.statistics().subscribers == 0


@pytest.mark.parametrize(
    "after",
    ["x", "1-1", ",", ":", "0123456789ab:", "0123456789ab:1-1,", "0123456789ab:1-1,x", "0123456789AB:1-1", "a" * 5_000],
)
async def test_a_malformed_id_is_refused_at_once(channels: list[Channel[Note]], after: str) -> None:
    with pytest.raises(BadRequest, match="Last-Event-ID is not an event id of these channels"):
        subscribe(*channels, after=after)


async def test_an_id_that_one_of_the_channels_refuses_is_refused(channels: list[Channel[Note]]) -> None:
    with pytest.raises(BadRequest, match="Last-Event-ID is not an event id of this channel"):
        subscribe(*channels, after=f"{channels[1].digest}:{'9' * 20}-1")


async def test_an_id_of_sixteen_channels_fits_in_a_header(store: Store) -> None:
    rooms = Channels(store, "room", Note)
    channels = [rooms["x" * 500 + str(number)] for number in range(16)]
    for channel in channels:
        await publish(channel, 1)
    received = await take(subscribe(*channels, after=EARLIEST), 16)
    assert sorted(numbers(received)) == [1] * 16
    longest = max(len(event.id or "") for event in received)
    assert longest <= 1_024
    assert re.fullmatch(r"[0-9a-f:,-]+", received[-1].id or "")


@pytest.mark.parametrize("count", [0, 17])
async def test_too_many_channels_are_refused(store: Store, count: int) -> None:
    rooms = Channels(store, "room", Note)
    with pytest.raises(ValueError, match="1 to 16 channels"):
        subscribe(*(rooms[str(number)] for number in range(count)))


async def test_one_channel_twice_is_refused(channels: list[Channel[Note]]) -> None:
    with pytest.raises(ValueError, match="twice"):
        subscribe(channels[0], channels[1], channels[0])


async def test_closing_the_store_ends_the_stream(make_store: Callable[[], Store]) -> None:
    async with make_store() as store:
        rooms = Channels(store, "room", Note)
        waiting = asyncio.create_task(take(subscribe(rooms["7"], rooms["8"]), 2))
        await until(lambda: rooms.statistics().subscribers == 2)
        await publish(rooms["7"], 1)
        await asyncio.sleep(0)
    assert len(await waiting) <= 1


STEPS = st.lists(
    st.one_of(st.integers(0, CHANNELS - 1), st.sampled_from(["read", "return", "turn"])),
    max_size=40,
)


class Returning:
    """A client of several channels that leaves and comes back with its last id."""

    def __init__(self, channels: list[Channel[Note]]) -> None:
        self._channels = channels
        self._follower = Follower(subscribe(*channels, after=EARLIEST))
        self.received: list[ServerSentEvent[Any]] = []
        self.published = 0

    async def step(self, step: int | str) -> None:
        if isinstance(step, int):
            await publish(self._channels[step], 1, first=self.published)
            self.published += 1
        elif step == "turn":
            await asyncio.sleep(0)
        elif step == "read" and len(self.received) < self.published:
            self.received.append(await self._follower.next())
        elif step == "return" and self.received:
            await self._follower.close()
            self._follower = Follower(subscribe(*reversed(self._channels), after=self.received[-1].id))

    async def read_all(self) -> list[int]:
        while len(self.received) < self.published:
            await self.step("read")
        await self._follower.close()
        return numbers(self.received)


@settings(deadline=None)
@given(steps=STEPS)
def test_whenever_a_client_leaves_and_returns_it_receives_every_event_once(steps: list[int | str]) -> None:
    async def play() -> None:
        async with MemoryStore() as store:
            rooms = Channels(store, "room", Note)
            client = Returning([rooms[str(number)] for number in range(CHANNELS)])
            for step in [*range(CHANNELS), *steps]:
                await client.step(step)
            assert sorted(await client.read_all()) == [*range(client.published)]
            assert rooms.statistics().subscribers == rooms.statistics().gaps == 0

    asyncio.run(play())
