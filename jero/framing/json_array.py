"""One JSON array (RFC 8259, section 5), element by element."""

from typing import Any

from msgspec.json import Encoder

from jero.framing.framing import Framing


def encode_element(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends the item as JSON."""
    encoder.encode_into(item, buffer, -1)


JSON_ARRAY = Framing(
    content_type="application/json",
    encode=encode_element,
    opening=b"[",
    separator=b",",
    closing=b"]",
    keepalive=b" ",
    around_json=(b"", b""),
)
