"""Describes a wire format as data, and items that are framed already."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct
from msgspec.json import Encoder

from jero.errors import HTTPError, Problem

T_co = TypeVar("T_co", covariant=True)


class Framing(Struct, frozen=True, kw_only=True):
    """A wire format. Name one in a response class of your own, and any stream can be sent in it.

    `content_type`: the media type of the response.
    `encode(item, buffer, encoder)` appends the bytes of the item to `buffer`. `encoder` is the JSON encoder of the
    application or of the response. If `encode` raises, the stream fails, and nothing of that item is sent. If it
    appends nothing, the item is passed over, and gets no separator.
    `opening`, `separator`, `closing`: the bytes before the items, between two of them, and after them. `closing` is
    sent if the stream completed, and not if it was cut short. If there is an `opening` as well, the two are a pair of
    brackets, and `closing` is also sent after a last item of `on_error`.
    `keepalive`: the bytes that an idle stream sends so that no proxy closes its connection. They must mean nothing to a
    reader. `None` if the format has no such bytes.
    `json_prefix`, `json_suffix`: if every item is JSON, the bytes that `encode` puts before and after it. They let the
    engine write items without a call of `encode` for each, if the JSON of their type is known to have no line break.
    `json_prefix` is `None` if items are not JSON.
    """

    content_type: str
    encode: Callable[[Any, bytearray, Encoder], None]
    opening: bytes = b""
    separator: bytes = b""
    closing: bytes = b""
    keepalive: bytes | None = None
    json_prefix: bytes | None = None
    json_suffix: bytes = b""


class FramedItems:
    """Items that were framed before, in one piece. `count`: their number, at least 1.

    The class is not abstract: the engine checks each item for it, and the check of an abstract class is slow.
    """

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count

    def bytes_in(self, framing: Framing) -> bytes:
        """Returns all of them in that format, with its separator between two, and nothing before or after them."""
        raise NotImplementedError


class NotCompleted(HTTPError):
    """Cuts a stream of framed items short: those who frame them did not complete them, and have logged why.

    `reason`: the `StreamOutcome.reason` of the stream. If nothing was sent, a stream that "failed" is answered with
    `problem()` and `headers`. `FramedItems.bytes_in` raises it, in a format that cannot say it otherwise.
    """

    def __init__(
        self,
        reason: Literal["failed", "stopped", "shutdown"],
        problem: Problem,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(problem.detail or problem.title, headers=headers)
        self.reason: Literal["failed", "stopped", "shutdown"] = reason
        self._problem = problem

    def problem(self) -> Problem:
        """Returns the problem that was given."""
        return self._problem


class PublishedItems(AsyncIterator[FramedItems]):
    """Framed items that are published elsewhere, for many streams.

    If `deliver` is set while the next items are awaited, the publisher may call it with them instead of ending that
    wait. `deliver` returns whether it has sent the items. If not, the publisher ends the wait with the same items.
    """

    __slots__ = ()

    deliver: Callable[[FramedItems], bool] | None


class FramedSource(ABC, Generic[T_co]):
    """A source that keeps its items framed, each of which a format contains as a `T_co`.

    It is an async iterable of items; the engine reads `framed()` instead.
    """

    @abstractmethod
    def framed(self) -> AsyncIterator[FramedItems]:
        """Returns the same items, framed."""

    def has_ended(self) -> bool:
        """Returns whether it is known already that no item will come.

        An event stream is then answered with 204, so that its client does not reconnect (WHATWG HTML, section 9.2.3).
        """
        return False
