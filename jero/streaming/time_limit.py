"""A bound on how long a task may take to clean up."""

import asyncio
import logging
from typing import Final

from jero.streaming.overseer import Overseer

logger = logging.getLogger("jero.streams")

AGAIN_SECONDS: Final = 1.0
AGAIN_SECONDS_IN_SHUTDOWN: Final = 0.1
TIMES: Final = 3


class TimeLimit:
    """When `seconds` are over it tells the overseer of the overrun and cancels the task, some times more where that
    goes on, and then has the overseer release it. `is_over`: the time has run out.
    """

    __slots__ = ("_deadline", "_loop", "_overseer", "_seconds", "_task", "_timer", "is_over")

    def __init__(self, seconds: float, overseer: Overseer) -> None:
        self._seconds = seconds
        self._overseer = overseer
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        self.is_over = False

    def start(self, task: asyncio.Task[None]) -> None:
        """The time runs from the first start on."""
        if self._timer is None:
            self._task = task
            due = self._loop.time() + self._seconds
            due = due if self._deadline is None else min(due, self._deadline)
            self._timer = self._loop.call_at(due, self._cancel, context=self._overseer.context)

    def stop(self) -> None:
        """The task was in time; the next start begins anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def shorten(self, seconds: float) -> None:
        """The server is going down: what is being done, or begins later, is to be over in so many seconds from now."""
        self._deadline = self._loop.time() + seconds
        if self._timer is not None and self._task is not None and self._timer.when() > self._deadline:
            self.stop()
            self.start(self._task)

    def explain(self, cancelled: asyncio.CancelledError) -> Exception:
        """What a cancellation that nobody else asked for means: the time ran out, or a source raised it by itself."""
        if self.is_over:
            explanation: Exception = TimeoutError("the teardown did not end in time")
        else:
            explanation = RuntimeError("the stream's source raised CancelledError by itself")
        explanation.__cause__ = cancelled
        return explanation

    def _cancel(self, times: int = TIMES) -> None:
        self.is_over = True
        self._overseer.overrun()
        if self._task is None:
            return
        if times == 0:
            logger.error("%s does not end, cancelled %d times: it is left to itself", self._task.get_name(), TIMES)
            self._overseer.release()
            return
        self._task.cancel()
        again = AGAIN_SECONDS if self._deadline is None else AGAIN_SECONDS_IN_SHUTDOWN
        self._timer = self._loop.call_later(again, self._cancel, times - 1, context=self._overseer.context)
