"""Channels of a kind: a channel for any name, at any time, and nothing kept for a name that nobody uses."""

import re
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Struct

from jero import Created, Endpoint, NotFound, ResumeHeaders, SSEResponse, WiringError
from jero.channels import EARLIEST, Channel, Channels, MemoryStore, Store
from jero.channels.keys import key_of
from jero.testing import AsyncTestClient
from tests.application import Application
from tests.channels.reading import Follower, Note, numbers, publish, take

NAMES = [
    "7",
    "a:b",
    "a",
    ":",
    "{a}",
    "}{",
    "*",
    "?",
    "[a]",
    "a\nb",
    "a\r\n",
    "\0",
    "%3A",
    "a%3Ab",
    "ä",
    "😀",
    " ",
    "x" * 512,
]
REFUSED = ["", "x" * 513, "ä" * 257, "\ud800"]


class RoomPath(Struct):
    room: str


class Posted(Struct):
    id: str


class RoomEndpoint(Endpoint, path="/rooms/{room}"):
    def __init__(self, rooms: Channels[Note]) -> None:
        self._rooms = rooms

    async def get(self, path: RoomPath, headers: ResumeHeaders) -> SSEResponse[Note]:
        return SSEResponse(stream=self._rooms[path.room].subscribe(after=headers.last_event_id))

    async def post(self, path: RoomPath, json: Note) -> Created[Posted]:
        return Created(Posted(await self._rooms[path.room].publish(json)))


@pytest.fixture
def rooms(store: Store) -> Channels[Note]:
    return Channels(store, "room", Note)


async def test_any_name_is_a_channel_of_its_own(rooms: Channels[Note]) -> None:
    followers = [Follower(rooms[name].subscribe(after=EARLIEST)) for name in NAMES]
    for number, name in enumerate(NAMES):
        await publish(rooms[name], 1, first=number)
        await publish(rooms[name], 1, first=number + 1_000)
    for number, follower in enumerate(followers):
        assert numbers([await follower.next(), await follower.next()]) == [number, number + 1_000]
        await follower.close()


@pytest.mark.parametrize("name", REFUSED, ids=["empty", "513", "257 umlauts", "surrogate"])
async def test_another_name_is_not_found(rooms: Channels[Note], name: str) -> None:
    with pytest.raises(NotFound, match="The name of the channel is refused") as refused:
        rooms[name]
    assert len(refused.value.detail or "") < 100
    assert rooms.statistics().open == 0


async def test_a_kind_is_no_mapping(rooms: Channels[Note]) -> None:
    listed: Any = rooms
    with pytest.raises(TypeError, match="not a mapping"):
        assert "7" in listed
    with pytest.raises(TypeError, match="not a mapping"):
        list(listed)
    with pytest.raises(TypeError):
        len(listed)


async def test_clients_post_to_a_room_and_come_back_to_it(rooms: Channels[Note]) -> None:
    app = Application(RoomEndpoint(rooms))
    async with AsyncTestClient(app) as client:
        ids = [
            (await client.post(f"/rooms/{room}", json={"number": number})).json()["id"]
            for room, number in (("a", 1), ("b", 2), ("a", 3), ("b", 4))
        ]
        async with client.stream("GET", "/rooms/b", headers={"Last-Event-ID": ids[1]}) as response:
            chunk = await anext(response.aiter_bytes())
        assert chunk.startswith(f"id: {ids[3]}\n".encode())
        assert b'"number":4' in chunk
        refused = await client.get(f"/rooms/{'x' * 513}")
        assert (refused.status_code, refused.json()["status"]) == (404, 404)


async def test_kinds_and_single_channels_of_one_store_are_separate(store: Store) -> None:
    rooms, users = Channels(store, "room", Note), Channels(store, "room:a", Note)
    channels = [rooms["a:b"], rooms["a"], users["b"], users["a"]]
    channels += [Channel(store, name, Note) for name in ("room:a", "a")]
    followers = [Follower(channel.subscribe()) for channel in channels]
    for number, channel in enumerate(channels):
        await publish(channel, 1, first=number)
    for number, follower in enumerate(followers):
        assert numbers([await follower.next()]) == [number]
        await follower.close()


