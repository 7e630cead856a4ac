"""A client of several channels that is away while they begin, expire and begin again: no loss is silent."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from itertools import chain
from typing import Any, TypeAlias
from uuid import uuid4

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jero import ServerSentEvent
from jero.channels import EARLIEST, Channel, Channels, Gap, MemoryStore, RedisStore, Store, subscribe
from tests.channels.reading import Follower, Note, order, publish, until
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program

CHANNELS = 3
KEEP = 0.03
Rounds: TypeAlias = list[tuple[list[int | str], bool, int]]

# What happens while the client is away, where it comes back, and how much it then reads, at most.
AWAY = st.lists(st.integers(0, CHANNELS - 1) | st.just("expire"), max_size=6)
ROUNDS = st.lists(st.tuples(AWAY, st.booleans(), st.integers(1, 4)), min_size=1, max_size=4)


class Client:
    """Comes back with its last id, and checks that each event is received in order, or covered by a gap.

    `rooms`: the channels as two processes see them, or as the only one does. `wait`: returns when nothing is kept.
    """

    def __init__(self, rooms: Sequence[Channels[Note]], wait: Callable[[], Any]) -> None:
        self._rooms = rooms
        self._wait = wait
        self._published: dict[int, tuple[int, str]] = {}
        self._owed: list[list[str]] = [[] for _ in range(CHANNELS)]
        self._optional: set[str] = set()
        self._last_id = ""
        self.gaps = 0

    async def begin(self, before: Sequence[int | str]) -> None:
        """Receives its first event in channel 0. What was published before need not come: it may expire any moment."""
        await self._while_away(before)
        follower = Follower(subscribe(*self._channels(here=True), after=EARLIEST))
        waiting = asyncio.create_task(follower.next())
        while not waiting.done():
            self._optional.update(*self._owed)
            await self._publish(0)
        self._receive(await waiting)
        await follower.close()

    async def be_away(self, events: Sequence[int | str], *, here: bool, most: int) -> None:
        """Is away while the events happen. Then comes back, and reads some of what it has missed."""
        await self._while_away(events)
        follower = Follower(subscribe(*self._channels(here=here), after=self._last_id))
        for _ in range(most):
            if self._is_owed():
                self._receive(await follower.next())
        await follower.close()

    async def read_all(self) -> None:
        """Reads until nothing is owed."""
        while self._is_owed():
            await self.be_away([], here=True, most=1_000)

    def _is_owed(self) -> bool:
        return not self._optional.issuperset(chain(*self._owed))

    def _channels(self, *, here: bool) -> list[Channel[Note]]:
        rooms = self._rooms[0 if here else -1]
        return [rooms[str(index)] for index in range(CHANNELS)]

    async def _while_away(self, events: Sequence[int | str]) -> None:
        for event in events:
            if isinstance(event, int):
                await self._publish(event)
            else:
                await self._wait()

    async def _publish(self, index: int) -> None:
        number = len(self._published)
        (event_id,) = await publish(self._channels(here=number % 2 == 0)[index], 1, first=number)
        self._published[number] = index, event_id
        self._owed[index].append(event_id)

    def _receive(self, event: ServerSentEvent[Any]) -> None:
        self._last_id = event.id or ""
        if isinstance(event.data, Gap):
            self.gaps += 1
            after, resumed = event.data.after.split(","), event.data.resumed_at.split(",")
            (index,) = [index for index in range(CHANNELS) if after[index] != resumed[index]]
            place = resumed[index].partition(":")[2]
            self._owed[index] = [owed for owed in self._owed[index] if not covers(place, owed)]
            return
        assert isinstance(event.data, Note)
        index, event_id = self._published[event.data.number]
        at = self._owed[index].index(event_id)
        assert self._optional.issuperset(self._owed[index][:at]), "events were missed without a gap"
        del self._owed[index][: at + 1]


def covers(resumed_at: str, event_id: str) -> bool:
    """Returns whether a gap that ends there covers an event. Each life of a channel in memory has another prefix."""
    prefix = event_id.partition("-")[0]
    if len(prefix) == 16 and prefix != resumed_at.partition("-")[0]:
        return True
    return order(event_id) <= order(resumed_at)


async def check(stores: Sequence[Store], wait: Callable[[Sequence[Channels[Note]]], Any], rounds: Rounds) -> None:
    async with AsyncExitStack() as stack:
        lingers = (60.0, KEEP) if len(stores) > 1 else (KEEP,)
        rooms = [
            Channels(await stack.enter_async_context(store), "room", Note, keep=KEEP, linger=linger)
            for store, linger in zip(stores, lingers, strict=True)
        ]
        client = Client(rooms, lambda: wait(rooms))
        await client.begin(rounds[0][0])
        for events, here, most in rounds[1:]:
            await client.be_away(events, here=here, most=most)
        await client.read_all()


# A channel that was empty when the client left, and whose first events expire; or that had an event that was not sent.
BEGINS_TWICE: Rounds = [([], True, 1), ([1, "expire", 1], False, 4)]
EXPIRES_UNREAD: Rounds = [([1], True, 1), (["expire", 1], False, 4)]


@settings(deadline=None, max_examples=25)
@given(rounds=ROUNDS)
@example(rounds=BEGINS_TWICE)
@example(rounds=EXPIRES_UNREAD)
def test_each_event_in_memory_is_received_or_covered_by_a_gap(rounds: Rounds) -> None:
    async def wait(rooms: Sequence[Channels[Note]]) -> None:
        await until(lambda: rooms[0].statistics().open == 0)

    asyncio.run(check([MemoryStore()], wait, rounds))


@needs_program("redis-server")
@settings(deadline=None, max_examples=25)
@given(rounds=ROUNDS)
@example(rounds=BEGINS_TWICE)
@example(rounds=EXPIRES_UNREAD)
def test_each_event_on_redis_is_received_or_covered_by_a_gap(redis_server: RedisServer, rounds: Rounds) -> None:
    prefix = f"{uuid4()}:"
    keys = [f"{prefix}channels:room:{index}" for index in range(CHANNELS)]

    async def wait(_: Sequence[Channels[Note]]) -> None:
        await until(lambda: redis_server.command("EXISTS", *keys) == b":0\r\n")

    asyncio.run(check([RedisStore(redis_server.url, prefix=prefix) for _ in range(2)], wait, rounds))


@pytest.mark.parametrize("stays_empty", [True, False])
async def test_a_client_that_was_away_for_less_than_keep_gets_no_gap_from_another_process(
    redis_server: RedisServer, *, stays_empty: bool
) -> None:
    prefix = f"{uuid4()}:"
    async with (
        RedisStore(redis_server.url, prefix=prefix) as here,
        RedisStore(redis_server.url, prefix=prefix) as there,
    ):
        away, back = Channels(here, "room", Note), Channels(there, "room", Note)
        for after in (EARLIEST, None):
            names = [f"{after} {number}" for number in range(2)]
            follower = Follower(subscribe(*(away[name] for name in names), after=after))
            waiting = asyncio.create_task(follower.next())
            await until(lambda: away.statistics().subscribers == len(names))  # noqa: B023 - it is called at once
            await publish(away[names[0]], 1)
            first = await waiting
            await follower.close()
            if not stays_empty:
                await publish(away[names[1]], 1, first=2)
            follower = Follower(subscribe(*(back[name] for name in names), after=first.id))
            waiting = asyncio.create_task(follower.next())
            await until(lambda: back.statistics().subscribers == len(names))  # noqa: B023 - it is called at once
            await publish(away[names[1]], 1, first=2)
            assert (await waiting).data == Note(2)
            await follower.close()
        assert back.statistics().gaps == 0
