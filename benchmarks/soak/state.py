"""Reports the state of the soak's server: its counts, its memory, and the endings of its streams."""

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from msgspec import Struct


class State(Struct, frozen=True):
    """The state of a process, and the endings of its streams.

    `tasks`, `generators`, `descriptors`, `threads`: their numbers. `resident`: bytes. `blocks`: allocated blocks of
    Python's allocator. `open`: open streams. `rooms`: open channels. `endings`: the number of streams for each kind and
    reason, with the key "kind reason". `complaints`: warnings of asyncio and Python.
    """

    tasks: int
    generators: int
    descriptors: int
    threads: int
    resident: int
    blocks: int
    open: int
    rooms: int
    endings: dict[str, int]
    complaints: list[str]


class Complaints(logging.Handler):
    """Keeps warnings about forgotten tasks, failed callbacks, and coroutines that were never awaited."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage()[:500])


class Ledger:
    """Counts open streams and endings. `closings`: the times (`monotonic`) when idle streams were closed, by key.

    `count_rooms`: returns the number of open channels.
    """

    def __init__(self) -> None:
        self.open = 0
        self.count_rooms: Callable[[], int] = int
        self.endings: dict[str, int] = {}
        self.closings: dict[str, float] = {}
        self._complaints = Complaints()
        logging.captureWarnings(capture=True)
        for name in ("asyncio", "py.warnings"):
            logging.getLogger(name).addHandler(self._complaints)

    def end(self, kind: str, reason: str) -> None:
        """Records the ending of a stream."""
        self.open -= 1
        ending = f"{kind} {reason}"
        self.endings[ending] = self.endings.get(ending, 0) + 1

    def state(self) -> State:
        """Collects garbage, and returns the state after that."""
        gc.collect()
        return State(
            tasks=len(asyncio.all_tasks()),
            generators=sum(isinstance(thing, AsyncGenerator) for thing in gc.get_objects()),
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            threads=threading.active_count(),
            resident=int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGESIZE"),
            blocks=sys.getallocatedblocks(),
            open=self.open,
            rooms=self.count_rooms(),
            endings=self.endings,
            complaints=self._complaints.lines,
        )
