"""Lets channels go that nobody uses any more: one heap and one timer for all channels of a store."""

import asyncio
from heapq import heappop, heappush
from math import inf
from time import monotonic
from typing import Final

from jero.channels.log import EventLog
from jero.channels.ring import TURN_SECONDS

# How long the timer waits at least, so that channels that are unused at nearly the same time go together.
GRAIN_SECONDS: Final = 0.05


class Lingering:
    """The logs whose time may be over soon. When it is, they go.

    A log joins when nobody uses it. While it is used again, it stays in the heap, so that a subscriber or a publication
    costs nothing here; when its moment comes, it is looked at.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, EventLog]] = []
        self._count = 0
        self._timer: asyncio.Handle | None = None
        self._wakes_at = inf

    def __len__(self) -> int:
        return len(self._heap)

    def watch(self, log: EventLog) -> None:
        """Adds a log that nobody uses, unless it is there already, or stays for ever."""
        if log.is_watched:
            return
        due = log.unused_until()
        if due == inf:
            return
        log.is_watched = True
        self._push(due, log)
        if due < self._wakes_at:
            self._wait(due)

    def sweep(self, until: float = inf) -> None:
        """Lets the logs go whose time is over. Stops at the moment `until`, so that others have a turn."""
        heap = self._heap
        now = monotonic()
        while heap and heap[0][0] <= now:
            _, _, log = heappop(heap)
            due = inf if log.counters.subscribers else log.unused_until()
            if due <= now:
                log.is_watched = False
                log.go()
            elif due == inf:
                log.is_watched = False
            else:
                self._push(due, log)
            if monotonic() >= until:
                return

    def close(self) -> None:
        """Forgets all logs."""
        self._heap.clear()
        self._cancel()

    def _push(self, due: float, log: EventLog) -> None:
        self._count += 1  # tuples are compared by it if two logs are due at one moment
        heappush(self._heap, (due, self._count, log))

    def _wait(self, due: float) -> None:
        self._cancel()
        self._wakes_at = due
        seconds = max(due - monotonic(), GRAIN_SECONDS)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._wakes_at = None, inf

    def _wake(self) -> None:
        self._timer, self._wakes_at = None, inf
        now = monotonic()
        self.sweep(now + TURN_SECONDS)
        if not self._heap:
            return
        if self._heap[0][0] <= now:  # many are due: the event loop has a turn in between
            self._timer, self._wakes_at = asyncio.get_running_loop().call_soon(self._wake), now
        else:
            self._wait(self._heap[0][0])
