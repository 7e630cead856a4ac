"""What the soak's server tells of itself."""

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

from msgspec import Struct


class State(Struct, frozen=True):
    """What a process holds, and what became of its streams.

    `tasks`, `generators`, `descriptors`, `threads`: how many there are. `resident`: bytes. `blocks`: pieces of memory
    that Python's allocator has given out. `open`: streams. `endings`: how many streams of a kind ended for a reason,
    as "kind reason". `complaints`: what asyncio and Python's warnings said.
    """

    tasks: int
    generators: int
    descriptors: int
    threads: int
    resident: int
    blocks: int
    open: int
    endings: dict[str, int]
    complaints: list[str]


class Complaints(logging.Handler):
    """Keeps what asyncio and Python say of forgotten tasks, failed callbacks, coroutines that were never awaited."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage()[:500])


class Ledger:
    """Counts the streams in and out. `closings`: when the idle streams of a key were closed, by `monotonic`."""

    def __init__(self) -> None:
        self.open = 0
        self.endings: dict[str, int] = {}
        self.closings: dict[str, float] = {}
        self._complaints = Complaints()
        logging.captureWarnings(capture=True)
        for name in ("asyncio", "py.warnings"):
            logging.getLogger(name).addHandler(self._complaints)

    def end(self, kind: str, reason: str) -> None:
        """A stream is over."""
        self.open -= 1
        ending = f"{kind} {reason}"
        self.endings[ending] = self.endings.get(ending, 0) + 1

    def state(self) -> State:
        """What there is now, once what is garbage has been collected."""
        gc.collect()
        return State(
            tasks=len(asyncio.all_tasks()),
            generators=sum(isinstance(thing, AsyncGenerator) for thing in gc.get_objects()),
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            threads=threading.active_count(),
            resident=int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGESIZE"),
            blocks=sys.getallocatedblocks(),
            open=self.open,
            endings=self.endings,
            complaints=self._complaints.lines,
        )
