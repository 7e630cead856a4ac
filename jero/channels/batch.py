"""Events that leave together."""

from collections.abc import Sequence

from jero.channels.event import Event
from jero.codec import DEFAULT_ENCODER
from jero.framing.framing import FramedItems, Framing
from jero.framing.sse import SSE


class Batch(FramedItems):
    """Some events in their order, one at least: the same object, and the same bytes, for all who are to receive them.

    `number`: that of the last in the ring, `None` where they do not come from there. `position`: that of the last.
    `is_gap`: it says what cannot be delivered, and is no event that was published.
    """

    __slots__ = ("_bytes", "_others", "events", "is_gap", "number", "position")

    def __init__(self, events: Sequence[Event], number: int | None = None, *, is_gap: bool = False) -> None:
        super().__init__(len(events))
        self.events = events
        self.number = number
        self.position = events[-1].position
        self.is_gap = is_gap
        self._bytes = events[0].frame if len(events) == 1 else b"".join([event.frame for event in events])
        self._others: list[tuple[Framing, bytes]] = []

    def bytes_in(self, framing: Framing) -> bytes:
        """Event streams have them as they are kept; another format is made once for all who want it."""
        if framing is SSE:
            return self._bytes
        for made, others in self._others:
            if made is framing:
                return others
        others = self._make(framing)
        self._others.append((framing, others))
        return others

    def _make(self, framing: Framing) -> bytes:
        buffer = bytearray()
        for event in self.events:
            if buffer:
                buffer += framing.separator
            framing.encode(event.encoded(), buffer, DEFAULT_ENCODER)
        return bytes(buffer)
