"""Events as bytes: encodes the data once when it is published, and frames the event once when it is kept."""

from enum import Enum
from typing import Any, ClassVar, Final, TypeAlias

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

from jero.codec import DEFAULT_ENCODER, json_decoder
from jero.framing.event import Notice, ServerSentEvent
from jero.framing.json import append_json
from jero.framing.sse import frame_event

GAP: Final = "gap"
# The size of a frame's other fields and line ends, at most.
MOST_FIELDS: Final = 100

Offset: TypeAlias = tuple[int, int]


class Gap(Notice, frozen=True):
    """The data of an event `gap`: the events after the id `after`, up to and including `resumed_at`, are missed.

    The events that follow the gap come after `resumed_at`.
    """

    event_type: ClassVar[str] = GAP

    after: str
    resumed_at: str


# A tuple is made once; a union would be made at each call.
_BYTES: Final = (bytes, bytearray, memoryview)
_GAPS: Final[Decoder[Gap]] = json_decoder(Gap)


class Payload(Struct, frozen=True):
    """Published data as bytes: JSON on one line, or text in UTF-8. `event` is the event's type."""

    data: bytes
    is_text: bool = False
    event: str | None = None

    def size_of_event(self) -> int:
        """Returns about how many bytes an event with this data keeps, and at least as many as it does."""
        size = len(self.data) + MOST_FIELDS
        if self.event is None and not self.is_text:
            return size
        if self.event is not None:
            size += len(self.event.encode())
        if self.is_text:  # a line of a frame has a name before it; the data is kept as well if it has several
            size += len(self.data) + len("data: ") * (self.data.count(b"\n") + self.data.count(b"\r"))
        return size


class Event(Struct, frozen=True, gc=False):
    """A stored event. `offset` is its place in the channel; `id` says the same to a client.

    `frame` is the event as an event stream sends it. The frame usually contains the data, `data_size` bytes from
    `data_start` on, so the data is not kept twice. A frame splits text of several lines: if it does, `separate_data`
    has the data. `size`: how many bytes both have.
    """

    offset: Offset
    id: str
    type: str | None
    is_text: bool
    frame: bytes
    data_start: int
    data_size: int
    separate_data: bytes | None
    size: int

    @property
    def data(self) -> bytes:
        """Returns the data: JSON on one line, or text in UTF-8."""
        if self.separate_data is not None:
            return self.separate_data
        return self.frame[self.data_start : self.data_start + self.data_size]

    def payload(self) -> Payload:
        """Returns the data and the type as they were published."""
        return Payload(self.data, is_text=self.is_text, event=self.type)

    def with_data(self, data: Any) -> ServerSentEvent[Any]:
        """Returns the event with decoded `data` instead of bytes."""
        return ServerSentEvent(id=self.id, event=self.type, data=data)

    def encodable(self) -> ServerSentEvent[Any]:
        """Returns the event with data for an encoder, which copies the JSON unchanged."""
        if self.type == GAP:
            return self.with_data(self.decode_gap())
        return self.with_data(self.data.decode() if self.is_text else Raw(self.data))

    def decode_gap(self) -> Gap:
        """Returns the data of an event `gap`."""
        return _GAPS.decode(self.data)


def encode_payload(data: Any, event: str | None, encoder: Encoder) -> Payload:
    """Encodes `data` for publishing.

    Raises `TypeError` for bytes, which the formats do not represent alike, and for types that the encoder does not
    support. Raises `ValueError` if an event stream cannot carry the type `event`.
    """
    if isinstance(data, _BYTES):
        raise TypeError(
            "A channel's events are text or JSON, not bytes. Publish str, or a Struct with a field of bytes."
        )
    if event is not None:
        ServerSentEvent(event=event)  # raises if the type would break its line
    if isinstance(data, str) and not isinstance(data, Enum):
        return Payload(data.encode(), is_text=True, event=event)
    json = encoder.encode(data)
    if b"\n" in json or b"\r" in json:  # it contains a `msgspec.Raw`
        buffer = bytearray()
        append_json(Raw(json), buffer, encoder)
        json = bytes(buffer)
    return Payload(json, event=event)


def make_event(payload: Payload, offset: Offset, event_id: str) -> Event:
    """Returns the event at `offset`, framed."""
    data = payload.data
    frame = frame_event(data, event=payload.event, event_id=event_id)
    start = frame.rfind(data)
    separate_data = None if start >= 0 else data
    size = len(frame) if start >= 0 else len(frame) + len(data)
    return Event(offset, event_id, payload.event, payload.is_text, frame, start, len(data), separate_data, size)


def make_gap(after: str, offset: Offset, resumed_at: str) -> Event:
    """Returns an event `gap`. A client that reconnects with its id continues after the gap."""
    payload = Payload(DEFAULT_ENCODER.encode(Gap(after, resumed_at)), event=GAP)
    return make_event(payload, offset, resumed_at)
