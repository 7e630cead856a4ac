"""Shares the event loop among sources that never pause, and among streams that end together.

Such a source gives the event loop back after its turn. If every one of a hundred sources took half a millisecond, other
requests would wait for fifty. So all of them together have `SHARED_SECONDS` between two turns of anything else. If
thousands of clients stall together, a few of their streams are stopped in each turn.
"""

from collections import deque
from collections.abc import Callable
from contextvars import Context
from time import sleep
from typing import Final

# How long one source keeps the event loop at most. Half a millisecond is short enough for other requests to stay fast
# (an answer takes two or three turns) and costs little: a turn of 1 ms saved a tenth of an item.
LONGEST_SECONDS: Final = 0.0005
SHARED_SECONDS: Final = 0.004
# Other threads, a server's own among them, need the interpreter as tasks need the event loop. A thread that waits for
# it has to wake first, so the interpreter is released for a sleep, however short. When it was released for a call only,
# a request on granian took a second.
HANDOVER_SECONDS: Final = 0.000_001
# How many streams may be stopped in one turn of the event loop. Each takes about 0.2 ms.
STOPS_A_TURN: Final = 64


class Turns:
    """The turns of an application's streams. `seconds`: how long each may be at present."""

    __slots__ = ("_stops", "_taken", "seconds")

    def __init__(self) -> None:
        self._stops: deque[tuple[Callable[[], None], Context]] = deque()
        self._taken = 0
        self.seconds = LONGEST_SECONDS

    def end(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        """Counts a turn that is over. The caller pauses after it. `call_soon` is that of the event loop."""
        self._taken += 1
        if self._taken == 1:
            call_soon(self._begin_round)

    def _begin_round(self) -> None:
        """Divides the time by the sources that took a turn in the last round, once all of them had one."""
        self.seconds = min(LONGEST_SECONDS, SHARED_SECONDS / self._taken)
        self._taken = 0
        sleep(HANDOVER_SECONDS)

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
