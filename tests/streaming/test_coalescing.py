"""What is ready together leaves together; what is ready alone does not wait."""

import asyncio
from collections.abc import AsyncIterator
from time import sleep

import pytest

from jero.framing.json import JSON_ARRAY
from jero.framing.raw import RAW
from jero.policy import StreamPolicy
from tests.streaming.wire import Wire, stream


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def test_ready_items_fill_chunks() -> None:
    wire = Wire()
    await stream(numbers(100_000), wire)
    assert wire.body == b"".join(b"%d\n" % number for number in range(100_000))
    assert len(wire.messages) < 200
    assert max(map(len, wire.bodies)) < 65_536 + 8
    assert wire.outcome.items == 100_000
    assert wire.outcome.bytes == len(wire.body)


@pytest.mark.parametrize("seconds", [0, 0.0001])
async def test_each_item_of_a_source_that_pauses_is_sent_before_the_next(seconds: float) -> None:
    wire = Wire()
    sent_before: list[bytes] = []

    async def source() -> AsyncIterator[int]:
        for number in range(50):
            yield number
            await asyncio.sleep(seconds)
            sent_before.append(wire.bodies[-1])

    await stream(source(), wire)
    assert sent_before == [b"%d\n" % number for number in range(50)]


async def test_items_that_are_ready_between_two_pauses_leave_in_one_send() -> None:
    wire = Wire()

    async def source() -> AsyncIterator[int]:
        for number in range(3):
            yield number
        await asyncio.sleep(0)
        for number in range(3, 5):
            yield number

    await stream(source(), wire)
    assert wire.bodies == [b"0\n1\n2\n", b"3\n4\n", b""]


async def test_an_item_is_encoded_when_it_is_yielded() -> None:
    wire = Wire()

    async def source() -> AsyncIterator[list[int]]:
        row = [0]
        for number in range(3):
            row[0] = number
            yield row
        row[0] = 99

    await stream(source(), wire)
    assert wire.body == b"[0]\n[1]\n[2]\n"


async def test_nothing_is_sent_of_an_item_that_cannot_be_encoded() -> None:
    wire = Wire()

    async def source() -> AsyncIterator[object]:
        yield [1]
        yield [2, {"no": object()}]

    await stream(source(), wire, framing=JSON_ARRAY)
    assert wire.body == b"[[1]"
    assert isinstance(wire.outcome.error, TypeError)
    assert wire.outcome.items == 1


async def test_chunk_bytes_bounds_what_leaves_together() -> None:
    wire = Wire()
    await stream(numbers(5), wire, policy=StreamPolicy(chunk_bytes=1))
    assert wire.bodies == [b"0\n", b"1\n", b"2\n", b"3\n", b"4\n", b""]


async def test_the_source_is_not_pulled_while_the_client_does_not_read() -> None:
    wire = Wire()
    pulled = 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal pulled
        while True:
            pulled += 1
            yield b"x" * 1_000

    wire.block()
    request = asyncio.create_task(stream(source(), wire, framing=RAW))
    await wire.blocked.wait()
    for _ in range(100):
        await asyncio.sleep(0)
    assert pulled <= 66
    wire.leave()
    await request
    assert wire.outcome.reason == "disconnected"


async def test_a_source_that_never_pauses_lets_others_run() -> None:
    wire = Wire()
    turns = 0

    async def source() -> AsyncIterator[int]:
        number = 0
        while turns < 20:
            yield number
            number += 1

    async def other() -> None:
        nonlocal turns
        while not wire.outcomes:
            await asyncio.sleep(0)
            turns += 1

    async with asyncio.timeout(20):
        await asyncio.gather(stream(source(), wire), other())
    assert wire.outcome.reason == "completed"


async def test_a_source_that_never_pauses_lets_other_threads_run() -> None:
    wire = Wire()
    turns = steps = 0

    async def source() -> AsyncIterator[int]:
        while turns < 400:
            yield 0

    async def count_turns() -> None:
        nonlocal turns
        while not wire.outcomes:
            await asyncio.sleep(0)
            turns += 1

    def count_steps() -> None:
        nonlocal steps
        while not wire.outcomes:
            sleep(0)
            steps += 1

    await asyncio.gather(stream(source(), wire), count_turns(), asyncio.to_thread(count_steps))
    # A step a turn, as a rule; where the interpreter is let go for no longer than a call takes, one in twenty.
    assert steps > turns / 2


async def test_what_lingers_in_a_busy_source_is_sent_before_the_chunk_is_full() -> None:
    wire = Wire()

    async def source() -> AsyncIterator[int]:
        number = 0
        while not wire.messages:
            yield number
            number += 1

    await stream(source(), wire, policy=StreamPolicy(chunk_bytes=1_000_000_000))
    assert wire.outcome.reason == "completed"


async def test_the_separator_stands_between_items_also_across_sends() -> None:
    wire = Wire()

    async def source() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0)
        yield 2
        yield 3

    await stream(source(), wire, framing=JSON_ARRAY)
    assert wire.body == b"[1,2,3]"


async def test_an_empty_array_is_an_array() -> None:
    wire = Wire()
    await stream(numbers(0), wire, framing=JSON_ARRAY)
    assert wire.body == b"[]"
