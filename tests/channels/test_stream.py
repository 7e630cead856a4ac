"""A read of a stream, compared with all that was ever added to it: no loss is silent."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jero.channels.entry import AFTER, EntryReader
from jero.channels.event import Offset
from jero.channels.kind import KindOptions
from jero.channels.redis_access import MessageFollower
from jero.channels.redis_log import RedisLog
from jero.channels.ring import Turn
from jero.channels.stream import (
    BEFORE,
    BEGINNING,
    EMPTY,
    NOTHING,
    Message,
    Snapshot,
    Timeline,
    format_id,
    just_before,
    make_snapshot,
    offset_of,
    read_id,
    read_message,
)
from tests.channels.no_access import NoAccess

KEEP = 0.02
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["own", "own", "foreign", "look", "expire", "destroy"]), st.just(0)),
        st.tuples(st.sampled_from(["wait", "trim"]), st.integers(1, 15)),
        st.tuples(st.just("delete"), st.integers(0, 7)),
    ),
    max_size=25,
)


def id_of(offset: Offset) -> bytes:
    return f"{offset[0]}-{offset[1]}".encode()


@dataclass
class ModelStream:
    """A stream, and all that was ever added to it. `added` has what was added since it began again.

    `empty`: moments at which it did not exist. `deleted`: what was deleted by its id; the largest counts.
    """

    ever: list[Offset] = field(default_factory=list[Offset])
    added: list[Offset] = field(default_factory=list[Offset])
    kept: dict[Offset, list[bytes]] = field(default_factory=dict[Offset, list[bytes]])
    empty: list[Offset] = field(default_factory=list[Offset])
    deleted: list[Offset] = field(default_factory=list[Offset])
    milliseconds: int = 1_000

    def step(self, step: str, number: int) -> None:
        if step in ("own", "foreign"):
            self._add(is_own=step == "own")
        elif step == "wait":
            self.milliseconds += number
        elif step == "look" and not self.added:
            self.empty.append((self.milliseconds, EMPTY))
        elif step in ("expire", "destroy") and self.added:
            self._vanish(is_expiry=step == "expire")
        elif step in ("trim", "delete"):
            self._drop(step, number)

    def _add(self, *, is_own: bool) -> None:
        self.milliseconds += 1
        offset = (self.milliseconds, 0 if self.added else 987_654_321)  # as the script begins a stream
        after = id_of(self.added[-1]) if self.added else b"-"
        self.kept[offset] = [AFTER, after, b"jero-total", b"1", b"data", b"1"] if is_own else [b"data", b"1"]
        self.ever.append(offset)
        self.added.append(offset)

    def _drop(self, step: str, number: int) -> None:
        if step == "trim":
            for offset in list(self.kept)[:number]:
                del self.kept[offset]
        elif number < len(self.kept):
            self.deleted.append(list(self.kept)[number])
            del self.kept[self.deleted[-1]]

    def _vanish(self, *, is_expiry: bool) -> None:
        if is_expiry:
            self.milliseconds = max(self.milliseconds, self.added[-1][0] + int(KEEP * 1_000))
        else:
            self.empty.clear()  # nobody can know what another program destroys in an instant
        self.added, self.kept, self.deleted = [], {}, []
        self.milliseconds += 1

    def read(self, offset: Offset, page: int = 100) -> Snapshot:
        """Returns what the script answers for the entries after an offset."""
        found = [(id_of(kept), fields) for kept, fields in self.kept.items() if kept > offset]
        entries, has_more = found[:page], len(found) > page
        last = id_of(self.added[-1]) if self.added else b""
        is_complete = len(self.added) == len(self.kept)
        deleted = id_of(max(self.deleted)) if self.deleted else b""
        has_entry = offset in self.kept
        return make_snapshot([last, is_complete, has_entry, entries, self.milliseconds, has_more, b"", deleted])

    def read_newest(self, count: int) -> Snapshot:
        """Returns what the script answers for the newest entries."""
        kept = [(id_of(kept), fields) for kept, fields in self.kept.items()][::-1]
        before = kept[count][0] if count < len(kept) else b""
        last = id_of(self.added[-1]) if self.added else b""
        deleted = id_of(max(self.deleted)) if self.deleted else b""
        return make_snapshot([last, False, False, kept[:count], self.milliseconds, 0, before, deleted])


def played(steps: list[tuple[str, int]]) -> ModelStream:
    """Returns a stream after the steps."""
    stream = ModelStream()
    for step, number in steps:
        stream.step(step, number)
    return stream


@given(steps=STEPS)
@example(steps=[("own", 0), ("foreign", 0), ("foreign", 0), ("delete", 1)])
@example(steps=[("look", 0), ("own", 0), ("expire", 0), ("own", 0)])
def test_a_read_without_a_gap_has_every_event_that_was_ever_added(steps: list[tuple[str, int]]) -> None:
    stream = played(steps)
    for offset in [*stream.ever, *stream.empty, BEGINNING]:
        snapshot = stream.read(offset)
        found = [offset_of(entry_id) for entry_id, _ in snapshot.entries]
        keep = None if offset == BEGINNING else KEEP
        gap_end = snapshot.gap_after(offset, keep)
        of = stream.added if offset == BEGINNING else stream.ever  # only a stream that is there has a beginning
        later = [added for added in of if added > offset]
        if gap_end is None:
            assert found == later[: len(found)]
            reached = found[-1] if found else offset  # another program may have deleted the newest entry
            is_reported = stream.read(reached).gap_after(reached, keep) is not None
            assert snapshot.has_more or (found == later and snapshot.exists) or not later or is_reported
        else:
            assert gap_end > offset
            assert all(entry > gap_end for entry in found) or gap_end == snapshot.whole_after


@given(steps=STEPS, page=st.sampled_from([1, 2, 100]))
@example(steps=[("foreign", 0)] * 6 + [("delete", 2), ("delete", 3)], page=100)
def test_a_reader_receives_each_event_once_or_a_gap_for_it(steps: list[tuple[str, int]], page: int) -> None:
    stream = played(steps)
    for start in [*stream.ever, *stream.empty]:
        place, gaps, missed = start, 0, [added for added in stream.ever if added > start]
        while True:
            snapshot = stream.read(place, page)
            gap_end = snapshot.gap_after(place, KEEP)
            if gap_end is not None:
                missed = [added for added in missed if added > gap_end]
                place, gaps = gap_end, gaps + 1
                continue
            found = [offset_of(entry_id) for entry_id, _ in snapshot.entries]
            if not found:
                break
            assert found == missed[: len(found)]
            place, missed = found[-1], missed[len(found) :]
        assert missed == []
        dropped = [added for added in stream.added if added > start and added not in stream.kept]
        assert page < 100 or gaps <= len(dropped) + (start not in stream.kept)  # a hole is one gap


@given(steps=STEPS, milliseconds=st.integers(1_000, 1_030))
def test_a_read_from_a_moment_on_without_a_gap_has_every_later_event(
    steps: list[tuple[str, int]], milliseconds: int
) -> None:
    stream = played(steps)
    moment = (milliseconds, BEFORE)
    snapshot = stream.read(moment)
    found = [offset_of(entry_id) for entry_id, _ in snapshot.entries]
    later = [added for added in stream.added if added > moment]
    if snapshot.gap_after(moment) is None:
        assert found == later[: len(found)]
        assert snapshot.has_more or found == later


@given(steps=STEPS)
def test_a_stream_that_nobody_shortened_has_no_gap(steps: list[tuple[str, int]]) -> None:
    stream = played([step for step in steps if step[0] in ("own", "foreign", "look")])
    recent = [moment for moment in stream.empty if stream.ever and stream.ever[0][0] - moment[0] < 0.9 * KEEP * 1_000]
    for offset in [*stream.ever, *recent, BEGINNING] if stream.ever else []:
        snapshot = stream.read(offset)
        assert snapshot.gap_after(offset, None if offset == BEGINNING else KEEP) is None
        assert [offset_of(entry_id) for entry_id, _ in snapshot.entries] == [
            added for added in stream.ever if added > offset
        ]


@given(since=st.integers(0, 30))
def test_a_stream_that_nobody_began_is_a_gap_when_one_may_have_expired(since: int) -> None:
    stream = played([("look", 0), ("wait", since)])
    snapshot, (moment,) = stream.read(BEGINNING), stream.empty
    assert (snapshot.gap_after(moment, KEEP) is None) == (since < 0.9 * KEEP * 1_000)
    assert snapshot.gap_after(moment) is None


@given(steps=STEPS, count=st.integers(1, 8))
@example(steps=[("own", 0), ("own", 0), *[("foreign", 0)] * 3, ("delete", 3)], count=3)
@example(steps=[*[("foreign", 0)] * 3, ("delete", 1)], count=1)
def test_the_newest_entries_have_every_event_since_their_start(steps: list[tuple[str, int]], count: int) -> None:
    stream = played(steps)
    snapshot = stream.read_newest(count)
    found = sorted(offset_of(entry_id) for entry_id, _ in snapshot.entries)
    if found:
        assert found == [added for added in stream.added if snapshot.start < added <= found[-1]]


@given(steps=STEPS)
def test_where_a_stream_starts_is_never_the_start_of_another(steps: list[tuple[str, int]]) -> None:
    stream = played(steps)
    start = stream.read(BEGINNING).start
    has_missed = stream.read(start).gap_after(start, KEEP) is not None
    assert not has_missed
    stream.step("own", 0)
    stream.step("expire", 0)
    stream.step("own", 0)
    assert stream.read(start).gap_after(start, KEEP) is not None


@given(offset=st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 3)))
def test_an_id_is_the_same_place_again(offset: Offset) -> None:
    assert read_id(format_id(offset)) == offset
    moment = (offset[0], EMPTY)
    if offset[0]:
        assert read_id(format_id(moment)) == moment


@given(steps=STEPS)
def test_the_place_after_a_gap_is_not_a_gap_again(steps: list[tuple[str, int]]) -> None:
    stream = played(steps)
    for offset in [*stream.ever, *stream.empty, BEGINNING]:
        gap_end = stream.read(offset).gap_after(offset)
        if gap_end is not None and stream.added:
            assert stream.read(gap_end).gap_after(gap_end) is None


@given(message=st.binary(max_size=60) | st.from_regex(rb"\A([0-9]+-[0-9]+|-) [0-9]+-[0-9]+ (data|text)( .*)?\n.*\Z"))
def test_any_message_is_read_or_refused(message: bytes) -> None:
    read = read_message(message)
    if read is not None:
        assert message.endswith(b"\n" + read.data)
        assert read.offset == offset_of(read.entry_id)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"1-1 1-2 data\n{}", Message((1, 1), b"1-2", (1, 2), b"data", None, b"{}")),
        (b"- 1-2 text made by hand\na\nb", Message(NOTHING, b"1-2", (1, 2), b"text", b"made by hand", b"a\nb")),
        (b"1-1 1-2 data \n1", Message((1, 1), b"1-2", (1, 2), b"data", b"", b"1")),
        (b"", None),
        (b"x 1-2 data\n1", None),
    ],
)
def test_what_a_message_says(message: bytes, expected: Message | None) -> None:
    assert read_message(message) == expected


@given(numbers=st.sets(st.integers(0, 1_000), min_size=1), ago=st.integers(0, 1_500))
def test_a_moment_is_taken_a_little_earlier_and_never_later(numbers: set[int], ago: int) -> None:
    offsets = [(number, 0) for number in sorted(numbers)]
    found = Timeline(offsets, 1_000, 10.0).at(10.0 - ago / 1_000)
    assert found in offsets
    assert found == offsets[0] or found[0] < 1_000 - ago
    later = [offset for offset in offsets if found < offset]
    assert not later or later[0][0] >= 1_000 - ago * 1.001 - 3


@given(offset=st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)))
def test_nothing_is_between_an_offset_and_the_one_just_before(offset: Offset) -> None:
    before = just_before(offset)
    assert before < offset or offset == BEGINNING
    assert max(before) < 2**64


class Listening(NoAccess):
    """Promises messages, and sends none."""

    def listen(self, log: MessageFollower) -> None:
        """Does nothing."""

    def ignore(self, log: MessageFollower) -> None:
        """Does nothing."""


@pytest.mark.parametrize("late_by", [0.0, 0.3])
async def test_a_read_that_comes_late_does_not_move_the_beginning_of_a_subscription(late_by: float) -> None:
    log = RedisLog(Listening(), "notes", "notes", KindOptions(100, 10_000), Turn(), EntryReader())
    began = monotonic()
    log.listen()
    *_, age = log.read_arguments(10_000)
    added = (1_000_010, 0)  # 10 ms after the beginning, by Redis's clock
    await asyncio.sleep(0.02 + late_by)  # the script runs when this time is over
    milliseconds = 1_000_000 + int((monotonic() - began) * 1_000)
    is_young = added[0] >= milliseconds - int(age)
    entries = [(id_of(added), [b"data", b"1"])] if is_young else []
    log.take(make_snapshot([id_of(added), 1, 0, entries, milliseconds, 0, b"" if is_young else id_of(added), b""]))
    assert log.offset_at(began) < added
    log.close()
