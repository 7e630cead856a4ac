"""What one subscriber of a channel has received, and when."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from benchmarks.client import ITEM_MARK
from benchmarks.publication import NAME

# A whole line of an event stream; lines may end with either.
EVENT = re.compile(rb'data: {"id":([0-9]+),"name":"%b","price":([0-9.]+)}\r?\n' % NAME.encode())


class Delivery:
    """All bytes that came, and the clock's reading at the arrival of each piece."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._ends: list[int] = []
        self._times: list[float] = []

    def add(self, piece: memoryview, at: float) -> int:
        """One piece more, that came `at` this reading of `time.monotonic`; says how many events came to be there with
        it.
        """
        received = self._received
        # What may be the beginning of a mark is looked at again with what comes next.
        begin = max(0, len(received) - len(ITEM_MARK) + 1)
        received += piece
        self._ends.append(len(received))
        self._times.append(at)
        return received.count(ITEM_MARK, begin)

    def numbers(self) -> list[int]:
        """Those of the events that came whole, in the order in which they did."""
        return [int(event[1]) for event in EVENT.finditer(self._received)]

    def check(self, numbers: Sequence[int]) -> None:
        """Raises `RuntimeError` unless these events came, each once, whole and in this order, and no other."""
        came = self.numbers()
        if came != list(numbers) or self._received.count(ITEM_MARK) != len(came):
            first, last = (came[0], came[-1]) if came else (None, None)
            raise RuntimeError(f"a subscriber received {len(came)} of {len(numbers)} events, {first} to {last}")

    def delays(self, since: int) -> Iterator[float]:
        """Milliseconds from the making of each event to its arrival, from the number `since` on."""
        for event in EVENT.finditer(self._received):
            if int(event[1]) >= since:
                arrived_at = self._times[bisect_left(self._ends, event.end())]
                yield (arrived_at - float(event[2])) * 1e3
