"""A read of a stream, compared with all that was ever added to it: no loss is silent."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero.channels.entry import AFTER, EntryReader
from jero.channels.event import Offset
from jero.channels.kind import KindOptions
from jero.channels.redis_access import StreamFollower
from jero.channels.redis_log import RedisLog
from jero.channels.ring import Turn
from jero.channels.stream import (
    BEFORE,
    BEGINNING,
    NOTHING,
    Message,
    Snapshot,
    Timeline,
    just_before,
    make_snapshot,
    offset_of,
    predecessor_of,
    read_message,
)
from tests.channels.no_access import NoAccess

STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["own", "own", "foreign", "begin again"]), st.just(0)),
        st.tuples(st.just("trim"), st.integers(1, 3)),
        st.tuples(st.just("delete"), st.integers(0, 7)),
    ),
    max_size=25,
)


def id_of(offset: Offset) -> bytes:
    return f"{offset[0]}-{offset[1]}".encode()


@dataclass
class ModelStream:
    """A stream, and all that was ever added to it. `added` has what was added since it began again."""

    ever: list[Offset] = field(default_factory=list[Offset])
    added: list[Offset] = field(default_factory=list[Offset])
    kept: dict[Offset, list[bytes]] = field(default_factory=dict[Offset, list[bytes]])
    milliseconds: int = 1_000

    def step(self, step: str, number: int) -> None:
        if step in ("own", "foreign"):
            # An entry of another program does not say that the one before it was deleted.
            self._add(is_own=step == "own" or bool(self.added and self.added[-1] not in self.kept))
        elif step == "begin again":
            self.added, self.kept = [], {}
            self.milliseconds += 1
        elif step == "trim":
            for offset in list(self.kept)[:number]:
                del self.kept[offset]
        else:
            self._delete(number)

    def _add(self, *, is_own: bool) -> None:
        self.milliseconds += 1
        offset = (self.milliseconds, 0 if self.added else 987_654_321)  # as the script begins a stream
        after = id_of(self.added[-1]) if self.added else b"-"
        self.kept[offset] = [AFTER, after, b"jero-total", b"1", b"data", b"1"] if is_own else [b"data", b"1"]
        self.ever.append(offset)
        self.added.append(offset)

    def _delete(self, number: int) -> None:
        """Deletes an entry as a program may, unless an entry follows that does not say what was before it."""
        offsets = list(self.kept)
        if number < len(offsets):
            following = offsets[number + 1 : number + 2]
            if not following or predecessor_of(self.kept[following[0]]) is not None:
                del self.kept[offsets[number]]

    def read(self, offset: Offset) -> Snapshot:
        """Returns what the script answers for the entries after an offset."""
        entries = [(id_of(kept), fields) for kept, fields in self.kept.items() if kept > offset]
        last = id_of(self.added[-1]) if self.added else b""
        is_complete = len(self.added) == len(self.kept)
        return make_snapshot([last, is_complete, offset in self.kept, entries, self.milliseconds, 0, b""])


@given(steps=STEPS)
def test_a_read_without_a_gap_has_every_event_that_was_ever_added(steps: list[tuple[str, int]]) -> None:
    stream = ModelStream()
    for step, number in steps:
        stream.step(step, number)
    for offset in [*stream.ever, BEGINNING]:
        snapshot = stream.read(offset)
        found = [offset_of(entry_id) for entry_id, _ in snapshot.entries]
        gap_end = snapshot.gap_after(offset)
        of = stream.added if offset == BEGINNING else stream.ever  # only a stream that is there has a beginning
        later = [added for added in of if added > offset]
        if gap_end is None:
            assert found == later[: len(found)]
            reached = found[-1] if found else offset  # another program may have deleted the newest entry
            is_reported = stream.read(reached).gap_after(reached) is not None
            assert snapshot.has_more or (found == later and snapshot.exists) or not later or is_reported
        else:
            assert gap_end > offset
            assert all(entry > gap_end for entry in found)


@given(steps=STEPS, milliseconds=st.integers(1_000, 1_030))
def test_a_read_from_a_moment_on_without_a_gap_has_every_later_event(
    steps: list[tuple[str, int]], milliseconds: int
) -> None:
    stream = ModelStream()
    for step, number in steps:
        stream.step(step, number)
    moment = (milliseconds, BEFORE)
    snapshot = stream.read(moment)
    found = [offset_of(entry_id) for entry_id, _ in snapshot.entries]
    later = [added for added in stream.added if added > moment]
    if snapshot.gap_after(moment) is None:
        assert found == later[: len(found)]
        assert snapshot.has_more or found == later


@given(steps=STEPS)
def test_a_stream_that_nobody_shortened_has_no_gap(steps: list[tuple[str, int]]) -> None:
    stream = ModelStream()
    for step, number in steps:
        if step in ("own", "foreign"):
            stream.step(step, number)
    for offset in [*stream.ever, BEGINNING] if stream.ever else []:
        snapshot = stream.read(offset)
        assert snapshot.gap_after(offset) is None
        assert [offset_of(entry_id) for entry_id, _ in snapshot.entries] == [
            added for added in stream.ever if added > offset
        ]


@given(steps=STEPS)
def test_the_place_after_a_gap_is_not_a_gap_again(steps: list[tuple[str, int]]) -> None:
    stream = ModelStream()
    for step, number in steps:
        stream.step(step, number)
    for offset in [*stream.ever, BEGINNING]:
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

    def listen(self, log: StreamFollower) -> None:
        """Does nothing."""

    def ignore(self, log: StreamFollower) -> None:
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
    log.take(make_snapshot([id_of(added), 1, 0, entries, milliseconds, 0, b"" if is_young else id_of(added)]))
    assert log.offset_at(began) < added
    log.close()
