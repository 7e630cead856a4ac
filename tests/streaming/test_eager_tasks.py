"""Under `asyncio.eager_task_factory`: a task runs where it is made, and may be over at once."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from jero.framing.sse import SSE
from tests.streaming.wire import Wire, start

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks are not eager before 3.12")


def run_eagerly(test: Coroutine[Any, Any, None]) -> None:
    """On asyncio's own loop: uvloop has no eager tasks."""

    async def bounded() -> None:
        eager: Any = getattr(asyncio, "eager_task_factory", None)
        asyncio.get_running_loop().set_task_factory(eager)
        async with asyncio.timeout(20):
            await test

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(bounded())


def test_a_stream_that_is_over_at_once_lets_its_request_end() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1

    async def test() -> None:
        wire = Wire()
        await start(source(), wire)
        assert wire.body == b"1\n"
        assert wire.is_complete
        assert wire.outcome.reason == "completed"

    run_eagerly(test())


def test_an_idle_stream_is_pinged_again_and_again() -> None:
    async def source() -> AsyncIterator[int]:
        await asyncio.get_running_loop().create_future()
        yield 1

    async def test() -> None:
        wire = Wire()
        request = start(source(), wire, framing=SSE, keepalive=0.01, first_item_grace=0.01)
        ping = SSE.keepalive or b""
        await wire.wait_for_bytes(ping * 3)
        wire.leave()
        await request
        assert wire.outcome.reason == "disconnected"

    run_eagerly(test())
