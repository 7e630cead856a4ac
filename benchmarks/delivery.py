"""Records the bytes that one subscriber of a channel received, and when."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from benchmarks.client import ITEM_MARK
from benchmarks.publication import NAME

# A whole data line of an event stream. Lines end with LF, or with CR and LF.
EVENT = re.compile(rb'data: {"id":([0-9]+),"name":"%b","price":([0-9.]+)}\r?\n' % NAME.encode())


class Delivery:
    """All bytes of one subscriber, and the time at which each piece arrived."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._ends: list[int] = []
        self._times: list[float] = []

    def add(self, piece: memoryview, at: float) -> int:
        """Adds a piece that arrived `at` this reading of `time.monotonic`. Returns how many events begin in it."""
        received = self._received
        # The last bytes may begin a mark, so they are searched again with the next piece.
        begin = max(0, len(received) - len(ITEM_MARK) + 1)
        received += piece
        self._ends.append(len(received))
        self._times.append(at)
        return received.count(ITEM_MARK, begin)

    def numbers(self) -> list[int]:
        """Returns the numbers of the events that arrived whole, in their order of arrival."""
        return [int(event[1]) for event in EVENT.finditer(self._received)]

    def check(self, numbers: Sequence[int]) -> None:
        """Raises `RuntimeError` unless exactly these events arrived, each once, whole and in this order."""
        came = self.numbers()
        if came != list(numbers) or self._received.count(ITEM_MARK) != len(came):
            first, last = (came[0], came[-1]) if came else (None, None)
            raise RuntimeError(f"a subscriber received {len(came)} of {len(numbers)} events, {first} to {last}")

    def delays(self, since: int) -> Iterator[float]:
        """Yields the milliseconds from the making of each event to its arrival, from number `since` on."""
        for event in EVENT.finditer(self._received):
            if int(event[1]) >= since:
                arrived_at = self._times[bisect_left(self._ends, event.end())]
                yield (arrived_at - float(event[2])) * 1e3
