"""An event, which only event streams know of; in every other format of JSON its data stands alone."""

from typing import Any, Generic, cast

from msgspec import UNSET, Struct, UnsetType
from typing_extensions import TypeVar

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


class Notice(Struct, frozen=True):
    """Data that tells of the stream itself, in the place of an item: it need not be of the type that is declared."""


def data_alone(item: Any) -> Any:
    """What is sent of an item in a format that knows no events: an event's data, `UNSET` where it has none."""
    return cast("ServerSentEvent[Any]", item).data if isinstance(item, ServerSentEvent) else item
