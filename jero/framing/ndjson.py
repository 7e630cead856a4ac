"""Newline-delimited JSON, also called JSON lines: one JSON text a line."""

from typing import Any

from msgspec.json import Encoder

from jero.framing.framing import Framing
from jero.framing.json_text import append_json


def encode_line(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends the item as one line of JSON."""
    append_json(item, buffer, encoder)
    buffer += b"\n"


NDJSON = Framing(content_type="application/x-ndjson", encode=encode_line, keepalive=b"\n", around_json=(b"", b"\n"))
