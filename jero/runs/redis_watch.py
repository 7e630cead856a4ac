"""Watches the leases of runs that this process follows, and that other processes write: one task for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from jero.channels.redis_connections import FAILURES
from jero.runs.redis_log import RunLog

# How many runs are looked at together.
TOGETHER: Final = 500
# How long the task waits at least, so that runs are looked at together.
GRAIN_SECONDS: Final = 0.02


class Look:
    """Says what a look at a run has found.

    `exists`, `ended`: the run is there; it has an end. `items`: how many it has. `left`: seconds until its lease is
    over.
    """

    __slots__ = ("ended", "exists", "items", "left")

    def __init__(self, answer: Sequence[Any]) -> None:
        self.exists = bool(answer)
        self.ended = bool(answer and answer[3])
        self.items: int = answer[2] if answer else 0
        self.left: float = answer[4] / 1_000 if answer else 0.0


class LeaseWatch:
    """Looks at a run when its lease is nearly over, and again when it is over: then the run is ended as lost.

    `look(run_ids)`: looks at runs, and ends those as lost that may be ended. `margin`: how long before the lease is
    over the first look is, in seconds, so that a failure of Redis in between is noticed.
    """

    def __init__(self, look: Callable[[list[str]], Awaitable[Sequence[Any]]], margin: float) -> None:
        self._look = look
        self._margin = margin
        self._due: dict[RunLog, float] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def watch(self, log: RunLog) -> None:
        """Watches a run as long as somebody follows it."""
        if log.ring.end is None and log not in self._due:
            self._due[log] = 0.0
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._run(), name="leases of runs on Redis")
            self._wake.set()

    async def close(self) -> None:
        """Ends the task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(GRAIN_SECONDS)
            self._wake.clear()
            due = min(self._due.values(), default=None)
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(due - monotonic(), 0)):
                    await self._wake.wait()
            self._due = {log: due for log, due in self._due.items() if _is_followed(log)}
            now = monotonic()
            logs = [log for log, due in self._due.items() if due <= now][:TOGETHER]
            if not logs:
                continue
            try:
                answers = await self._look([log.name for log in logs])
            except FAILURES:
                await asyncio.sleep(self._margin / 4)
                continue
            for log, answer in zip(logs, answers, strict=True):
                if isinstance(answer, Exception):
                    self._due[log] = monotonic() + self._margin / 4
                else:
                    self._judge(log, Look(answer))

    def _judge(self, log: RunLog, look: Look) -> None:
        if look.exists and not look.ended:
            self._due[log] = monotonic() + self._wait_for(look.left)
            return
        del self._due[log]
        if not look.exists or log.ring.high_watermark > (0, look.items):
            log.lose()
        elif log.ring.end is None:
            log.catch_up()

    def _wait_for(self, left: float) -> float:
        """Returns after how many seconds to look again at a run whose lease is over after `left` seconds."""
        if left > self._margin:
            return left - self._margin
        return left if left > 0 else self._margin / 4  # it ends meanwhile, or cannot be ended yet


def _is_followed(log: RunLog) -> bool:
    return bool(log.counters.subscribers) and log.ring.end is None and not log.is_gone
