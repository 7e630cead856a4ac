"""The log of a run on Redis, without Redis: what the end does to it, and what a Redis that lacks entries does."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from jero.channels.entry import AFTER
from jero.channels.event import Payload, make_event
from jero.channels.kind import Kind, KindOptions
from jero.channels.log import EventLog
from jero.channels.ring import Turn
from jero.channels.stream import Snapshot, make_snapshot
from jero.runs.end import RunEnd, read_end
from jero.runs.redis_log import RunLog
from tests.channels.no_access import NoAccess

END = RunEnd(outcome="completed").payload()


class Answer(NoAccess):
    """Answers each read with the same entries."""

    def __init__(self, *payloads: Payload) -> None:
        self.answer: Sequence[Any] = answer_of(*payloads)

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        return self.answer


def answer_of(*payloads: Payload, first: int = 1) -> list[Any]:
    """Returns the answer of Redis for a stream of these entries."""
    entries: list[Any] = []
    for number, payload in enumerate(payloads, first):
        fields = [AFTER, b"0-%d" % (number - 1), b"data", payload.data]
        if payload.event is not None:
            fields += [b"event", payload.event.encode()]
        entries.append([b"0-%d" % number, fields])
    return [b"0-%d" % (first + len(payloads) - 1), 1, 1, entries, 10**12, 0, b"", b""]


def item(number: int) -> Payload:
    return Payload(b"%d" % number)


def log_of(access: NoAccess) -> RunLog:
    """Returns a log that is ready, and has nothing."""

    def make_log(*_: object) -> EventLog:
        raise AssertionError

    kind = Kind("runs", KindOptions(10, 10_000), make_log, lambda _: None)
    log = RunLog(access, "key", kind, "run", Turn(), lambda _: None)
    log.take(Snapshot(exists=True, last=(0, 0)))
    return log


def add(log: RunLog, *payloads: Payload) -> None:
    for payload in payloads:
        offset = (0, log.ring.high_watermark[1] + 1)
        log.add(make_event(payload, offset, log.id_of(offset)))


async def test_nothing_comes_after_the_end() -> None:
    log = log_of(NoAccess())
    add(log, item(1), END, item(3))
    assert log.ring.high_watermark == (0, 2)
    log.lose()
    assert log.ring.end is not None
    assert read_end(log.ring.end.events[0].data).outcome == "completed"


async def test_a_page_has_no_end_which_comes_from_the_ring() -> None:
    log = log_of(Answer(item(1), item(2), END))
    replay = await log.replay((0, 0))
    assert [event.id for event in replay.events] == ["0-1", "0-2"]


async def test_a_page_of_the_end_alone_waits_for_the_ring() -> None:
    access = Answer()
    access.answer = answer_of(END, first=3)
    log = log_of(access)
    replaying = asyncio.create_task(log.replay((0, 2)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not replaying.done()
    add(log, item(1), item(2), END)
    replay = await replaying
    assert (replay.offset, list(replay.events), replay.gap_end) == ((0, 2), [], None)


async def test_an_entry_that_redis_has_not_kept_yet_is_waited_for() -> None:
    log = log_of(Answer(item(1), item(2)))
    replaying = asyncio.create_task(log.replay((0, 3)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not replaying.done()
    add(log, item(1), item(2), item(3))
    replay = await replaying
    assert (replay.offset, replay.gap_end) == ((0, 3), None)


async def test_an_entry_that_is_missing_before_another_ends_the_run_as_lost() -> None:
    access = Answer()
    access.answer = answer_of(item(5), item(6), first=5)
    log = log_of(access)
    replay = await log.replay((0, 2))
    assert replay.gap_end == (0, 4)
    batch = log.make_gap("0-2", (0, 4))
    assert read_end(batch.events[0].data).outcome == "lost"
    assert log.ring.end is not None


async def test_a_snapshot_that_lacks_the_newest_entries_changes_nothing() -> None:
    log = log_of(NoAccess())
    add(log, item(1), item(2), item(3))
    log.take(make_snapshot(answer_of(item(1))))
    assert log.ring.high_watermark == (0, 3)
    assert log.ring.end is None


async def test_a_stream_that_is_gone_ends_the_run_as_lost() -> None:
    log = log_of(NoAccess())
    add(log, item(1))
    log.take(Snapshot(exists=False, last=(10**12, 0)))
    assert log.ring.end is not None
    assert log.ring.end.offset == (0, 2)


@pytest.mark.parametrize("event_id", ["1-1", "0-01", "0-", "-1", "0-1-1", "1700000000000-0", "0" * 16 + "-1"])
async def test_an_id_that_is_not_of_a_run_is_refused(event_id: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        log_of(NoAccess()).offset_of(event_id)


async def test_no_id_has_a_time() -> None:
    log = log_of(NoAccess())
    add(log, item(1), item(2))
    assert log.offset_at(0.0) == (0, 0)
    assert log.earliest_offset() == (0, 0)
