"""Channels that nobody uses any more: they go in time, not before, and an id of one that went is a gap."""

import asyncio
import tracemalloc
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jero.channels import Channels, ChannelUnavailable, Gap, MemoryStore, lingering, log, memory
from jero.channels.subscribers import Subscriber
from tests.channels.reading import Follower, Note, numbers, publish, take, until

KEEP = 100.0
LINGER = 10.0
NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), NAMES),
        st.tuples(st.just("subscribe"), NAMES),
        st.tuples(st.just("leave"), NAMES),
        st.tuples(st.just("resume"), NAMES),
        st.tuples(st.just("advance"), st.sampled_from([1.0, LINGER - 1, LINGER, KEEP - LINGER, KEEP])),
    ),
    max_size=30,
)


@dataclass
class Modelled:
    """Says what a channel keeps, when it was used last, and who subscribes."""

    kept: list[str] = field(default_factory=list[str])
    published_at: float | None = None
    used_at: float = 0.0
    subscribers: list[Subscriber] = field(default_factory=list[Subscriber])

    def is_over(self, now: float, keep: float | None) -> bool:
        if self.subscribers or now < self.used_at + LINGER:
            return False
        return self.published_at is None or (keep is not None and now >= self.published_at + keep)


class Model:
    """Plays steps in a store and in a model, and compares them. Time is a number."""

    def __init__(self, store: MemoryStore, keep: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        for module in (log, memory, lingering):
            monkeypatch.setattr(module, "monotonic", lambda: self.now)
        self._store = store
        self._keep = keep
        self._rooms = Channels(store, "room", Note, keep=keep, linger=LINGER)
        self._open: dict[str, Modelled] = {}
        self._ids: dict[str, list[str]] = defaultdict(list)

    async def play(self, step: str, what: str | float) -> None:
        if not isinstance(what, str):
            self.now += what
            self._store.lingering.sweep()
            self._open = {name: room for name, room in self._open.items() if not room.is_over(self.now, self._keep)}
        else:
            room = self._open.setdefault(what, Modelled(used_at=self.now))
            await {
                "publish": self._publish,
                "subscribe": self._subscribe,
                "leave": self._leave,
                "resume": self._resume,
            }[step](what, room)
        assert self._rooms.statistics().open == len(self._open)

    async def _publish(self, name: str, room: Modelled) -> None:
        room.kept += await publish(self._rooms[name], 1)
        self._ids[name].append(room.kept[-1])
        room.used_at = room.published_at = self.now

    async def _subscribe(self, name: str, room: Modelled) -> None:
        room.subscribers.append(self._rooms[name].subscribe().framed())

    async def _leave(self, name: str, room: Modelled) -> None:
        self._rooms[name].subscribe()  # the channel is there in any case, as in the model
        if room.subscribers:
            await room.subscribers.pop().aclose()
            if not room.subscribers:
                room.used_at = self.now

    async def _resume(self, name: str, room: Modelled) -> None:
        """Comes back with each id that the name has ever had."""
        for event_id in self._ids[name]:
            subscriber = self._rooms[name].subscribe(after=event_id).framed()
            later = room.kept[room.kept.index(event_id) + 1 :] if event_id in room.kept else None
            if later == []:
                assert await self._has_nothing(subscriber)
            else:
                batch = await anext(subscriber)
                assert batch.is_gap == (later is None)
                assert later is None or [event.id for event in batch.events] == later
            await subscriber.aclose()
            if not room.subscribers:
                room.used_at = self.now
        self._rooms[name].subscribe()

    async def _has_nothing(self, subscriber: Subscriber) -> bool:
        waiting = asyncio.ensure_future(anext(subscriber))
        for _ in range(3):
            await asyncio.sleep(0)
        is_waiting = not waiting.done()
        waiting.cancel()
        return is_waiting

    async def close(self) -> None:
        for room in self._open.values():
            for subscriber in room.subscribers:
                await subscriber.aclose()


@pytest.mark.parametrize("keep", [KEEP, 1.0, None])
@settings(deadline=None)
@given(steps=STEPS)
def test_a_channel_goes_when_its_time_is_over_and_not_before(
    keep: float | None, steps: list[tuple[str, str | float]]
) -> None:
    async def play() -> None:
        with pytest.MonkeyPatch.context() as monkeypatch:
            async with MemoryStore() as store:
                model = Model(store, keep, monkeypatch)
                for step, what in steps:
                    await model.play(step, what)
                await model.close()

    asyncio.run(play())


async def test_a_client_that_comes_back_to_a_channel_that_went_gets_a_gap() -> None:
    async with MemoryStore() as store:
        rooms = Channels(store, "room", Note, keep=0.05, linger=0.05)
        old = await publish(rooms["7"], 3)
        await until(lambda: rooms.statistics().open == 0)
        new = await publish(rooms["7"], 3, first=4)  # their numbers in the channel are the same again
        follower = Follower(rooms["7"].subscribe(after=old[1]))
        gap = await follower.next()
        assert gap.data == Gap(old[1], gap.id or "")
        assert numbers(await follower.until(new[-1])) == [4, 5, 6]
        assert numbers(await take(rooms["7"].subscribe(after=gap.id), 3)) == [4, 5, 6]
        await follower.close()


@pytest.mark.parametrize("publishes", [True, False])
async def test_a_subscription_that_is_read_after_its_channel_went_begins_with_a_gap(*, publishes: bool) -> None:
    async with MemoryStore() as store:
        rooms = Channels(store, "room", Note, keep=0.05, linger=0.05)
        old = await publish(rooms["7"], 1) if publishes else []
        events = rooms["7"].subscribe()
        await until(lambda: rooms.statistics().open == 0)
        follower = Follower(events)
        await publish(rooms["7"], 1, first=2)
        gap = await follower.next()
        assert isinstance(gap.data, Gap)
        assert gap.data.after in (old or [gap.data.after])
        assert rooms["7"].statistics().subscribers == 1
        new = await publish(rooms["7"], 1, first=3)
        assert numbers(await follower.until(new[-1]))[-1] == 3
        await follower.close()


async def test_a_publisher_that_waits_for_its_turn_keeps_the_channel() -> None:
    async with MemoryStore() as store:
        rooms = Channels(store, "room", Note, history=4, keep=0.01, linger=0.01)
        publishing = [asyncio.create_task(rooms["7"].publish(Note(number))) for number in range(50)]
        await asyncio.gather(*publishing)
        assert rooms.statistics().published == 50
        assert rooms["7"].statistics().published == 50


async def test_one_timer_serves_all_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[float] = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def counting(delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        timers.append(delay)
        return call_later(delay, callback)

    monkeypatch.setattr(loop, "call_later", counting)
    async with MemoryStore() as store:
        rooms = Channels(store, "room", Note)
        for number in range(1_000):
            await publish(rooms[str(number)], 1)
        assert len(timers) == 1
        Channels(store, "short", Note, linger=0.05)["7"].subscribe()  # due before all others
        assert len(timers) == 2
    assert len(store.lingering) == 0


async def test_channels_that_come_and_go_leave_nothing() -> None:
    async with MemoryStore() as store:
        rooms = Channels(store, "room", Note, keep=0.05, linger=0.05)

        async def cycle() -> int:
            for number in range(1_000):
                follower = Follower(rooms[f"room {number}"].subscribe())
                await publish(rooms[f"room {number}"], 1)
                await follower.next()
                await follower.close()
            await until(lambda: rooms.statistics().open == 0)
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            await cycle()
            second, third = await cycle(), await cycle()
        finally:
            tracemalloc.stop()
        assert third - second < 100_000  # the least that a channel takes is ten times as much
        assert rooms.statistics().published == 3_000
        assert rooms.statistics().delivered == 3_000


async def test_closing_the_store_ends_the_channels_of_a_kind() -> None:
    async with MemoryStore() as store:
        rooms = Channels(store, "room", Note)
        waiting = asyncio.create_task(take(rooms["7"].subscribe(), 1))
        await until(lambda: rooms.statistics().subscribers == 1)
    assert await waiting == []
    assert await take(rooms["8"].subscribe(), 1) == []
    with pytest.raises(ChannelUnavailable):
        await publish(rooms["9"], 1)
