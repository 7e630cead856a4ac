"""Tests that sources that never pause share the event loop, with each other and with everything else."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jero.streaming.serve import OpenStreams, send_stream
from jero.streaming.turns import LONGEST_SECONDS, SHARED_SECONDS, Turns
from tests.streaming.connection import Connection, make_plan


async def endless() -> AsyncIterator[int]:
    while True:
        yield 1


@pytest.mark.parametrize("count", [1, 8, 100])
async def test_the_turns_of_all_endless_sources_fit_into_the_shared_time(count: int) -> None:
    streams, connections = OpenStreams(), [Connection() for _ in range(count)]
    requests = [
        asyncio.create_task(
            send_stream(make_plan(endless(), connection.report), streams, connection.receive, connection.send)
        )
        for connection in connections
    ]
    lengths = list[float]()
    for _ in range(10):  # each of these turns of the event loop has a turn of every source
        await asyncio.sleep(0)
        lengths.append(streams.turns.seconds)
    for connection in connections:
        connection.leave()
    await asyncio.gather(*requests)
    assert lengths[-1] == pytest.approx(min(LONGEST_SECONDS, SHARED_SECONDS / count))
    assert {connection.outcome.reason for connection in connections} == {"disconnected"}
    assert all(connection.outcome.items > 0 for connection in connections)


async def test_turns_are_long_again_if_one_source_is_left() -> None:
    turns = Turns()
    for count in (100, 1):
        for _ in range(count):
            turns.end(asyncio.get_running_loop().call_soon)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert turns.seconds == pytest.approx(min(LONGEST_SECONDS, SHARED_SECONDS / count))
