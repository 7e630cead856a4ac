"""Defines the event of an event stream. In every other JSON format, its data is sent alone."""

import re
from typing import Any, ClassVar, Final, Generic

from msgspec import UNSET, Struct, UnsetType
from typing_extensions import TypeVar

T = TypeVar("T", default=Any)

LONGEST_ID: Final = 4_096
_QUOTED_LENGTH: Final = 100

# The client sends an id back in a header, which carries no control characters and loses its outer spaces (RFC 9110,
# section 5.5). Surrogates have no UTF-8 form.
_ID: Final = re.compile(r"(?! )[^\x00-\x1f\x7f\ud800-\udfff]*(?<! )")
_LINE: Final = re.compile(r"[^\r\n\0]*")


class ServerSentEvent(Struct, Generic[T], frozen=True, kw_only=True):
    """One event of an event stream (WHATWG HTML, section 9.2.6). Each field is optional; at least one is required.

    `data`: a `str` is sent as text, `bytes` as UTF-8 text, anything else as JSON. Text may have several lines.
    `event`: the event's type, which browsers dispatch it by. Without it, the type is "message".
    `id`: the client sends the id of its last event as `Last-Event-ID` when it reconnects, in UTF-8. `""` resets the id.
    `retry`: milliseconds that the client waits before it reconnects.
    `comment`: text that readers ignore.

    Text may contain every character, but a CR or CRLF in `data` or `comment` arrives as LF.

    Raises `TypeError` if `event`, `id` or `comment` is not text. Raises `ValueError`:

    - if `event` contains CR, LF or NUL: they would end the line, or make readers ignore the field.
    - if a header cannot carry `id`: it has control characters, a space at either end, or over 4,096 bytes of UTF-8.
    - if `retry` is not a non-negative integer.
    - if no field is given.
    """

    data: T | UnsetType = UNSET
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        if self.id is not None:
            _check_id(self.id)
        if self.event is not None:
            _check_line("event", self.event)
        if self.comment is not None:
            _check_text("comment", self.comment)
        if self.retry is not None and (type(self.retry) is not int or self.retry < 0):
            raise ValueError(f"ServerSentEvent(retry={self.retry!r}): it must be a non-negative integer, milliseconds.")
        if self.data is UNSET and all(field is None for field in (self.event, self.id, self.retry, self.comment)):
            raise ValueError("ServerSentEvent() needs at least one of data, event, id, retry and comment.")


def _check_id(value: Any) -> None:
    if isinstance(value, str) and len(value) <= LONGEST_ID // 4 and _ID.fullmatch(value):
        return
    _check_line("id", value)
    if not _ID.fullmatch(value):
        raise ValueError(
            f"ServerSentEvent(id={_quoted(value)}): a header cannot carry it, because it contains a control character, "
            "a surrogate, or a space at its beginning or end. Remove them, since clients send it as Last-Event-ID."
        )
    size = len(value.encode())
    if size > LONGEST_ID:
        raise ValueError(
            f"ServerSentEvent(id={_quoted(value)}): it has {size} bytes, and clients send it in a header, as "
            f"Last-Event-ID. Use at most {LONGEST_ID}."
        )


def _check_line(name: str, value: str) -> None:
    _check_text(name, value)
    if not _LINE.fullmatch(value):
        raise ValueError(f"ServerSentEvent({name}={_quoted(value)}): it contains CR, LF or NUL. Remove them.")


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"ServerSentEvent({name}={_quoted(value)}): it must be text. Convert it with str().")


def _quoted(value: object) -> str:
    quoted = repr(value)
    return quoted if len(quoted) <= _QUOTED_LENGTH else f"{quoted[:_QUOTED_LENGTH]}..."


class Notice(Struct, frozen=True):
    """Data about the stream itself, sent instead of an item. It need not be of the declared type.

    `event_type`: the type of the events that have it, by which a client tells it from items.
    """

    event_type: ClassVar[str] = ""
