"""Defines the event of an event stream. In every other JSON format, its data is sent alone."""

from typing import Any, Generic

from msgspec import UNSET, Struct, UnsetType
from typing_extensions import TypeVar

T = TypeVar("T", default=Any)


class ServerSentEvent(Struct, Generic[T], frozen=True, kw_only=True):
    """One event of an event stream (WHATWG HTML, section 9.2.6). Each field is optional; at least one is required.

    `data`: a `str` is sent as text, `bytes` as UTF-8 text, anything else as JSON. Text may have several lines.
    `event`: the event's type, which browsers dispatch it by. Without it, the type is "message".
    `id`: the client sends the id of its last event as `Last-Event-ID` when it reconnects. `""` resets the id.
    `retry`: milliseconds that the client waits before it reconnects.
    `comment`: text that readers ignore.

    Raises `ValueError` if `event` or `id` contains CR, LF or NUL: they would end the line, or make readers ignore the
    field. Also if `retry` is not a non-negative integer, or if no field is given.
    """

    data: T | UnsetType = UNSET
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None and any(forbidden in value for forbidden in "\r\n\0"):
                raise ValueError(f"ServerSentEvent({name}={value!r}): it contains CR, LF or NUL. Remove them.")
        if self.retry is not None and (type(self.retry) is not int or self.retry < 0):
            raise ValueError(f"ServerSentEvent(retry={self.retry!r}): it must be a non-negative integer, milliseconds.")
        if self.data is UNSET and all(field is None for field in (self.event, self.id, self.retry, self.comment)):
            raise ValueError("ServerSentEvent() needs at least one of data, event, id, retry and comment.")


class Notice(Struct, frozen=True):
    """Data about the stream itself, sent instead of an item. It need not be of the declared type."""
