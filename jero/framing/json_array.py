"""One JSON array (RFC 8259, section 5), element by element."""

from typing import Any

from msgspec import UNSET
from msgspec.json import Encoder

from jero.framing.event import data_alone
from jero.framing.framing import Framing


def encode_element(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends the item as JSON; of an event its data, and nothing where it has none."""
    data = data_alone(item)
    if data is not UNSET:
        encoder.encode_into(data, buffer, -1)


JSON_ARRAY = Framing(
    content_type="application/json",
    encode=encode_element,
    opening=b"[",
    separator=b",",
    closing=b"]",
    keepalive=b" ",
    around_json=(b"", b""),
)
