"""JSON without line breaks.

Newline-delimited JSON, also called JSON lines: one JSON text a line.

One JSON array (RFC 8259, section 5), element by element.
"""

from typing import Any, Final

from msgspec import UNSET
from msgspec.json import Encoder

from jero.framing.event import data_alone
from jero.framing.framing import Framing

_LINE_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")


def append_json(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends the item as JSON on one line.

    The encoder writes none of its own, and strings escape theirs; only a `msgspec.Raw`, of which it takes over
    the bytes, can bring some, between its tokens, where a space says the same.
    """
    start = len(buffer)
    encoder.encode_into(item, buffer, -1)
    if buffer.find(b"\n", start) >= 0 or buffer.find(b"\r", start) >= 0:
        buffer[start:] = buffer[start:].translate(_LINE_BREAKS)


# None of them is registered: the first two are what servers send, the others what clients send and ask for.
NDJSON_NAMES: Final = (
    "application/x-ndjson",
    "application/jsonl",
    "application/ndjson",
    "application/jsonlines",
    "application/x-jsonl",
    "application/x-jsonlines",
    "application/json-lines",
)


def encode_line(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends the item as one line of JSON; of an event its data, and nothing where it has none."""
    data = data_alone(item)
    if data is not UNSET:
        append_json(data, buffer, encoder)
        buffer += b"\n"


NDJSON = Framing(content_type=NDJSON_NAMES[0], encode=encode_line, keepalive=b"\n", around_json=(b"", b"\n"))


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
