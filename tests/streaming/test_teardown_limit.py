"""A teardown has its time, and no more."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jero.policy import StreamPolicy
from tests.streaming.wire import Wire, skip_time, start, stream


def test_a_teardown_that_takes_too_long_is_cancelled() -> None:
    async def test() -> None:
        wire, steps = Wire(), list[str]()

        async def items() -> AsyncIterator[int]:
            yield 1

        async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
            yield items()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                steps.append("cancelled")

        began = asyncio.get_running_loop().time()
        await stream(lifecycle(), wire, policy=StreamPolicy(teardown_timeout=3))
        assert asyncio.get_running_loop().time() - began == pytest.approx(3)
        assert steps == ["cancelled"]
        assert wire.outcome.reason == "failed"
        assert isinstance(wire.outcome.error, TimeoutError)
        assert not wire.is_complete

    skip_time(test())


def test_a_source_that_is_slow_to_end_is_bounded_too() -> None:
    async def test() -> None:
        wire, waiting = Wire(), asyncio.Event()

        async def source() -> AsyncIterator[int]:
            try:
                yield 1
                waiting.set()
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.get_running_loop().create_future()

        request = start(source(), wire, policy=StreamPolicy(teardown_timeout=3))
        await waiting.wait()
        wire.leave()
        await request
        assert asyncio.get_running_loop().time() == pytest.approx(3)
        assert isinstance(wire.outcome.error, TimeoutError)

    skip_time(test())


def test_a_teardown_that_ignores_its_cancellation_does_not_hold_the_request(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        wire = Wire()
        may_end = asyncio.Event()

        async def items() -> AsyncIterator[int]:
            yield 1

        async def lifecycle() -> AsyncIterator[AsyncIterator[int]]:
            yield items()
            while not may_end.is_set():
                try:
                    await may_end.wait()
                except asyncio.CancelledError:
                    continue

        await stream(lifecycle(), wire, policy=StreamPolicy(teardown_timeout=3))
        assert asyncio.get_running_loop().time() == pytest.approx(6)
        assert "it is left running" in caplog.text
        may_end.set()
        (left_over,) = asyncio.all_tasks() - {asyncio.current_task()}
        await left_over

    skip_time(test())
