"""Writes items as server-sent events (WHATWG HTML, section 9.2): `text/event-stream`, with LF as line end."""

import re
from enum import Enum
from typing import Any, Final, cast

from msgspec import UNSET
from msgspec.json import Encoder
from msgspec.structs import replace

from jero.framing.event import ServerSentEvent
from jero.framing.framing import Framing
from jero.framing.json import append_json, data_alone

# Certain enough: text for a reader begins like this, too, but does not also end like this.
_FRAMED: Final = re.compile(rb"(?:data|event):.*[\r\n]|(?:id|retry|): ?.*(?:\n\n|\r\n\r\n|\r\r)", re.DOTALL)

_BYTES: Final = (bytes, bytearray, memoryview)


def encode_event(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends a `ServerSentEvent`. Appends any other item as the data of an event."""
    if isinstance(item, ServerSentEvent):
        _append_fields(cast("Any", item), buffer, encoder)
    else:
        _append_data(item, buffer, encoder)
    buffer += b"\n"


def encode_text(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends an item of a stream of text, or its event. A member of a `StrEnum` is text among other text."""
    if isinstance(item, ServerSentEvent):
        event: ServerSentEvent[Any] = cast("Any", item)
        if isinstance(event.data, Enum):
            item = replace(event, data=_without_enum(event.data))
    encode_event(_without_enum(item), buffer, encoder)


def frame_event(data: bytes, *, event: str | None, event_id: str) -> bytes:
    """Returns an event whose data is encoded already, as JSON on one line or as text, the way a stream sends it.

    The caller has checked `event` and `event_id`: neither contains CR, LF or NUL.
    """
    buffer = bytearray()
    if event is not None:
        buffer += b"event: %b\n" % event.encode()
    buffer += b"id: %b\n" % event_id.encode()
    _append_lines(b"data: ", data, buffer)
    buffer += b"\n"
    return bytes(buffer)


def check_unframed(name: str, item: Any) -> None:
    """Raises `ValueError` if the argument `name` is text that an application has framed as an event already.

    Such text begins with a field or a comment, and ends with a line end. It would be framed a second time.
    """
    text = data_alone(item)
    if isinstance(text, str):
        text = text.encode("utf-8", "replace")
    if isinstance(text, bytes | bytearray) and _FRAMED.fullmatch(text):
        raise ValueError(
            f"{name}={item!r}: it is framed as an event already, and would be framed again. Give its data alone, such "
            f'as {name}="[DONE]", or a ServerSentEvent.'
        )


def _without_enum(data: Any) -> Any:
    """Returns the text of a member of a `StrEnum`, and any other data unchanged."""
    return str.__str__(cast("str", data)) if isinstance(data, str) and isinstance(data, Enum) else data


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
    elif isinstance(data, _BYTES):
        _append_lines(b"data: ", bytes(cast("bytes", data)), buffer)
    else:
        buffer += b"data: "
        append_json(data, buffer, encoder)
        buffer += b"\n"


def _append_lines(field: bytes, text: bytes, buffer: bytearray) -> None:
    # Readers end a line at CRLF, CR and LF alone, so the text is split only there. bytes.splitlines and
    # str.splitlines also split at other characters.
    for line in text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        buffer += field
        buffer += line
        buffer += b"\n"


SSE = Framing(
    content_type="text/event-stream",
    encode=encode_event,
    keepalive=b": ping\n\n",
    json_prefix=b"data: ",
    json_suffix=b"\n\n",
)
SSE_TEXT = replace(SSE, encode=encode_text, json_prefix=None)
"""The same for streams whose items are all text."""
