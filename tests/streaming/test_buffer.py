"""Tests the buffer: items that are ready together leave together, and an item that is ready alone does not wait."""

import asyncio
from collections.abc import AsyncIterator
from time import sleep
from typing import Any

import pytest
from msgspec.json import Encoder

from jero.codec import DEFAULT_ENCODER
from jero.framing.framing import Framing
from jero.framing.json import JSON_ARRAY
from jero.framing.raw import RAW
from jero.policy import StreamPolicy
from jero.streaming.buffer import FrameBuffer
from tests.streaming.connection import Connection, stream


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def test_items_that_are_ready_fill_chunks() -> None:
    connection = Connection()
    await stream(numbers(100_000), connection)
    assert connection.body == b"".join(b"%d\n" % number for number in range(100_000))
    assert len(connection.messages) < 200
    assert max(map(len, connection.bodies)) < 65_536 + 8
    assert connection.outcome.items == 100_000
    assert connection.outcome.bytes == len(connection.body)


@pytest.mark.parametrize("seconds", [0, 0.0001])
async def test_each_item_of_a_source_that_pauses_is_sent_before_the_next(seconds: float) -> None:
    connection = Connection()
    sent_before: list[bytes] = []

    async def source() -> AsyncIterator[int]:
        for number in range(50):
            yield number
            await asyncio.sleep(seconds)
            sent_before.append(connection.bodies[-1])

    await stream(source(), connection)
    assert sent_before == [b"%d\n" % number for number in range(50)]


async def test_items_that_are_ready_between_two_pauses_leave_in_one_send() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[int]:
        for number in range(3):
            yield number
        await asyncio.sleep(0)
        for number in range(3, 5):
            yield number

    await stream(source(), connection)
    assert connection.bodies == [b"0\n1\n2\n", b"3\n4\n", b""]


async def test_an_item_is_encoded_when_it_is_yielded() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[list[int]]:
        row = [0]
        for number in range(3):
            row[0] = number
            yield row
        row[0] = 99

    await stream(source(), connection)
    assert connection.body == b"[0]\n[1]\n[2]\n"


async def test_an_item_that_cannot_be_encoded_leaves_no_bytes() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[object]:
        yield [1]
        yield [2, {"no": object()}]

    await stream(source(), connection, framing=JSON_ARRAY)
    assert connection.body == b"[[1]"
    assert isinstance(connection.outcome.error, TypeError)
    assert connection.outcome.items == 1


async def test_chunk_bytes_limits_the_items_of_one_send() -> None:
    connection = Connection()
    await stream(numbers(5), connection, policy=StreamPolicy(chunk_bytes=1))
    assert connection.bodies == [b"0\n", b"1\n", b"2\n", b"3\n", b"4\n", b""]


async def test_the_source_is_not_pulled_while_the_client_does_not_read() -> None:
    connection = Connection()
    pulled = 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal pulled
        while True:
            pulled += 1
            yield b"x" * 1_000

    connection.block()
    request = asyncio.create_task(stream(source(), connection, framing=RAW))
    await connection.blocked.wait()
    for _ in range(100):
        await asyncio.sleep(0)
    assert pulled <= 66
    connection.leave()
    await request
    assert connection.outcome.reason == "disconnected"


async def test_a_source_that_never_pauses_lets_other_tasks_run() -> None:
    connection = Connection()
    turns = 0

    async def source() -> AsyncIterator[int]:
        number = 0
        while turns < 20:
            yield number
            number += 1

    async def other() -> None:
        nonlocal turns
        while not connection.outcomes:
            await asyncio.sleep(0)
            turns += 1

    async with asyncio.timeout(20):
        await asyncio.gather(stream(source(), connection), other())
    assert connection.outcome.reason == "completed"


async def test_a_source_that_never_pauses_lets_other_threads_run() -> None:
    connection = Connection()
    turns = steps = 0

    async def source() -> AsyncIterator[int]:
        while turns < 400:
            yield 0

    async def count_turns() -> None:
        nonlocal turns
        while not connection.outcomes:
            await asyncio.sleep(0)
            turns += 1

    def count_steps() -> None:
        nonlocal steps
        while not connection.outcomes:
            sleep(0)
            steps += 1

    await asyncio.gather(stream(source(), connection), count_turns(), asyncio.to_thread(count_steps))
    # Mostly one step a turn. If the interpreter were released for one call only, it would be one in twenty.
    assert steps > turns / 2


async def test_an_item_of_a_busy_source_is_sent_before_its_chunk_is_full() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[int]:
        number = 0
        while not connection.messages:
            yield number
            number += 1

    await stream(source(), connection, policy=StreamPolicy(chunk_bytes=1_000_000_000))
    assert connection.outcome.reason == "completed"


async def test_a_separator_stands_between_items_of_different_sends() -> None:
    connection = Connection()

    async def source() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0)
        yield 2
        yield 3

    await stream(source(), connection, framing=JSON_ARRAY)
    assert connection.body == b"[1,2,3]"


async def test_an_empty_stream_of_an_array_is_an_empty_array() -> None:
    connection = Connection()
    await stream(numbers(0), connection, framing=JSON_ARRAY)
    assert connection.body == b"[]"


def encode_odd(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    if item % 2:
        buffer += b"%d" % item


@pytest.mark.parametrize(
    ("items", "body"), [((0, 1, 2, 3, 4), b"1,3"), ((0, 2), b""), ((1, 0, 3), b"1,3"), ((1, 3, 0), b"1,3")]
)
def test_an_item_without_bytes_in_a_format_has_no_separator(items: tuple[int, ...], body: bytes) -> None:
    frames = FrameBuffer(Framing(content_type="x/odd", encode=encode_odd, separator=b","), DEFAULT_ENCODER, 65_536)
    for item in items:
        frames.add(item)
    assert frames.take() == body
    assert frames.items == body.count(b",") + 1 if body else frames.items == 0


def test_an_endless_source_of_items_without_bytes_gives_the_event_loop_its_turn() -> None:
    times = iter(range(1_000))
    framing = Framing(content_type="x/odd", encode=encode_odd, separator=b",")
    frames = FrameBuffer(framing, DEFAULT_ENCODER, 65_536, clock=lambda: next(times))
    assert any(frames.add(0) for _ in range(100))
