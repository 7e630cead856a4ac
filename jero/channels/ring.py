"""The newest events of a channel, kept once for all who receive them."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from jero.channels.batch import Batch
from jero.channels.event import Event, Position

# What leaves together at the most, unless one event is larger: about what a stream's chunk holds.
BATCH_BYTES: Final = 65_536


class _Shared(NamedTuple):
    """The last batch that was made, and the number that it comes after; `is_full`: no later event would be in it."""

    batch: Batch
    after: int
    is_full: bool


class Ring:
    """At most `capacity` events. They are numbered here from 1 on, and a subscriber is the number of its last.

    `floor`: every event after this position, up to `top`, is here. `first`, `last`: the numbers of the oldest and the
    newest; `last` is `first - 1` where there is none.
    """

    def __init__(self, capacity: int, floor: Position) -> None:
        self._events: deque[Event] = deque()
        self._capacity = capacity
        self._shared: _Shared | None = None
        self.floor = self.top = floor
        self.first = 1
        self.last = 0

    def __len__(self) -> int:
        return len(self._events)

    @property
    def batch_events(self) -> int:
        """About how many events leave together, if others are as large as the newest."""
        return max(1, BATCH_BYTES // len(self._events[-1].frame)) if self._events else 1

    @property
    def is_full(self) -> bool:
        """Whether the next event takes the place of the oldest."""
        return len(self._events) == self._capacity

    def append(self, event: Event) -> None:
        """The newest event. The oldest goes where there is no more room."""
        if self.is_full:
            self.floor = self._events.popleft().position
            self.first += 1
        self._events.append(event)
        self.last += 1
        self.top = event.position

    def restart(self, floor: Position) -> None:
        """Drops all: what comes next comes after `floor`, and who has not received the rest is behind."""
        self._events.clear()
        self._shared = None
        self.last += 1  # no number before is next to one that comes
        self.first = self.last + 1
        self.floor = self.top = floor

    def number_after(self, position: Position) -> int | None:
        """The number of what stands at `position`; `None` where nothing does, or not all that came after it is here."""
        index = bisect_right(self._events, position, key=_position)
        known = self._events[index - 1].position if index else self.floor
        if position == known or (position == self.top and index == len(self._events)):
            return self.first - 1 + index
        return None

    def batch_after(self, number: int) -> Batch | None:
        """What comes after that number; `None` where nothing does.

        It must not be smaller than `first - 1`. All who stand at the same number get the same batch.
        """
        if number == self.last:
            return None
        shared = self._shared
        if shared is None or shared.after != number or not (shared.is_full or shared.batch.number == self.last):
            self._shared = shared = self._share(number)
        return shared.batch

    def _share(self, number: int) -> _Shared:
        start = number - self.first + 1
        events = fitting(self._events[index] for index in range(start, len(self._events)))
        is_full = start + len(events) < len(self._events)
        return _Shared(Batch(events, number + len(events)), number, is_full)


def fitting(events: Iterable[Event]) -> list[Event]:
    """As many of the first as leave together: one at least, and beyond that no more than `BATCH_BYTES`."""
    taken: list[Event] = []
    size = 0
    for event in events:
        size += len(event.frame)
        if taken and size > BATCH_BYTES:
            break
        taken.append(event)
    return taken


def _position(event: Event) -> Position:
    return event.position
