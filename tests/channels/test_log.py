"""Serving many waiting subscribers: in which order, and how it shares the event loop."""

import asyncio
from itertools import pairwise
from time import monotonic

import pytest

from jero.channels.event import Payload
from jero.channels.memory import MemoryLog
from jero.channels.ring import TURN_SECONDS, Batch
from tests.channels.reading import until

CROWD = 100
CAPACITY = 10


class FakeSubscriber:
    """A waiting subscriber that takes every batch, and blocks for `seconds` each time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.received: list[list[int]] = []
        self.is_ended = False
        self._seconds = seconds

    @property
    def numbers(self) -> list[int]:
        return [number for batch in self.received for number in batch]

    def deliver(self, batch: Batch) -> bool:
        self.receive(batch)
        until = monotonic() + self._seconds
        while monotonic() < until:
            pass
        return True

    def receive(self, batch: Batch) -> None:
        self.received.append([event.offset[1] for event in batch.events])

    def end(self) -> None:
        self.is_ended = True


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(CAPACITY)


@pytest.fixture
async def crowd(log: MemoryLog) -> list[FakeSubscriber]:
    """Adds subscribers that each take a whole turn of serving."""
    subscribers = [FakeSubscriber(TURN_SECONDS) for _ in range(CROWD)]
    for subscriber in subscribers:
        log.waiting.add(log.ring.last_sequence, subscriber)
    return subscribers


async def publish(log: MemoryLog, count: int = 1) -> None:
    """Appends events. Their offsets count from 1."""
    for _ in range(count):
        await log.append(Payload(b"1"), 1.0)


def served(crowd: list[FakeSubscriber]) -> int:
    return sum(len(subscriber.received) > 0 for subscriber in crowd)


async def test_serving_a_crowd_leaves_turns_of_the_event_loop_to_others(
    log: MemoryLog, crowd: list[FakeSubscriber]
) -> None:
    await publish(log)
    seen = [0]
    while seen[-1] < CROWD:
        await asyncio.sleep(0)
        seen.append(served(crowd))
    assert max(after - before for before, after in pairwise(seen)) <= CROWD / 4
    assert [subscriber.numbers for subscriber in crowd] == [[1]] * CROWD


async def test_subscribers_served_last_get_newer_events_in_the_same_batch(
    log: MemoryLog, crowd: list[FakeSubscriber]
) -> None:
    await publish_to_some(log, crowd)
    await publish(log)
    await until(lambda: all(subscriber.numbers == [1, 2] for subscriber in crowd))
    assert [[1, 2]] in [subscriber.received for subscriber in crowd]


async def test_the_group_furthest_behind_is_served_first(log: MemoryLog, crowd: list[FakeSubscriber]) -> None:
    await publish(log)
    count = 1
    while served(crowd) < CROWD:
        assert not any(len(subscriber.received) > 1 for subscriber in crowd)
        await publish(log)
        count += 1
        await asyncio.sleep(0)
    await until(lambda: all(subscriber.numbers == [*range(1, count + 1)] for subscriber in crowd))


async def test_a_waiting_subscriber_gets_events_before_the_ring_evicts_them(
    log: MemoryLog, crowd: list[FakeSubscriber]
) -> None:
    await publish_to_some(log, crowd)
    await publish(log, 3 * CAPACITY)
    await until(lambda: all(subscriber.numbers == [*range(1, 3 * CAPACITY + 2)] for subscriber in crowd))


async def test_closing_the_log_sends_the_rest_before_it_ends_the_subscribers(
    log: MemoryLog, crowd: list[FakeSubscriber]
) -> None:
    await publish_to_some(log, crowd)
    log.close()
    assert [subscriber.numbers for subscriber in crowd] == [[1]] * CROWD
    assert all(subscriber.is_ended for subscriber in crowd)


async def test_a_gap_comes_after_the_events_that_are_kept(log: MemoryLog, crowd: list[FakeSubscriber]) -> None:
    await publish_to_some(log, crowd)
    run, _ = log.newest_offset()
    log.skip_to((run, 5))
    assert [subscriber.numbers for subscriber in crowd] == [[1, 5]] * CROWD


async def test_a_removed_subscriber_gets_nothing_more(log: MemoryLog, crowd: list[FakeSubscriber]) -> None:
    await publish_to_some(log, crowd)
    gone = [subscriber for subscriber in crowd if not subscriber.received]
    for subscriber in gone:
        log.waiting.remove(subscriber)
    await publish(log)
    await until(lambda: all(subscriber.numbers == [1, 2] for subscriber in crowd if subscriber not in gone))
    assert not any(subscriber.received for subscriber in gone)


async def publish_to_some(log: MemoryLog, crowd: list[FakeSubscriber]) -> None:
    """Publishes an event, and waits until some of the crowd have it and others do not."""
    await publish(log)
    await until(lambda: served(crowd) > 0)
    assert served(crowd) < CROWD
