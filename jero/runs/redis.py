"""Runs on Redis: any process follows and stops a run, and one process, its writer, appends to it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, Final

from jero.channels.event import Payload
from jero.channels.keys import fault_of_name
from jero.channels.kind import Kind, KindOptions
from jero.channels.log import EventLog
from jero.channels.redis import RedisStore
from jero.channels.redis_access import Call
from jero.channels.ring import HISTORY_BYTES
from jero.channels.store import ChannelUnavailable
from jero.runs.redis_log import RunLog
from jero.runs.redis_scripts import (
    APPEND,
    BEGIN,
    CALL_WRITER,
    CLAIM,
    END_TYPE,
    FORGET,
    LOSE,
    LOST_DATA,
    OTHERS,
    READ,
    RENEW_CLAIM,
    STOP,
    WAITED,
    Keys,
)
from jero.runs.redis_watch import LeaseWatch
from jero.runs.redis_writer import RENEWALS, OpenRun, Times, Writer
from jero.runs.register import Claim, NewRun, Orders, RunOptions, RunRecord, RunRegister, too_many_of_owner

logger = logging.getLogger("jero.runs")

# Theory of operation
# -------------------
#
# `run.lua` says what Redis keeps of a run. Each script may run again, so that it is repeated until Redis answers: an
# item has a number, and is added once.
#
# A writer renews all its runs several times in `lost_after`. A run that was not renewed for that long counts as lost.
# Then whoever looks at it ends it, and the script that appends refuses all that comes later. A process looks at a run
# when it is asked about it. For the runs that are followed here, a task looks when their time is over.
#
# A Redis that was away has kept the writer from renewing, too. So a process ends no run unless Redis has answered it,
# soon and without a failure, for as long as a writer needs to renew its runs. The run is read first, and ended with the
# next command, so that this command does not wait in a Redis that has just stopped to answer.
#
# A run of which Redis has lost something ends as lost, too. Its writer finds that when it appends or renews, and writes
# its record again. A follower finds it in the stream.
#
# A stop is published to the writer, which listens on one channel for all its runs. It also stays in the record, and the
# writer reads it with each append and each renewal.

# How long a request waits for Redis.
ANSWER_SECONDS: Final = 5.0
# How long the end of a run waits for its way back to this process.
END_SECONDS: Final = 1.0
# How long the second of two runs with one key waits before it looks again whether the first one is confirmed.
LOOK_SECONDS: Final = 0.02
# How long Redis must have answered, at least, before a run is ended as lost.
CALM_SECONDS: Final = 1.0
# How many events of a run a process keeps in memory, and for how many seconds after its last follower.
RING_EVENTS: Final = 1_000
LINGER_SECONDS: Final = 10.0


class RedisRegister(RunRegister):
    """The runs of one `Runs` on Redis."""

    def __init__(self, store: RedisStore, name: str, options: RunOptions) -> None:
        self._store = store
        self._access = store.access
        self._name = name
        self._options = options
        self._keys = Keys(store.prefix, name)
        self._times = Times(max(1, int(options.lost_after * 1_000)), max(1, int(options.keep * 1_000)))
        self._margin = options.lost_after / RENEWALS
        self._writer = Writer(self._access, self._keys, self._times)
        self._watch = LeaseWatch(self._look, self._margin)
        limits = KindOptions(RING_EVENTS, HISTORY_BYTES, linger=LINGER_SECONDS)
        self.kind = store.add_runs(name, limits, self._make_log)

    async def open(self, orders: Orders) -> None:
        self._access.add_scripts((APPEND,), OTHERS, WAITED)
        self._writer.open(orders)

    async def close(self) -> None:
        await self._watch.close()
        await self._writer.close()
        self._store.remove_runs(self._name)

    async def begin(self, run: NewRun) -> Claim:
        try:
            async with self._in_time():
                claim = await self._begin(run)
        except BaseException:
            self._writer.spawn(self._remove(run), f"removal of the run {run.id}")
            raise
        if claim.run_id != run.id:
            self._writer.spawn(self._remove(run), f"removal of the run {run.id}")
        return claim

    async def _begin(self, run: NewRun) -> Claim:
        """Begins the run before it is claimed, so that a run that has a key can always be found."""
        times = self._times
        arguments = (run.owner, run.request, self._writer.key, times.lease, times.lease + times.keep)
        started = await self._access.run(BEGIN, self._keys.of_run(run.id), arguments)
        claim = await self._claim(run, self._options.max_runs_per_owner)
        if claim is None:
            raise too_many_of_owner()
        if claim.run_id == run.id:
            self._writer.runs[run.id] = OpenRun(run, started)
        return claim

    async def _claim(self, run: NewRun, most: int) -> Claim | None:
        """Returns the run with the key, which is this one if there was none; `None` if the owner has too many open."""
        gone = ""
        while True:
            keys = self._keys.of_owner(run.owner, run.key)
            answer: bytes = await self._access.run(CLAIM, keys, (run.id, run.request, most, self._times.lease, gone))
            if not answer:
                return Claim(run.id, run.request)
            if answer == b"full":
                return None
            holder, request, *unconfirmed = answer.decode().split(" ")
            if unconfirmed:
                await asyncio.sleep(LOOK_SECONDS)
            elif await self._read(holder, run.owner):
                return Claim(holder, request)
            else:
                gone = holder

    async def _remove(self, run: NewRun) -> None:
        """Removes what `begin` may have stored. If Redis does not answer, that expires."""
        with suppress(TimeoutError, ChannelUnavailable):
            async with asyncio.timeout(self._options.lost_after):
                await self._access.run(RENEW_CLAIM, self._keys.of_owner(run.owner, run.key), (run.id, 0, 0))
                await self._access.run(FORGET, self._keys.of_run(run.id), ())

    async def known(self, run: NewRun) -> Claim | None:
        if run.key is None:
            return None
        async with self._in_time():
            return await self._claim(run, 0)  # with no place for another one

    def confirm(self, run_id: str) -> None:
        self._writer.confirm(run_id)

    async def forget(self, run_id: str) -> None:
        run = self._writer.runs.pop(run_id, None)
        if run is not None:
            await self._remove(run.run)

    async def append(self, run_id: str, first: int, payloads: Sequence[Payload]) -> None:
        await self._writer.append(run_id, first, payloads)

    async def end(self, run_id: str, end: Payload) -> None:
        log = self.kind.logs.get(run_id)
        try:
            await self._writer.end(run_id, end)
            if log is not None:
                await _until_ended(log)
        finally:
            if isinstance(log, RunLog):
                self._watch.watch(log)

    async def find(self, run_id: str, owner: str) -> RunRecord | None:
        if fault_of_name(run_id) is not None:
            return None
        async with self._in_time():
            answer = await self._read(run_id, owner)
            if _is_overdue(answer) and run_id not in self._writer.runs and self._is_calm(run_id):
                self._report([run_id], [await self._access.run(LOSE, *self._losing(run_id))])
                answer = await self._read(run_id, owner)
        if not answer:
            return None
        started, ended, items, end, _ = answer
        ended_at = int(ended) / 1_000 if ended else None
        return RunRecord(items=items, started_at=started / 1_000, ended_at=ended_at, end=end or None)

    async def ask_stop(self, run_id: str) -> None:
        if run_id in self._writer.runs:
            self._writer.stop(run_id)
            return
        async with self._in_time():
            writer = (await self._access.run(STOP, self._keys.of_run(run_id), ())).decode()
            if writer:
                await self._access.run(CALL_WRITER, [writer], (*self._access.publishing(writer), run_id))

    @asynccontextmanager
    async def _in_time(self) -> AsyncGenerator[None]:
        """Raises `ChannelUnavailable` if Redis does not answer in time."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                yield
        except TimeoutError:
            raise ChannelUnavailable("Redis did not answer in time.") from self._access.last_error

    async def _read(self, run_id: str, owner: str) -> Sequence[Any]:
        answer: Sequence[Any] = await self._access.run(READ, self._keys.of_run(run_id), (owner,))
        return answer

    async def _look(self, run_ids: Sequence[str]) -> Sequence[Any]:
        """Returns what the watch wants to know of runs that are followed here. Ends those that are overdue."""
        answers = await self._access.run_together(READ, [(self._keys.of_run(run_id), ("",)) for run_id in run_ids])
        found = zip(run_ids, answers, strict=True)
        overdue = [run_id for run_id, answer in found if _is_overdue(answer) and self._is_calm(run_id)]
        if overdue:
            self._report(overdue, await self._access.run_together(LOSE, [*map(self._losing, overdue)]))
        return answers

    def _report(self, run_ids: Sequence[str], answers: Sequence[Any]) -> None:
        """Logs the runs that this process has ended as lost: theirs cannot."""
        for run_id, answer in zip(run_ids, answers, strict=True):
            if answer == b"ended":
                logger.warning("%s: the run %s is lost: its process has not renewed it in time", self._name, run_id)

    def _losing(self, run_id: str) -> Call:
        """Returns what ends a run as lost, if it is overdue."""
        stream, record = self._keys.of_run(run_id)
        return [stream, record], [LOST_DATA, END_TYPE, self._times.keep, *self._access.publishing(stream)]

    def _is_calm(self, run_id: str) -> bool:
        """Returns whether the Redis of a run has answered for so long that its writer has renewed it meanwhile."""
        since = self._access.answers_since(self._keys.stream(run_id))
        return monotonic() - since >= max(self._margin, CALM_SECONDS)

    def _make_log(self, kind: Kind, name: str) -> EventLog:
        return RunLog(self._access, self._keys.stream(name), kind, name, self._store.turn, self._on_followed)

    def _on_followed(self, log: RunLog) -> None:
        if log.name not in self._writer.runs:
            self._watch.watch(log)


async def _until_ended(log: EventLog) -> None:
    """Waits a moment until the followers of this process have an end that Redis has: the process may shut down now."""
    with suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            while log.counters.subscribers and log.ring.end is None and not log.is_closed:
                await log.changed.wait()


def _is_overdue(answer: Any) -> bool:
    """Returns whether a run that was read is open, and was not renewed in time."""
    return not isinstance(answer, Exception) and bool(answer) and not answer[3] and answer[4] <= 0
