"""What a wire format is: a record of data."""

from collections.abc import Callable
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
