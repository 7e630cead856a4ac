"""Shares the event loop among sources that never pause, and among streams that end together.

Such a source gives the event loop back after its turn. If each of a hundred sources took its turn between two turns of
anything else, other requests would wait for all of them. So `TOGETHER` of them have a turn at once, and the others wait
in a queue. A turn stays as long as it is, because a short one sends small chunks. If thousands of clients stall
together, a few of their streams are stopped in each turn.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from time import sleep
from typing import Final

# How many sources have a turn between two turns of anything else.
TOGETHER: Final = 8
# Other threads, a server's own among them, need the interpreter as tasks need the event loop. A thread that waits for
# it has to wake first, so the interpreter is released for a sleep, however short. When it was released for a call only,
# a request on granian took a second.
HANDOVER_SECONDS: Final = 0.000_001
# How many streams may be stopped in one turn of the event loop. Each takes about 0.2 ms.
STOPS_A_TURN: Final = 64


class Turns:
    """The turns of an application's streams."""

    __slots__ = ("_loop", "_queue", "_stops", "_taken")

    def __init__(self) -> None:
        self._stops: deque[tuple[Callable[[], None], Context]] = deque()
        self._queue: deque[asyncio.Future[None]] = deque()
        self._taken = 0
        self._loop: asyncio.AbstractEventLoop | None = None  # the one in which the next round is scheduled

    def end(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
        """Counts a turn that is over. Returns a future to wait for until the next one, or None if that is the loop's.

        None stands for one turn of the event loop, for which the caller pauses in any case.
        """
        if self._loop is not loop:  # none is scheduled, or an earlier event loop was closed before
            self._queue.clear()
            self._taken = 0
            self._schedule(loop)
        self._taken += 1
        if self._taken <= TOGETHER and not self._queue:
            return None
        future = loop.create_future()
        self._queue.append(future)
        return future

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        loop.call_soon(self._begin_round, loop)

    def _begin_round(self, loop: asyncio.AbstractEventLoop) -> None:
        """Lets the next sources of the queue have their turn."""
        self._loop = None
        self._taken = 0
        sleep(HANDOVER_SECONDS)
        let_in = 0
        while self._queue and let_in < TOGETHER:
            future = self._queue.popleft()
            if not future.done():  # else its stream was stopped
                future.set_result(None)
                let_in += 1
        if let_in:
            self._schedule(loop)

    def spread(self, call_soon: Callable[..., object], stop: Callable[[], None], context: Context) -> None:
        """Calls `stop` in one of the next turns of the event loop, whose method `call_soon` is."""
        if not self._stops:
            call_soon(self._stop_some, call_soon)
        self._stops.append((stop, context))

    def _stop_some(self, call_soon: Callable[..., object]) -> None:
        for _ in range(min(len(self._stops), STOPS_A_TURN)):
            stop, context = self._stops.popleft()
            call_soon(stop, context=context)
        if self._stops:
            call_soon(self._stop_some, call_soon)
