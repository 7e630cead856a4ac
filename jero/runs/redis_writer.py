"""Writes the runs whose producers are in this process, and keeps others from taking them for lost."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from msgspec import Struct

from jero.channels.event import Payload
from jero.channels.redis import Access
from jero.channels.redis_access import Call
from jero.channels.redis_connections import FAILURES
from jero.channels.redis_identity import Identity
from jero.runs.redis_appends import Appender
from jero.runs.redis_scripts import END, END_TYPE, LOST_DATA, RENEW, RENEW_CLAIM, Keys, typed
from jero.runs.register import LOST, Fenced, NewRun, Orders

# How often runs are renewed in the time after which they count as lost.
RENEWALS: Final = 3
# How many runs are renewed in one pipeline.
TOGETHER: Final = 500
# How long after a failure runs are renewed again, at most, in seconds.
RETRY_SECONDS: Final = 0.25


class Times(Struct, frozen=True):
    """In milliseconds: after which time without a renewal a run counts as lost, and how long it is kept then."""

    lease: int
    keep: int


class OpenRun(Struct):
    """A run of which this process is the writer.

    `started`: in milliseconds of Redis's clock. `stored`, `sent`: the number of the last item that is surely stored,
    and of the last one that may be. `is_confirmed`: others may find it by its key. `is_ending`: its
    end is being written. `is_fenced`: it has ended otherwise.
    """

    run: NewRun
    started: int
    stored: int = 0
    sent: int = 0
    is_confirmed: bool = False
    is_ending: bool = False
    is_fenced: bool = False


class Writer:
    """The open runs of this process.

    `key`: of the channel on which it hears that one of them is to stop. It receives these messages as a log does.
    """

    def __init__(self, access: Access, keys: Keys, times: Times) -> None:
        self.key = keys.writer()
        self.runs: dict[str, OpenRun] = {}
        self._access = access
        self._keys = keys
        self._times = times
        self._orders: Orders | None = None
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._appender = Appender(access, self.spawn)

    def open(self, orders: Orders) -> None:
        """Begins to renew runs, and to listen to calls."""
        self._orders = orders
        self._access.listen(self)
        self.spawn(self._renew_again_and_again(), f"renewals of {self.key}")

    async def close(self) -> None:
        """Ends all that it began."""
        self._access.ignore(self)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Runs a task until it is over or the writer is closed."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def on_subscribed(self, source: Identity) -> None:
        """Renews the runs, which tells whether calls were missed."""
        self._wake.set()

    def on_handed_over(self, source: Identity, heir: Identity) -> None:
        """Does nothing: the runs are renewed when it is subscribed again."""

    def on_away(self, seconds: float) -> None:
        """Does nothing: the runs are renewed when it is subscribed again."""

    def on_message(self, message: bytes) -> None:
        """Stops the run that the message names."""
        self.stop(message.decode("utf-8", "replace"))

    def stop(self, run_id: str) -> None:
        """Has a run stop, if it is open here."""
        if run_id in self.runs and self._orders is not None:
            self._orders.stop(run_id)

    def confirm(self, run_id: str) -> None:
        """Lets others find a run by its key, soon: a claim that is renewed is confirmed."""
        run = self.runs[run_id]
        run.is_confirmed = True
        if run.run.key is not None:
            self.spawn(self._access.run(RENEW_CLAIM, *self._claim_of(run)), f"confirmation of the run {run_id}")

    async def append(self, run_id: str, first: int, payloads: Sequence[Payload]) -> None:
        """Appends items, as `RunRegister.append` says."""
        run = self.runs.get(run_id)
        if run is None:
            raise Fenced
        stream, record = self._keys.of_run(run_id)
        arguments: list[str | bytes | int] = [first, *self._access.publishing(stream)]
        for payload in payloads:
            arguments += typed(payload)
        run.sent = first + len(payloads) - 1
        answer = await self._appender.append(([stream, record], arguments))
        if answer == b"gone":
            await self._write_end(run, LOST)
        if answer in (b"gone", b"ended"):
            raise Fenced
        run.stored = run.sent
        if answer == b"stop":
            asyncio.get_running_loop().call_soon(self.stop, run_id)  # not in the task that is stopped

    async def end(self, run_id: str, end: Payload) -> None:
        """Appends the end, as `RunRegister.end` says."""
        run = self.runs.get(run_id)
        if run is None:
            return
        run.is_ending = True
        try:
            # Before its followers learn that it has ended, so that its owner can begin another one then.
            await self._access.run(RENEW_CLAIM, *self._claim_of(run))
            await self._write_end(run, end)
        finally:
            del self.runs[run_id]

    async def _write_end(self, run: OpenRun, end: Payload) -> None:
        stream, record = self._keys.of_run(run.run.id)
        numbers = run.stored, run.sent
        about = run.run.owner, run.run.request, self.key, run.started
        publishing = self._access.publishing(stream)
        arguments = (*numbers, end.data, LOST_DATA, END_TYPE, self._times.keep, *publishing, *about)
        await self._access.run(END, [stream, record], arguments)

    def _claim_of(self, run: OpenRun) -> Call:
        """Returns what renews the claim of a run: to be open, and to be the run with its key."""
        times, keys = self._times, self._keys.of_owner(run.run.owner, run.run.key)
        if run.is_ending:
            return keys, [run.run.id, 0, times.keep]
        return keys, [run.run.id, times.lease, times.lease + times.keep]

    async def _renew_again_and_again(self) -> None:
        interval = self._times.lease / 1_000 / RENEWALS
        is_renewed = True
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(interval if is_renewed else min(RETRY_SECONDS, interval / 2)):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._renew()
                is_renewed = True
            except FAILURES:
                is_renewed = False

    async def _renew(self) -> None:
        """Renews all runs, and does what Redis says about them. Raises an error of `FAILURES` if it does not answer."""
        times, runs = self._times, list(self.runs.values())
        for at in range(0, len(runs), TOGETHER):
            some = runs[at : at + TOGETHER]
            renewing = [(self._keys.of_run(run.run.id), (times.lease, times.lease + times.keep)) for run in some]
            answers = await self._access.run_together(RENEW, renewing)
            for run, answer in zip(some, answers, strict=True):
                self._judge(run, answer)
            some = [run for run in some if run.run.id in self.runs and run.is_confirmed]
            await self._access.run_together(RENEW_CLAIM, [self._claim_of(run) for run in some])

    def _judge(self, run: OpenRun, answer: Any) -> None:
        run_id = run.run.id
        if isinstance(answer, Exception):  # the next renewal comes in time
            return
        if answer == b"stop":
            self.stop(run_id)
        elif answer != b"renewed" and run_id in self.runs and not (run.is_ending or run.is_fenced):
            run.is_fenced = True
            self.spawn(self._fence(run, is_gone=answer == b"gone"), f"end of the run {run_id}")

    async def _fence(self, run: OpenRun, *, is_gone: bool) -> None:
        """Ends the producer of a run that has ended for everybody else, or that Redis has lost."""
        if is_gone:
            await self._write_end(run, LOST)
        if self._orders is not None:
            self._orders.fence(run.run.id)
