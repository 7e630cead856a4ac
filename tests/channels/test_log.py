"""Who waits in a channel, while a crowd is served: in what order, and what others have of the event loop meanwhile."""

import asyncio
from itertools import pairwise
from time import monotonic

import pytest

from jero.channels.event import Payload
from jero.channels.log import TURN_SECONDS
from jero.channels.memory import MemoryLog
from jero.channels.ring import Batch
from tests.channels.reading import until

CROWD = 100
CAPACITY = 10


class Listener:
    """Takes all that it is given, and has received it after `seconds`."""

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
async def crowd(log: MemoryLog) -> list[Listener]:
    """Each needs a turn for itself."""
    listeners = [Listener(TURN_SECONDS) for _ in range(CROWD)]
    for listener in listeners:
        log.waiting.add(log.ring.last_sequence, listener)
    return listeners


async def publish(log: MemoryLog, count: int = 1) -> None:
    """So many more; they are numbered from 1 on."""
    for _ in range(count):
        await log.append(Payload(b"1"), 1.0)


def served(crowd: list[Listener]) -> int:
    return sum(len(listener.received) > 0 for listener in crowd)


async def test_others_have_the_event_loop_while_a_crowd_is_served(log: MemoryLog, crowd: list[Listener]) -> None:
    await publish(log)
    seen = [0]
    while seen[-1] < CROWD:
        await asyncio.sleep(0)
        seen.append(served(crowd))
    assert max(after - before for before, after in pairwise(seen)) <= CROWD / 4
    assert [listener.numbers for listener in crowd] == [[1]] * CROWD


async def test_who_is_served_last_gets_what_came_meanwhile_with_the_rest(log: MemoryLog, crowd: list[Listener]) -> None:
    await publish_to_some(log, crowd)
    await publish(log)
    await until(lambda: all(listener.numbers == [1, 2] for listener in crowd))
    assert [[1, 2]] in [listener.received for listener in crowd]


async def test_who_is_furthest_behind_is_served_first(log: MemoryLog, crowd: list[Listener]) -> None:
    await publish(log)
    count = 1
    while served(crowd) < CROWD:
        assert not any(len(listener.received) > 1 for listener in crowd)
        await publish(log)
        count += 1
        await asyncio.sleep(0)
    await until(lambda: all(listener.numbers == [*range(1, count + 1)] for listener in crowd))


async def test_none_loses_what_has_no_more_room(log: MemoryLog, crowd: list[Listener]) -> None:
    await publish_to_some(log, crowd)
    await publish(log, 3 * CAPACITY)
    await until(lambda: all(listener.numbers == [*range(1, 3 * CAPACITY + 2)] for listener in crowd))


async def test_a_log_that_is_closed_has_given_all_what_it_had(log: MemoryLog, crowd: list[Listener]) -> None:
    await publish_to_some(log, crowd)
    log.close()
    assert [listener.numbers for listener in crowd] == [[1]] * CROWD
    assert all(listener.is_ended for listener in crowd)


async def test_what_is_lost_is_told_after_what_is_not(log: MemoryLog, crowd: list[Listener]) -> None:
    await publish_to_some(log, crowd)
    life, _ = log.newest_offset()
    log.skip_to((life, 5))
    assert [listener.numbers for listener in crowd] == [[1, 5]] * CROWD


async def test_who_leaves_while_a_crowd_is_served_is_given_nothing_more(log: MemoryLog, crowd: list[Listener]) -> None:
    await publish_to_some(log, crowd)
    gone = [listener for listener in crowd if not listener.received]
    for listener in gone:
        log.waiting.remove(listener)
    await publish(log)
    await until(lambda: all(listener.numbers == [1, 2] for listener in crowd if listener not in gone))
    assert not any(listener.received for listener in gone)


async def publish_to_some(log: MemoryLog, crowd: list[Listener]) -> None:
    """The first of the crowd are served, and others are not yet."""
    await publish(log)
    await until(lambda: served(crowd) > 0)
    assert served(crowd) < CROWD
