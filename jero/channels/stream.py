"""Says what a Redis stream contained at one moment, which entries follow each other, and what a message says."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from jero.channels.entry import AFTER
from jero.channels.event import Offset

# The offset before the first event that was ever added.
BEGINNING: Final[Offset] = (0, 0)
# The predecessor of the first entry of a stream; and the place before every event, whatever was dropped.
NOTHING: Final[Offset] = (-1, -1)
# The number of an offset that is a moment: the place before all entries of that millisecond. No entry has it.
BEFORE: Final = -1
LARGEST: Final = 2**64 - 1

_ENTRY_ID: Final = re.compile(rb"([0-9]{1,20})-([0-9]{1,20})")


class Message(Struct, frozen=True):
    """An event as it is published: its entry, and the entry before it.

    `after`: the offset of the entry before it; `NOTHING` if there was none.
    """

    after: Offset
    entry_id: bytes
    offset: Offset
    form: bytes
    event: bytes | None
    data: bytes

    @property
    def fields(self) -> list[bytes]:
        """Returns the fields and values of the entry that matter to a reader, in turn."""
        fields = [AFTER, b"", self.form, self.data]
        return fields if self.event is None else [*fields, b"event", self.event]


class Snapshot(Struct, frozen=True):
    """The state of a stream at one moment, and some of its entries.

    `exists`: the stream exists. `last`: the offset of the last entry ever added; if the stream does not exist, an
    offset that no entry of it will ever have. `is_complete`: no entry was ever dropped. `has_entry`: the stream has an
    entry at the given offset. `entries`: those after the given offset, in order; or the newest ones, newest first.
    `milliseconds`: the time of Redis's clock. `has_more`: the stream may have more entries than those. `before`: the
    offset of the entry before the newest ones, if there is one.
    """

    exists: bool
    last: Offset
    is_complete: bool = True
    has_entry: bool = False
    entries: Sequence[Any] = ()
    milliseconds: int = 0
    has_more: bool = False
    before: Offset | None = None

    def gap_after(self, offset: Offset) -> Offset | None:
        """Returns where the gap after the given offset ends, or `None` if no entry after it is missing."""
        is_moment = offset[1] == BEFORE
        if offset == self.last or (is_moment and offset > self.last):
            return None
        if offset > self.last or not self.entries:
            return self.last
        entry_id, fields = self.entries[0]
        first, after = offset_of(entry_id), predecessor_of(fields)
        if offset in (after, just_before(first)) or (is_moment and after is not None and NOTHING < after < offset):
            return None
        if after is None:
            is_next = self.has_entry or ((is_moment or offset == BEGINNING) and self.is_complete)
            return None if is_next else just_before(first)
        if after == NOTHING:
            is_first = (is_moment or offset == BEGINNING) and self.is_complete
            return None if is_first else just_before(first)
        return after if after > offset else just_before(first)


class Timeline(Struct, frozen=True):
    """The offsets of the newest entries of a stream, in order, and the time when they were read.

    `milliseconds`: the time of Redis's clock; `read_at`: the time of `time.monotonic`. The offset before the oldest of
    the entries comes first. `is_cut`: the stream may have had older ones that matter.
    """

    offsets: Sequence[Offset]
    milliseconds: int = 0
    read_at: float = 0.0
    is_cut: bool = False

    def at(self, moment: float) -> Offset:
        """Returns the last offset that is surely not after a moment of `time.monotonic`.

        Returns the first if all may be after it, or the moment itself if older entries matter.
        The first number of an offset is the time of Redis's clock in milliseconds. Two clocks drift apart by less than
        one part in a thousand, and the numbers are rounded, so the moment is taken a little earlier.
        """
        milliseconds_ago = (self.read_at - moment) * 1_000
        latest = self.milliseconds - int(milliseconds_ago * 1.001) - 2
        index = bisect_left(self.offsets, (latest, 0)) - 1
        return (latest, BEFORE) if index < 0 and self.is_cut else self.offsets[max(index, 0)]


def make_snapshot(answer: Sequence[Any]) -> Snapshot:
    """Returns the answer of the script `READ` as a snapshot. Its entries follow each other without a hole."""
    last, is_complete, has_entry, entries, milliseconds, has_more, before = answer
    count = _continuous(entries)
    return Snapshot(
        exists=bool(last),
        last=offset_of(last) if last else (milliseconds, 0),
        is_complete=bool(is_complete),
        has_entry=bool(has_entry),
        entries=entries[:count],
        milliseconds=milliseconds,
        has_more=bool(has_more) or count < len(entries),
        before=offset_of(before) if before else None,
    )


def _continuous(entries: Sequence[Any]) -> int:
    """Returns how many of the first entries follow each other: each own one names the one before it."""
    is_newest_first = len(entries) > 1 and offset_of(entries[0][0]) > offset_of(entries[1][0])
    for index in range(1, len(entries)):
        earlier, later = (index, index - 1) if is_newest_first else (index - 1, index)
        after = predecessor_of(entries[later][1])
        if after is not None and after != offset_of(entries[earlier][0]):
            return index
    return len(entries)


def read_message(message: bytes) -> Message | None:
    """Returns what a published message says; `None` if it is not one of jero's."""
    head, _, data = message.partition(b"\n")
    parts = head.split(b" ", 3)
    if len(parts) < 3 or parts[2] not in (b"data", b"text"):
        return None
    after = NOTHING if parts[0] == b"-" else _offset(parts[0])
    offset = _offset(parts[1])
    if after is None or offset is None:
        return None
    return Message(after, parts[1], offset, parts[2], parts[3] if len(parts) == 4 else None, data)


def predecessor_of(fields: Sequence[bytes]) -> Offset | None:
    """Returns the offset of the entry before one, `NOTHING` if it was the first, or `None` if it does not say so."""
    if len(fields) < 2 or fields[0] != AFTER:
        return None
    return NOTHING if fields[1] == b"-" else _offset(fields[1])


def offset_of(entry_id: bytes) -> Offset:
    """Returns the offset of an entry's id."""
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds), int(number)


def just_before(offset: Offset) -> Offset:
    """Returns the largest offset that is less than the given one."""
    milliseconds, number = offset
    if number:
        return milliseconds, number - 1
    return (milliseconds - 1, LARGEST) if milliseconds else BEGINNING


def _offset(entry_id: bytes) -> Offset | None:
    """Returns the offset of an id that another program may have written; `None` if it is not one."""
    match = _ENTRY_ID.fullmatch(entry_id)
    return (int(match[1]), int(match[2])) if match else None
