"""Newline-delimited JSON, also called JSON lines: one JSON text a line."""

from typing import Any, Final

from msgspec import UNSET
from msgspec.json import Encoder

from jero.framing.event import data_alone
from jero.framing.framing import Framing
from jero.framing.json_text import append_json

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
