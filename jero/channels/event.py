"""An event of a channel: encoded when it is published, framed when it is kept, and neither ever again."""

from enum import Enum
from typing import Any, Final, TypeAlias

from msgspec import Raw, Struct
from msgspec.json import Decoder, Encoder

from jero.codec import DEFAULT_ENCODER, json_decoder
from jero.framing.event import Notice, ServerSentEvent
from jero.framing.json import append_json
from jero.framing.sse import SSE

GAP: Final = "gap"

Position: TypeAlias = tuple[int, int]


class Gap(Notice, frozen=True):
    """The data of an event `gap`: what came after the id `after`, up to `resumed_at`, is missed.

    What follows the gap came after `resumed_at`.
    """

    after: str
    resumed_at: str


_GAPS: Final[Decoder[Gap]] = json_decoder(Gap)


class Payload(Struct, frozen=True):
    """What is published, as bytes: JSON on one line, or text in UTF-8; `event` is its type."""

    data: bytes
    is_text: bool = False
    event: str | None = None


class Event(Struct, frozen=True, gc=False):
    """An event in its place: `position` orders it in its channel, `id` is the same for a client.

    `frame`: the event as an event stream sends it. Its data stands in there, `size` bytes from `start` on; only text of
    several lines does not, and is kept beside.
    """

    position: Position
    id: str
    type: str | None
    is_text: bool
    frame: bytes
    start: int
    size: int
    beside: bytes | None

    @property
    def data(self) -> bytes:
        """JSON on one line, or text in UTF-8."""
        return self.frame[self.start : self.start + self.size] if self.beside is None else self.beside

    def sent(self, data: Any) -> ServerSentEvent[Any]:
        """The event with `data` in the place of its bytes."""
        return ServerSentEvent(id=self.id, event=self.type, data=data)

    def encoded(self) -> ServerSentEvent[Any]:
        """The event with its data ready for an encoder, which takes JSON over as it is."""
        if self.type == GAP:
            return self.sent(self.gap())
        return self.sent(self.data.decode() if self.is_text else Raw(self.data))

    def gap(self) -> Gap:
        """What it says that is missed, where it is a gap."""
        return _GAPS.decode(self.data)


def payload_of(data: Any, event: str | None, encoder: Encoder) -> Payload:
    """Encodes what is published.

    Raises `TypeError` for bytes, which have no one form in all formats, and for what the encoder does not know;
    `ValueError` for an event type that cannot be sent, or that is "gap".
    """
    if isinstance(data, bytes | bytearray | memoryview):
        raise TypeError("A channel's events are text or JSON. Publish str, or a Struct with a field of bytes.")
    if event == GAP:
        raise ValueError(f"event={event!r}: that type says that events were missed, and is the channel's own.")
    if event is not None:
        ServerSentEvent(event=event)  # refuses what would break its line
    if isinstance(data, str) and not isinstance(data, Enum):
        return Payload(data.encode(), is_text=True, event=event)
    buffer = bytearray()
    append_json(data, buffer, encoder)
    return Payload(bytes(buffer), event=event)


def event_of(payload: Payload, position: Position, event_id: str) -> Event:
    """The event in its place."""
    data = payload.data
    sent = ServerSentEvent(id=event_id, event=payload.event, data=data.decode() if payload.is_text else Raw(data))
    buffer = bytearray()
    SSE.encode(sent, buffer, DEFAULT_ENCODER)
    frame = bytes(buffer)
    start = frame.rfind(data)
    beside = None if start >= 0 else data
    return Event(position, event_id, payload.event, payload.is_text, frame, start, len(data), beside)


def gap_of(after: str, position: Position, resumed_at: str) -> Event:
    """The event that says what cannot be delivered. A client that comes back with its id goes on where it did."""
    payload = Payload(DEFAULT_ENCODER.encode(Gap(after, resumed_at)), event=GAP)
    return event_of(payload, position, resumed_at)