async def test_kinds_of_one_name_share_their_channels(store: Store, rooms: Channels[Note]) -> None:
    events = Channels(store, "room", Note)["7"].subscribe()
    await publish(rooms["7"], 1)
    assert numbers(await take(events, 1)) == [1]
    with pytest.raises(WiringError, match=r"Channels\('room', keep=5\): it exists with keep=3600"):
        Channels(store, "room", Note, keep=5)


WRONG: list[dict[str, Any]] = [
    {"history": 0},
    {"history_bytes": 0},
    {"keep": 0.0},
    {"keep": float("nan")},
    {"linger": -1.0},
    {"linger": float("inf")},
]


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_kind_with_invalid_options_is_refused(store: Store, wrong: dict[str, Any]) -> None:
    (option,) = wrong
    with pytest.raises(ValueError, match=rf"Channels\({option}="):
        Channels(store, "room", Note, **wrong)


@pytest.mark.parametrize("name", REFUSED)
async def test_a_kind_with_an_invalid_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match=r"Channels\(kind="):
        Channels(store, name, Note)
    with pytest.raises(ValueError, match=r"Channel\(name="):
        Channel(store, name, Note)


async def test_earliest_begins_with_the_oldest_kept_event(rooms: Channels[Note]) -> None:
    empty = Follower(rooms["new"].subscribe(after=EARLIEST))
    await publish(rooms["7"], 5)
    assert numbers(await take(rooms["7"].subscribe(after=EARLIEST), 5)) == [1, 2, 3, 4, 5]
    await publish(rooms["new"], 1)
    assert numbers([await empty.next()]) == [1]
    await empty.close()


async def test_earliest_is_no_gap_although_older_events_were_dropped(store: Store) -> None:
    channel = Channel(store, "notes", Note, history=10)
    published = await publish(channel, 500)
    follower = Follower(channel.subscribe(after=EARLIEST))
    received = numbers(await follower.until(published[-1]))
    assert 10 <= len(received) < 400
    assert received == [*range(501 - len(received), 501)]
    assert channel.statistics().gaps == 0
    await follower.close()


async def test_statistics_of_a_kind_count_all_its_channels(rooms: Channels[Note]) -> None:
    assert rooms.statistics().open == 0
    assert rooms["7"].statistics().published == 0
    assert rooms.statistics().open == 0  # to ask opens nothing
    followers = [Follower(rooms[name].subscribe()) for name in ("7", "8", "8")]
    for name in ("7", "8", "9"):
        await publish(rooms[name], 2)
    for follower in followers:
        await follower.next()
        await follower.next()
    statistics = rooms.statistics()
    assert (statistics.open, statistics.subscribers, statistics.published, statistics.gaps) == (3, 3, 6, 0)
    assert rooms["8"].statistics().subscribers == 2
    for follower in followers:
        await follower.close()
    assert rooms.statistics().subscribers == 0
    assert rooms.statistics().delivered == 6


TEXTS = st.text(st.sampled_from([*":{}%*?[]/~aA\n\0ä"]), min_size=1, max_size=4)


@given(channels=st.lists(st.tuples(st.none() | TEXTS, TEXTS), min_size=2, max_size=2, unique=True))
@example(channels=[("a:b", "c"), ("a", "b:c")])
@example(channels=[(None, "a:b"), ("a", "b")])
@example(channels=[(None, "a"), (None, "a:stored:")])
def test_no_channel_reaches_the_keys_of_another(channels: list[tuple[str | None, str]]) -> None:
    first, second = (key_of("{shop}:", kind, name) for kind, name in channels)
    assert first != second
    assert not f"{first}:".startswith(f"{second}:")
    assert not f"{second}:".startswith(f"{first}:")
    assert all(re.fullmatch(r"\{shop\}:channels?(:[A-Za-z0-9._~%-]+)+", key) for key in (first, second))


async def test_an_open_channel_takes_two_kibibytes_at_most() -> None:
    async with MemoryStore() as store:
        rooms = Channels(store, "room", Note)
        names = [f"room {number}" for number in range(2_000)]
        rooms[names[0]].subscribe()
        tracemalloc.start()
        try:
            for name in names[1:]:
                rooms[name].subscribe()
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert rooms.statistics().open == len(names)
        assert kept / len(names) < 2_048
