"""What a wire format is: a record of data.

Items that are bytes already: framed once, however many streams they go into.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Any

from msgspec import Struct
from msgspec.json import Encoder


class Framing(Struct, frozen=True, kw_only=True):
    """A wire format: make one, name it in a response class, and any stream can be sent in it.

    `encode(item, buffer, encoder)` appends the item's bytes to `buffer`; `encoder` is the JSON encoder that the
    application or the response chose. What it raises fails the stream, and nothing of that item is sent. An item of
    which it appends nothing is passed over, and has no separator.
    `opening`, `separator` and `closing` stand before the items, between two of them, and after them.
    `keepalive` is what an idle stream is sent so that nobody in between takes it for dead; it must mean
    nothing to a reader. `None`: the format has nothing of the kind.
    `around_json`: for a format whose items are JSON, what stands before and after one. It saves a call for items of
    types that are known to be written on one line; what `encode` appends for them must be the same.
    """

    content_type: str
    encode: Callable[[Any, bytearray, Encoder], None]
    opening: bytes = b""
    separator: bytes = b""
    closing: bytes = b""
    keepalive: bytes | None = None
    around_json: tuple[bytes, bytes] | None = None


class FramedItems:
    """Items that were framed before, in one piece. `count`: how many they are, one at least.

    It is no abstract class: whether an item is one is asked for each item, and an abstract class takes long to say.
    """

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count

    def bytes_in(self, framing: Framing) -> bytes:
        """All of them in that format, with its separator between two, and nothing before or after."""
        raise NotImplementedError


class PublishedItems(AsyncIterator[FramedItems]):
    """FramedItems items that are published elsewhere, to many.

    `deliver`: where it is set while the next item is awaited, the item may be given by a call of it instead. It says
    whether that was all; if not, the awaiting ends, with the same item.
    """

    __slots__ = ()

    deliver: Callable[[FramedItems], bool] | None


class FramedSource(ABC):
    """A stream that keeps its items framed: an async iterable of items for whoever iterates it; what sends it asks for
    them in pieces.
    """

    @abstractmethod
    def framed(self) -> AsyncIterator[FramedItems]:
        """The same items, framed."""
