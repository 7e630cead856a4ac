"""Sends the items of many runs together: those that come while Redis is asked go with the next command."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

from jero.channels.redis import Access
from jero.channels.redis_access import Call
from jero.channels.redis_connections import FAILURES, back_off
from jero.channels.store import ChannelUnavailable
from jero.runs.redis_scripts import APPEND

# How many calls one pipeline has at most, and how many pipelines are on their way at once.
TOGETHER: Final = 100
SENDERS: Final = 2
# After how many seconds a call is repeated that Redis alone refused.
RETRY_SECONDS: Final = 0.25

_Waiting: TypeAlias = tuple[Call, asyncio.Future[bytes]]


class Appender:
    """Calls the script `APPEND` for many writers. Each waits for its answer before it calls again.

    `spawn(work, name)`: runs a task.
    """

    def __init__(self, access: Access, spawn: Callable[[Coroutine[Any, Any, None], str], object]) -> None:
        self._access = access
        self._spawn = spawn
        self._waiting: deque[_Waiting] = deque()
        self._senders = 0

    async def append(self, call: Call) -> bytes:
        """Returns the answer to a call. Waits as long as Redis does not answer.

        Raises `ChannelUnavailable` if the store is closed.
        """
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._wait((call, future))
        return await future

    def _wait(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        if self._senders < SENDERS:
            self._senders += 1
            self._spawn(self._send(), "items of runs")

    async def _send(self) -> None:
        """Sends what waits until nothing waits."""
        try:
            failures = 0
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
                some = [waiting for waiting in some if not waiting[1].done()]  # its writer may have been cancelled
                if await self._send_together(some):
                    failures = 0
                else:
                    await back_off(failures)
                    failures += 1
        finally:
            self._senders -= 1

    async def _send_together(self, some: list[_Waiting]) -> bool:
        """Sends some calls. Returns whether Redis has answered. If not, they wait again."""
        try:
            answers = await self._access.run_together(APPEND, [call for call, _ in some])
        except FAILURES:
            self._waiting.extendleft(reversed(some))
            return False
        except ChannelUnavailable as error:
            for _, future in some:
                if not future.done():
                    future.set_exception(error)
            return True
        for waiting, answer in zip(some, answers, strict=True):
            if isinstance(answer, Exception):
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._wait, waiting)
            elif not waiting[1].done():
                waiting[1].set_result(answer)
        return True
