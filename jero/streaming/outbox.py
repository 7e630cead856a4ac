"""FramedItems bytes that wait to be sent together."""

from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from msgspec.json import Encoder

from jero.framing.framing import FramedItems, Framing

# How long a source that never pauses keeps the event loop to itself, and how long what it yielded may wait while
# it fills no chunk: short enough for other requests to stay fast, long enough to cost little. (An answer takes two or
# three turns. With turns of a millisecond the slowest of a hundred took more than three, and an item a tenth less.)
TURN_SECONDS: Final = 0.0005
LINGER_SECONDS: Final = 0.05
# The clock is read again after so many bytes at the most.
LARGEST_STEP: Final = 4096


class Outbox:
    """Frames items as they come, in one buffer that is taken whole.

    `items` counts what was framed; `first_item_at` is the clock's reading at the first, or `None`. `buffer` holds
    whole items only; when it has grown to `mark`, it is time to `look`. `is_closed`: nothing more is framed.
    `turn_until`: when the source's turn ends; `None` where it has just begun.
    """

    __slots__ = (
        "_chunk_bytes",
        "_clock",
        "_encode",
        "_encoder",
        "_first_mark",
        "_framing",
        "_linger_until",
        "_looked_at",
        "_separator",
        "_step",
        "buffer",
        "first_item_at",
        "is_closed",
        "items",
        "mark",
        "turn_until",
    )

    def __init__(
        self, framing: Framing, encoder: Encoder, chunk_bytes: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self._framing = framing
        self._encode = framing.encode
        self._separator = framing.separator
        self._encoder = encoder
        self._chunk_bytes = chunk_bytes
        self._clock = clock
        self.is_closed = False
        self._step = 1
        self._first_mark = 0
        self._looked_at = 0.0
        self.turn_until: float | None = None
        self._linger_until: float | None = None
        self.buffer = bytearray()
        self.mark = 0
        self.items = 0
        self.first_item_at: float | None = None

    def add(self, item: Any) -> bool:
        """Frames the item now, so that its source may change it afterwards; says whether it is time to look up.

        An item that cannot be framed raises, and leaves nothing of itself behind.
        """
        buffer = self.buffer
        size = len(buffer)
        if self.is_closed:
            return True
        try:
            if self._separator and self.items:
                buffer += self._separator
            start = len(buffer)
            count = 1
            if isinstance(item, FramedItems):
                count = item.count
                buffer += item.bytes_in(self._framing)
            else:
                self._encode(item, buffer, self._encoder)
        except BaseException:
            del buffer[size:]
            raise
        if len(buffer) == start:  # the format has no word for it, so it stands between no others
            del buffer[size:]
            return self.look()
        self.items += count
        return len(buffer) >= self.mark and self.look()

    def pass_by(self, framed: FramedItems) -> bytes:
        """Items that need not gather, with what stands before them."""
        body = framed.bytes_in(self._framing)
        if not body:
            return body
        if self.first_item_at is None:
            self.first_item_at = self._clock()
        if self._separator and self.items:
            body = self._separator + body
        self.items += framed.count
        return body

    def look(self) -> bool:
        """Looks at the clock; says whether something is due, or the event loop has waited for its turn long enough.

        How much may come before the next look follows from how fast it came since the last one.
        """
        if self.is_closed:
            return True
        now = self._clock()
        if self.first_item_at is None and self.buffer:
            self.first_item_at = now
        if self.turn_until is None:
            self.turn_until = now + TURN_SECONDS
        if self._linger_until is None:
            self._linger_until = now + LINGER_SECONDS
        is_slow = now - self._looked_at > TURN_SECONDS / 4
        self._step = max(1, self._step // 8) if is_slow else min(self._step * 2, LARGEST_STEP)
        self._looked_at = now
        size = len(self.buffer)
        self.mark = min(size + self._step, self._chunk_bytes)
        self._first_mark = min(self._step, self._chunk_bytes)
        return size >= self._chunk_bytes or now >= self.turn_until

    def is_full(self) -> bool:
        """Whether what waits fills a chunk."""
        return len(self.buffer) >= self._chunk_bytes

    def is_due(self) -> bool:
        """Whether what waits is to be sent though the source has not paused."""
        if self.is_full():
            return True
        return len(self.buffer) > 0 and self._linger_until is not None and self._clock() >= self._linger_until

    def take(self) -> bytes:
        """All that waits, which then waits no more."""
        chunk = bytes(self.buffer)
        self.buffer.clear()
        self._linger_until = None
        self.mark = self._first_mark
        return chunk

    def close(self) -> None:
        """Nothing more is framed: every further item is passed over, and time to look up."""
        self.is_closed = True
        self.mark = 0
        self.buffer.clear()

    def turn_is_over(self) -> bool:
        """Whether the source has had the event loop to itself for long enough."""
        return self.turn_until is not None and self._clock() >= self.turn_until
