"""Keeps runs in this process's memory."""

import sys
from collections.abc import Callable, Sequence
from math import inf
from time import monotonic, time
from typing import Final

from jero.channels.event import Payload, make_event
from jero.channels.kind import Kind, KindOptions
from jero.channels.log import EventLog
from jero.channels.memory import MemoryLog, MemoryStore
from jero.channels.ring import Turn
from jero.runs.end import EndBatch
from jero.runs.register import (
    Claim,
    Fenced,
    NewRun,
    Orders,
    RunOptions,
    RunRecord,
    RunRegister,
    too_many_of_owner,
)

# The ring of a run keeps all: its writer keeps to the limits.
_ALL: Final = KindOptions(sys.maxsize, sys.maxsize)


class MemoryRunLog(MemoryLog):
    """The log of a run, and what else is known of the run. `kept_until`: a time of `time.monotonic`, after its end."""

    __slots__ = ("_drop", "ended_at", "is_confirmed", "kept_until", "run", "started_at")

    def __init__(self, name: str, turn: Turn, drop: "Callable[[MemoryRunLog], None]") -> None:
        super().__init__(_ALL.history, _ALL.history_bytes, turn, name, run="0")
        self._drop = drop
        self.run = NewRun(id=name, owner="")
        self.started_at = time()
        self.ended_at: float | None = None
        self.kept_until = inf
        self.is_confirmed = False

    def unused_until(self) -> float:
        return inf if self.is_gone else self.kept_until

    def go(self) -> None:
        super().go()
        self._drop(self)

    def end(self, end: Payload, keep: float) -> None:
        """Adds the end of the run. It is kept for `keep` seconds."""
        offset = (0, self.ring.high_watermark[1] + 1)
        self.ended_at, self.kept_until = time(), monotonic() + keep
        self.finish(EndBatch(make_event(end, offset, self.id_of(offset))))

    def record(self) -> RunRecord:
        """Returns what is known of the run."""
        end = self.ring.end
        return RunRecord(
            items=self.ring.last_sequence if end is None else self.ring.last_sequence - 1,
            started_at=self.started_at,
            ended_at=self.ended_at,
            end=None if end is None else end.events[0].data,
        )


class MemoryRegister(RunRegister):
    """The runs of one `Runs` of this process. They need no lease: the store ends with the process."""

    def __init__(self, store: MemoryStore, name: str, options: RunOptions) -> None:
        self._store = store
        self._name = name
        self._options = options
        self._orders: Orders | None = None
        self._logs: dict[str, MemoryRunLog] = {}
        self._keys: dict[tuple[str, str], MemoryRunLog] = {}
        self._open: dict[str, int] = {}  # the open runs of each owner
        self.kind = store.add_runs(name, _ALL, self._make_log)

    async def open(self, orders: Orders) -> None:
        self._orders = orders

    async def close(self) -> None:
        self._store.remove_runs(self._name)
        self._logs.clear()
        self._keys.clear()

    async def begin(self, run: NewRun) -> Claim:
        known = await self.known(run)
        if known is not None:
            return known
        count = self._open.get(run.owner, 0)
        if count >= self._options.max_runs_per_owner:
            raise too_many_of_owner()
        self._open[run.owner] = count + 1
        self.kind.log(run.id)
        log = self._logs[run.id]
        log.run = run
        if run.key is not None:
            self._keys[run.owner, run.key] = log
        return Claim(run.id, run.request)

    async def known(self, run: NewRun) -> Claim | None:
        while (first := self._holder_of(run)) is not None:
            if first.is_confirmed:
                return Claim(first.run.id, first.run.request)
            await first.changed.wait()
        return None

    def confirm(self, run_id: str) -> None:
        log = self._logs[run_id]
        log.is_confirmed = True
        log.changed.notify()

    async def forget(self, run_id: str) -> None:
        log = self._logs[run_id]
        self._close_place(log)
        log.go()

    async def append(self, run_id: str, first: int, payloads: Sequence[Payload]) -> None:
        log = self._logs[run_id]
        for payload in payloads:
            if log.ring.end is not None:
                raise Fenced
            await log.append(payload, inf)

    async def end(self, run_id: str, end: Payload) -> None:
        log = self._logs[run_id]
        self._close_place(log)
        log.end(end, self._options.keep)
        self._store.lingering.watch(log)

    async def find(self, run_id: str, owner: str) -> RunRecord | None:
        log = self._logs.get(run_id)
        return None if log is None or log.run.owner != owner or _is_over(log) else log.record()

    async def ask_stop(self, run_id: str) -> None:
        if self._orders is not None:
            self._orders.stop(run_id)

    def reopened(self, log: EventLog, number: int) -> EventLog:
        return log  # its ring has all, also after it was let go

    def _make_log(self, kind: Kind, name: str) -> EventLog:
        self._logs[name] = log = MemoryRunLog(name, self._store.turn, self._drop)
        return log

    def _holder_of(self, run: NewRun) -> MemoryRunLog | None:
        """Returns the log of the run that has the key of another one."""
        log = None if run.key is None else self._keys.get((run.owner, run.key))
        return None if log is None or _is_over(log) else log

    def _close_place(self, log: MemoryRunLog) -> None:
        """Counts the run no more among the open runs of its owner."""
        owner = log.run.owner
        self._open[owner] -= 1
        if not self._open[owner]:
            del self._open[owner]

    def _drop(self, log: MemoryRunLog) -> None:
        """Forgets a run whose time is over."""
        run = log.run
        self._logs.pop(run.id, None)  # the runs may be closed, and the store open
        if run.key is not None and self._keys.get((run.owner, run.key)) is log:
            del self._keys[run.owner, run.key]


def _is_over(log: MemoryRunLog) -> bool:
    return monotonic() >= log.kept_until
