"""Takes items from a source of any kind, and makes entries of a run of them: in the thread of a synchronous source."""

from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET
from msgspec.json import Encoder

from jero.channels.channel import Values
from jero.channels.event import Payload
from jero.codec import DEFAULT_ENCODER
from jero.framing.event import ServerSentEvent
from jero.framing.framing import Framing
from jero.runs.end import END
from jero.streaming.buffer import FrameBuffer
from jero.streaming.source import Source, SourceKind, source_kind
from jero.streaming.threaded import ThreadedSource

# How many bytes of items a thread makes before they are taken.
CHUNK_BYTES: Final = 65_536
_SIZE_BYTES: Final = 4
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Payload)


class ItemSource(Source):
    """A source whose items are taken one by one, also if it keeps them framed."""

    __slots__ = ()

    def _iterator_of(self, iterable: Any) -> AsyncIterator[Any]:
        return aiter(iterable)


class Entries:
    """Makes entries of the items of one source. `source`: to be opened, pulled and closed.

    What it yields is an item, or several in one piece if it runs in a thread; `payloads_of` makes entries of either.
    """

    def __init__(self, stream: Any, values: Values[Any]) -> None:
        self._values = values
        kind = source_kind(stream)
        self._is_threaded = kind is SourceKind.SYNCHRONOUS
        if self._is_threaded:
            framing = Framing(content_type="", encode=partial(_append, values))
            buffer = FrameBuffer(framing, DEFAULT_ENCODER, CHUNK_BYTES)
            stream, kind = ThreadedSource(cast("Iterable[Any]", stream), buffer), SourceKind.ITERABLE
        self.source = ItemSource(stream, kind)

    def payloads_of(self, item: Any) -> Sequence[Payload]:
        """Returns the entries of what the source yielded; none for an event without data.

        Raises `TypeError` and `ValueError` for what cannot be an item.
        """
        if self._is_threaded:
            return list(_read(item))
        payload = _payload_of(self._values, item)
        return () if payload is None else (payload,)


def _payload_of(values: Values[Any], item: Any) -> Payload | None:
    if not isinstance(item, ServerSentEvent):
        return values.payload_of(item, None)
    event: ServerSentEvent[Any] = cast("Any", item)
    if event.event == END:
        raise ValueError(f"ServerSentEvent(event={END!r}): a run reserves this type for its end. Use another type.")
    return None if event.data is UNSET else values.payload_of(event.data, event.event)


def _append(values: Values[Any], item: Any, buffer: bytearray, _: Encoder) -> None:
    """Appends an entry, in the thread of its source, with its size before it."""
    payload = _payload_of(values, item)
    if payload is not None:
        entry = _ENCODER.encode(payload)
        buffer += len(entry).to_bytes(_SIZE_BYTES, "big")
        buffer += entry


def _read(chunk: bytes) -> Iterable[Payload]:
    """Yields the entries that a thread made."""
    at = 0
    while at < len(chunk):
        start = at + _SIZE_BYTES
        at = start + int.from_bytes(chunk[at:start], "big")
        yield _DECODER.decode(chunk[start:at])
