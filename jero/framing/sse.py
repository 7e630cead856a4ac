"""Server-sent events (WHATWG HTML, section 9.2): `text/event-stream`, lines ended by LF."""

from enum import Enum
from typing import Any, Generic, cast

from msgspec import UNSET, Struct, UnsetType
from msgspec.json import Encoder
from typing_extensions import TypeVar

from jero.framing.framing import Framing
from jero.framing.json_text import append_json

T = TypeVar("T", default=Any)


class ServerSentEvent(Struct, Generic[T], frozen=True, kw_only=True):
    """One event of an event stream; each field is optional, and one at least is given.

    `data`: a `str` goes as it is and `bytes` as the UTF-8 that they are, of one line or many; all else as JSON.
    `event`: its type, which a browser dispatches it by; "message" where there is none.
    `id`: what a client that comes back sends as `Last-Event-ID`; `""` resets it.
    `retry`: milliseconds that the client is to wait before it comes back.
    `comment`: text that readers pass over.

    Raises `ValueError` for CR, LF or NUL in `event` or `id`, which would end their line early or make readers
    ignore them, for a `retry` that is not a non-negative integer, and for an event without a field.
    """

    data: T | UnsetType = UNSET
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None and any(forbidden in value for forbidden in "\r\n\0"):
                raise ValueError(f"ServerSentEvent({name}={value!r}): CR, LF and NUL cannot stand in it.")
        if self.retry is not None and (type(self.retry) is not int or self.retry < 0):
            raise ValueError(f"ServerSentEvent(retry={self.retry!r}): it is a non-negative integer of milliseconds.")
        if self.data is UNSET and all(field is None for field in (self.event, self.id, self.retry, self.comment)):
            raise ValueError("ServerSentEvent() needs at least one of data, event, id, retry and comment.")


def encode_event(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends a `ServerSentEvent`, or any other item as the data of one."""
    if isinstance(item, ServerSentEvent):
        _append_fields(cast("Any", item), buffer, encoder)
    else:
        _append_data(item, buffer, encoder)
    buffer += b"\n"


def _append_fields(item: ServerSentEvent[Any], buffer: bytearray, encoder: Encoder) -> None:
    if item.comment is not None:
        _append_lines(b": ", item.comment.encode(), buffer)
    if item.event is not None:
        buffer += b"event: %b\n" % item.event.encode()
    if item.id is not None:
        buffer += b"id: %b\n" % item.id.encode()
    if item.retry is not None:
        buffer += b"retry: %d\n" % item.retry
    if item.data is not UNSET:
        _append_data(item.data, buffer, encoder)


def _append_data(data: Any, buffer: bytearray, encoder: Encoder) -> None:
    if isinstance(data, str) and not isinstance(data, Enum):
        _append_lines(b"data: ", data.encode(), buffer)
    elif isinstance(data, bytes | bytearray | memoryview):
        _append_lines(b"data: ", bytes(cast("bytes", data)), buffer)
    else:
        buffer += b"data: "
        append_json(data, buffer, encoder)
        buffer += b"\n"


def _append_lines(field: bytes, text: bytes, buffer: bytearray) -> None:
    # Readers end a line at CRLF, CR and LF alone, so only there may the text be split: bytes.splitlines and
    # str.splitlines know more line breaks than the standard.
    for line in text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        buffer += field
        buffer += line
        buffer += b"\n"


SSE = Framing(
    content_type="text/event-stream",
    encode=encode_event,
    keepalive=b": ping\n\n",
    around_json=(b"data: ", b"\n\n"),
)
