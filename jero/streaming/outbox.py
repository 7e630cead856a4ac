"""Framed bytes that wait to be sent together."""

from collections.abc import Callable
from time import monotonic
from typing import Any

from msgspec.json import Encoder

from jero.framing.framing import Framing

# How long a source that never pauses keeps the event loop to itself, and how long what it yielded may wait while
# it fills no chunk: short enough for other requests to stay fast, long enough to cost nothing.
TURN_SECONDS = 0.001
LINGER_SECONDS = 0.01


class Outbox:
    """Frames items as they come, in one buffer that is taken whole.

    `items` counts what was framed; `first_item_at` is the clock's reading at the first, or `None`.
    """

    __slots__ = (
        "_buffer",
        "_chunk_bytes",
        "_clock",
        "_encode",
        "_encoder",
        "_linger_until",
        "_separator",
        "_size",
        "_turn_until",
        "first_item_at",
        "items",
    )

    def __init__(
        self, framing: Framing, encoder: Encoder, chunk_bytes: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self._encode = framing.encode
        self._separator = framing.separator
        self._encoder = encoder
        self._chunk_bytes = chunk_bytes
        self._clock = clock
        self._buffer = bytearray()
        self._size = 0
        self._turn_until = self._linger_until = clock() + TURN_SECONDS
        self.items = 0
        self.first_item_at: float | None = None

    def __bool__(self) -> bool:
        return self._size > 0

    def add(self, item: Any) -> bool:
        """Frames the item now, so that its source may change it afterwards; says whether it is time to look up.

        An item that cannot be framed raises, and leaves nothing of itself behind.
        """
        buffer = self._buffer
        try:
            if self._separator and self.items:
                buffer += self._separator
            self._encode(item, buffer, self._encoder)
        except BaseException:
            del buffer[self._size :]
            raise
        now = self._clock()
        if not self.items:
            self.first_item_at = now
        self.items += 1
        self._size = size = len(buffer)
        return size >= self._chunk_bytes or now >= self._turn_until

    def is_due(self) -> bool:
        """Whether what waits is to be sent though the source has not paused."""
        return self._size >= self._chunk_bytes or (self._size > 0 and self._clock() >= self._linger_until)

    def take(self) -> bytes:
        """All that waits, which then waits no more."""
        chunk = bytes(self._buffer)
        self._buffer.clear()
        self._size = 0
        self._linger_until = self._clock() + LINGER_SECONDS
        return chunk

    def close(self) -> None:
        """Nothing more is to be sent: what waits is let go, and every further item is time to look up."""
        self.take()
        self._turn_until = 0.0

    def turn_is_over(self) -> bool:
        """Whether the source has had the event loop to itself for long enough."""
        return self._clock() >= self._turn_until

    def begin_turn(self) -> None:
        """The event loop has had its turn."""
        self._turn_until = self._clock() + TURN_SECONDS
