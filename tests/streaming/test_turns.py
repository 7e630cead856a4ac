"""Tests that sources that never pause share the event loop, with each other and with everything else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from jero.streaming.serve import OpenStreams, send_stream
from jero.streaming.turns import TOGETHER, Turns
from tests.streaming.connection import Connection, make_plan

ROUNDS = 60


class CountedTurns(Turns):
    """Counts the turns that ended since `taken` was set to zero."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    def end(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
        self.taken += 1
        return super().end(loop)


async def endless(on_item: Callable[[], None]) -> AsyncIterator[int]:
    while True:
        on_item()
        yield 1


@pytest.mark.parametrize("count", [1, TOGETHER, TOGETHER + 1, 2 * TOGETHER, 100])
async def test_few_of_the_endless_sources_have_a_turn_between_two_turns_of_anything_else(count: int) -> None:
    streams, connections = OpenStreams(), [Connection() for _ in range(count)]
    streams.turns = turns = CountedTurns()
    visits = [0] * count  # the rounds in which each source had a turn
    seen = set[int]()
    requests = [
        asyncio.create_task(
            send_stream(
                make_plan(endless(partial(seen.add, number)), connection.report),
                streams,
                connection.receive,
                connection.send,
            )
        )
        for number, connection in enumerate(connections)
    ]
    await asyncio.sleep(0)  # each source takes its first step when its request begins
    most = 0
    for _ in range(ROUNDS):
        turns.taken = 0
        seen.clear()
        await asyncio.sleep(0)
        most = max(most, turns.taken)
        for number in seen:
            visits[number] += 1
    for connection in connections:
        connection.leave()
    await asyncio.gather(*requests)
    assert most <= 2 * TOGETHER
    assert min(visits) >= ROUNDS // (1 + count // TOGETHER) // 2
    assert {connection.outcome.reason for connection in connections} == {"disconnected"}


async def test_a_source_that_is_stopped_in_the_queue_takes_no_turn_from_others() -> None:
    turns, loop = Turns(), asyncio.get_running_loop()
    waiting = [future for _ in range(3 * TOGETHER) if (future := turns.end(loop)) is not None]
    assert len(waiting) == 2 * TOGETHER
    for future in waiting[:TOGETHER]:
        future.cancel()
    await asyncio.sleep(0)
    assert all(future.done() for future in waiting)


async def test_one_source_alone_waits_for_nothing_but_the_event_loop() -> None:
    turns, loop = Turns(), asyncio.get_running_loop()
    for _ in range(5 * TOGETHER):
        assert turns.end(loop) is None
        await asyncio.sleep(0)


def test_turns_go_on_in_another_event_loop_after_one_was_closed_in_mid_round() -> None:
    turns = Turns()
    closed = asyncio.new_event_loop()
    for _ in range(TOGETHER + 1):
        turns.end(closed)
    closed.close()

    async def go_on() -> None:
        loop = asyncio.get_running_loop()
        waiting = [future for _ in range(TOGETHER + 1) if (future := turns.end(loop)) is not None]
        assert len(waiting) == 1
        await asyncio.wait_for(waiting[0], 10)

    asyncio.run(go_on())
