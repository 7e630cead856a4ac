"""Gathers framed items until they are sent together."""

from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from msgspec.json import Encoder

from jero.framing.framing import FramedItems, Framing

# How long a source keeps the event loop. Half a millisecond is short enough for other requests to stay fast (an answer
# takes two or three turns) and costs little: a turn of 1 ms saved a tenth of an item.
TURN_SECONDS: Final = 0.0005
# How long an item of a source that never pauses may wait while the buffer is less than a chunk.
LINGER_SECONDS: Final = 0.05
# The clock is read again after at most this many bytes.
LARGEST_STEP: Final = 4096


class FrameBuffer:
    """Frames items into one buffer, which is taken whole.

    `buffer` contains whole items only. Its object never changes, so that the fast path of the pump can hold on to it.
    When `buffer` has grown to `mark` bytes, `look` has to be called. `items` counts what was framed.
    `first_item_at`: the clock at the first item, or `None`. `turn_until`: when the source's turn ends, or `None` if the
    turn has just begun. `is_closed`: no further item is framed.
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
        self,
        framing: Framing,
        encoder: Encoder,
        chunk_bytes: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._framing = framing
        self._encode = framing.encode
        self._separator = framing.separator
        self._encoder = encoder
        self._chunk_bytes = chunk_bytes
        self._clock = clock
        self._step = 1
        self._first_mark = 0
        self._looked_at = 0.0
        self._linger_until: float | None = None
        self.turn_until: float | None = None
        self.buffer = bytearray()
        self.mark = 0
        self.items = 0
        self.first_item_at: float | None = None
        self.is_closed = False

    def add(self, item: Any) -> bool:
        """Frames the item now, so that its source may change it afterwards. Returns whether the pump has to attend.

        If the item cannot be framed, the error is raised and the buffer is as before.
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
        if len(buffer) == start:  # this format has no bytes for the item, so it gets no separator either
            del buffer[size:]
            return self.look()
        self.items += count
        return len(buffer) >= self.mark and self.look()

    def pass_by(self, framed: FramedItems) -> bytes:
        """Returns the bytes of items that need not gather, with the separator before them, and counts them."""
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
        """Reads the clock. Returns whether a chunk is full, or the source has kept the event loop for its whole turn.

        Sets `mark`: the faster items came since the last look, the more bytes may come before the next one.
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
        """Returns whether the buffer fills a chunk."""
        return len(self.buffer) >= self._chunk_bytes

    def is_due(self) -> bool:
        """Returns whether the buffer has to be sent though the source has not paused."""
        if self.is_full():
            return True
        return len(self.buffer) > 0 and self._linger_until is not None and self._clock() >= self._linger_until

    def take(self) -> bytes:
        """Returns all bytes of the buffer, and empties it."""
        chunk = bytes(self.buffer)
        self.buffer.clear()
        self._linger_until = None
        self.mark = self._first_mark
        return chunk

    def close(self) -> None:
        """Drops what is in the buffer. Every further item is passed over, and makes the pump attend."""
        self.is_closed = True
        self.mark = 0
        self.buffer.clear()

    def turn_is_over(self) -> bool:
        """Returns whether the source has kept the event loop for its whole turn."""
        return self.turn_until is not None and self._clock() >= self.turn_until
