"""Says what a Redis stream contained at one moment, which entries follow each other, and what a message says."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from math import inf
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
# The number of an offset that is a moment at which the stream did not exist.
EMPTY: Final = -2
LARGEST: Final = 2**64 - 1

_ENTRY_ID: Final = re.compile(rb"([0-9]{1,20})-([0-9]{1,20})")
_EVENT_ID: Final = re.compile(r"(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})", re.ASCII)
_MEMORY_ID: Final = re.compile(r"[0-9a-f]{16}-(0|[1-9][0-9]{0,18})", re.ASCII)
# A stream is surely kept for this part of `keep`: clocks step a little when one Redis replaces another.
_SURELY: Final = 0.9


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

    `exists`: the stream exists. `last`: the offset of the last entry ever added; if the stream does not exist, the
    moment, with the number `EMPTY`. `is_complete`: no entry was ever dropped. `has_entry`: the stream has an entry at
    the given offset. `entries`: those after the given offset, in order; or the newest ones, newest first.
    `milliseconds`: the time of Redis's clock. `has_more`: the stream may have more entries than those. `before`: the
    offset of the entry before the newest ones, if there is one. `deleted`: the largest offset whose entry a program has
    deleted. `whole_after`: none of the entries read after this offset was deleted.
    """

    exists: bool
    last: Offset
    is_complete: bool = True
    has_entry: bool = False
    entries: Sequence[Any] = ()
    milliseconds: int = 0
    has_more: bool = False
    before: Offset | None = None
    deleted: Offset = BEGINNING
    whole_after: Offset = BEGINNING

    def gap_after(self, offset: Offset, keep: float | None = None) -> Offset | None:
        """Returns where the gap after the given offset ends, or `None` if no entry after it is missing.

        `keep`: for how many seconds the stream is kept after its last entry; `None` if for ever.
        """
        is_moment = offset[1] == BEFORE
        if offset == self.last or (is_moment and offset > self.last):
            return None
        if not self.exists and self._had_no_other_since(offset, self.milliseconds, keep):
            return None
        if offset > self.last or not self.entries:
            return self.last
        entry_id, fields = self.entries[0]
        first, after = offset_of(entry_id), predecessor_of(fields)
        if offset in (after, just_before(first)) or (is_moment and after is not None and NOTHING < after < offset):
            return None
        is_first = self.is_complete and self._had_no_other_since(offset, first[0], keep)
        if after is None:
            if self.has_entry and self.deleted > offset:
                return self.whole_after
            return None if self.has_entry or is_first else just_before(first)
        if after == NOTHING:
            return None if is_first else just_before(first)
        return after if after > offset else just_before(first)

    def _had_no_other_since(self, offset: Offset, milliseconds: int, keep: float | None) -> bool:
        """Returns whether no stream can have begun after a moment and have expired before another.

        A stream is kept for `keep` seconds at least. What another program deletes is not seen.
        """
        if offset[1] not in (BEFORE, EMPTY) and offset != BEGINNING:
            return False
        return milliseconds - offset[0] < surely_kept(keep) * 1_000

    @property
    def start(self) -> Offset:
        """Returns the place before the oldest of the entries, or the last offset if there is not any."""
        if not self.entries:
            return self.last
        entry_id, fields = min(self.entries[0], self.entries[-1], key=lambda entry: offset_of(entry[0]))
        oldest, after = offset_of(entry_id), predecessor_of(fields) or self.before
        return after if after is not None and NOTHING < after < oldest else just_before(oldest)


class Timeline(Struct, frozen=True):
    """The offsets of the newest entries of a stream, in order, and the time when they were read.

    `milliseconds`: the time of Redis's clock; `read_at`: the time of `time.monotonic`. The offset before the oldest of
    the entries comes first. `is_cut`: there may have been older ones that matter, in the stream or in one that has
    expired.
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
    last, is_complete, has_entry, entries, milliseconds, has_more, before, deleted_id = answer
    deleted = offset_of(deleted_id) if deleted_id else BEGINNING
    count = _continuous(entries, deleted)
    return Snapshot(
        exists=bool(last),
        last=offset_of(last) if last else (milliseconds, EMPTY),
        is_complete=bool(is_complete),
        has_entry=bool(has_entry),
        entries=entries[:count],
        milliseconds=milliseconds,
        has_more=bool(has_more) or count < len(entries),
        before=_place_before(entries, count, before, deleted),
        deleted=deleted,
        whole_after=_whole_after(entries, deleted) if deleted_id and entries else BEGINNING,
    )


def _continuous(entries: Sequence[Any], deleted: Offset) -> int:
    """Returns how many of the first entries surely follow each other.

    Each own one names the one before it. One of another program follows unless an entry after the one before it may
    have been deleted.
    """
    is_newest_first = len(entries) > 1 and offset_of(entries[0][0]) > offset_of(entries[1][0])
    for index in range(1, len(entries)):
        earlier, later = (index, index - 1) if is_newest_first else (index - 1, index)
        if not _follows(entries[later][1], offset_of(entries[earlier][0]), deleted):
            return index
    return len(entries)


def _follows(fields: Sequence[bytes], earlier: Offset, deleted: Offset) -> bool:
    """Returns whether an entry with these fields surely comes next after the earlier one."""
    after = predecessor_of(fields)
    return after == earlier if after is not None else earlier > deleted


def _place_before(entries: Sequence[Any], count: int, before: bytes, deleted: Offset) -> Offset | None:
    """Returns the offset of the entry before the newest ones; `None` if it is not known."""
    if not (before and entries) or count < len(entries) or not _follows(entries[-1][1], offset_of(before), deleted):
        return None
    return offset_of(before)


def _whole_after(entries: Sequence[Any], deleted: Offset) -> Offset:
    """Returns the place after which none of the entries, oldest first, may lack the one before it."""
    later = next((offset_of(entry_id) for entry_id, _ in entries if offset_of(entry_id) > deleted), None)
    return just_before(later) if later is not None else offset_of(entries[-1][0])


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


def read_id(event_id: str) -> Offset | None:
    """Returns the offset of an id that a client sends; `None` if the id is of a memory store. Reverses `format_id`.

    Raises `ValueError` if it cannot be an id.
    """
    match = _EVENT_ID.fullmatch(event_id)
    if match is None and _MEMORY_ID.fullmatch(event_id):
        return None
    milliseconds, number = (int(match[1]), int(match[2])) if match else (LARGEST, LARGEST)
    if max(milliseconds, number) > LARGEST or milliseconds == number == LARGEST:
        raise ValueError("it is malformed")
    return (milliseconds + 1, EMPTY) if number == LARGEST + 1 + EMPTY else (milliseconds, number)


def format_id(offset: Offset) -> str:
    """Returns the id for an offset. A moment has one of the last ids of the millisecond before, as no entry does."""
    milliseconds, number = max(offset, BEGINNING)
    return f"{milliseconds}-{number}" if number >= 0 else f"{milliseconds - 1}-{LARGEST + 1 + number}"


def surely_kept(keep: float | None) -> float:
    """Returns for how many seconds a stream is surely kept after its last entry."""
    return inf if keep is None else keep * _SURELY


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
