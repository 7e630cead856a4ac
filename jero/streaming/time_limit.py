"""A bound on how long a task may take to clean up."""

import asyncio
import logging
from collections.abc import Callable

logger = logging.getLogger("jero.streams")

AGAIN_SECONDS = 1.0
TIMES = 3


class TimeLimit:
    """Cancels the task when `seconds` are over, some times more where it goes on, and then calls `give_up`.

    `is_over`: the time has run out.
    """

    def __init__(self, seconds: float, give_up: Callable[[], None]) -> None:
        self._seconds = seconds
        self._give_up = give_up
        self._timer: asyncio.TimerHandle | None = None
        self.is_over = False

    def start(self, task: asyncio.Task[None]) -> None:
        """The time runs from the first start on."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._cancel, task, TIMES)

    def stop(self) -> None:
        """The task was in time; the next start begins anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def explain(self, cancelled: asyncio.CancelledError) -> Exception:
        """What a cancellation that nobody else asked for means: the time ran out, or a source raised it by itself."""
        if self.is_over:
            explanation: Exception = TimeoutError(f"the teardown did not end within {self._seconds:g} seconds")
        else:
            explanation = RuntimeError("the stream's source raised CancelledError by itself")
        explanation.__cause__ = cancelled
        return explanation

    def _cancel(self, task: asyncio.Task[None], times: int) -> None:
        self.is_over = True
        if times == 0:
            logger.error("%s does not end, cancelled %d times: it is left to itself", task.get_name(), TIMES)
            self._give_up()
            return
        task.cancel()
        self._timer = asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._cancel, task, times - 1)
