"""Bounds the time of a stream's teardown."""

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context
from typing import Final

logger = logging.getLogger("jero.streams")

# How long a cancelled teardown may go on before it is cancelled again, and how often that is done.
RETRY_SECONDS: Final = 1.0
RETRY_SECONDS_IN_SHUTDOWN: Final = 0.1
RETRIES: Final = 3

# A shutdown leaves this much time for a teardown that begins when the time to finish is over.
LAST_SECONDS: Final = 0.5
# How long a server is given to see that a connection was dropped. (granian, which takes a response's end and its
# connection's end at one moment, can lock itself up while it shuts down.)
LEAVE_SECONDS: Final = 0.1


class TeardownLimit:
    """Cancels a task that does not finish its teardown in time.

    When `seconds` have passed since `start`, `on_timeout` is called and the task is cancelled; then again, up to
    `RETRIES` times, if the task ignores that. At last `on_abandon` is called, and the task is left running.
    `is_exhausted`: the time has run out at least once.
    """

    __slots__ = (
        "_context",
        "_deadline",
        "_loop",
        "_on_abandon",
        "_on_timeout",
        "_seconds",
        "_task",
        "_timer",
        "is_exhausted",
    )

    def __init__(
        self, seconds: float, context: Context, on_timeout: Callable[[], None], on_abandon: Callable[[], None]
    ) -> None:
        self._seconds = seconds
        self._context = context
        self._on_timeout = on_timeout
        self._on_abandon = on_abandon
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        self.is_exhausted = False

    def start(self, task: asyncio.Task[None]) -> None:
        """Starts the time, unless it runs already."""
        if self._timer is None:
            self._task = task
            due = self._loop.time() + self._seconds
            due = due if self._deadline is None else min(due, self._deadline)
            self._timer = self._loop.call_at(due, self._time_out, context=self._context)

    def stop(self) -> None:
        """Stops the time: the task was fast enough. The next `start` begins from zero."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def shorten(self, seconds: float) -> None:
        """Sets a deadline `seconds` from now, for what runs already and for each later start."""
        self._deadline = self._loop.time() + seconds
        if self._timer is not None and self._task is not None and self._timer.when() > self._deadline:
            self.stop()
            self.start(self._task)

    def renew(self) -> bool:
        """Gives what follows a time of its own. Returns whether the time had run out."""
        was_exhausted, self.is_exhausted = self.is_exhausted, False
        return was_exhausted

    def explain(self, cancelled: asyncio.CancelledError) -> Exception:
        """Returns the error behind a cancellation that nothing else explains: a timeout, or the source's own raise."""
        if self.is_exhausted:
            explanation: Exception = TimeoutError("the teardown did not end in time")
        else:
            explanation = RuntimeError("the stream's source raised CancelledError by itself")
        explanation.__cause__ = cancelled
        return explanation

    def _time_out(self, retries: int = RETRIES) -> None:
        self.is_exhausted = True
        self._on_timeout()
        if self._task is None:
            return
        if retries == 0:
            logger.error("%s does not end after %d cancellations: it is left running", self._task.get_name(), RETRIES)
            self._on_abandon()
            return
        self._task.cancel()
        pause = RETRY_SECONDS if self._deadline is None else RETRY_SECONDS_IN_SHUTDOWN
        self._timer = self._loop.call_later(pause, self._time_out, retries - 1, context=self._context)
