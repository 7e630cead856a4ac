"""Writes items as JSON: a line each (NDJSON), or as the elements of one array (RFC 8259, section 5).

In development, `checked` also validates the JSON of each item against the declared type.
"""

from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET
from msgspec.json import Encoder

from jero.errors import Problem
from jero.framing.event import Notice, ServerSentEvent
from jero.framing.framing import Framing

# NDJSON is also called JSON Lines. No name is registered. Servers send the first two, clients send and accept all.
NDJSON_NAMES: Final = (
    "application/x-ndjson",
    "application/jsonl",
    "application/ndjson",
    "application/jsonlines",
    "application/x-jsonl",
    "application/x-jsonlines",
    "application/json-lines",
)

_LINE_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")


def data_alone(item: Any) -> Any:
    """Returns the data of an event, `UNSET` if it has none, and any other item unchanged."""
    return cast("ServerSentEvent[Any]", item).data if isinstance(item, ServerSentEvent) else item


def append_json(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends the item as JSON on one line.

    The encoder writes no line breaks, and escapes those in strings. Only a `msgspec.Raw`, whose bytes it copies, can
    contain some. They stand between tokens, where a space means the same.
    """
    start = len(buffer)
    encoder.encode_into(item, buffer, -1)
    if buffer.find(b"\n", start) >= 0 or buffer.find(b"\r", start) >= 0:
        buffer[start:] = buffer[start:].translate(_LINE_BREAKS)


def one_line_appender(encoder: Encoder) -> Callable[[Any, bytearray, int], None]:
    """Returns `append_json` with the parameters of `Encoder.encode_into`, for items that may contain line breaks."""
    return lambda item, buffer, _: append_json(item, buffer, encoder)


def encode_line(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends the item as one line of JSON. Of an event, appends its data, and nothing if it has none."""
    data = data_alone(item)
    if data is not UNSET:
        append_json(data, buffer, encoder)
        buffer += b"\n"


NDJSON = Framing(content_type=NDJSON_NAMES[0], encode=encode_line, keepalive=b"\n", json_prefix=b"", json_suffix=b"\n")


def encode_element(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends the item as JSON. Of an event, appends its data, and nothing if it has none."""
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
    json_prefix=b"",
)


def checked(framing: Framing, decode: Callable[[bytes], Any]) -> Framing:
    """Returns the same format with a check: `decode` reads the JSON of each item before the item is framed.

    An error that `decode` raises fails the stream. Of an event, the data is checked, unless it is about the stream
    itself: a notice, or the problem of a failure.
    """

    def encode(item: Any, buffer: bytearray, encoder: Encoder) -> None:
        data = data_alone(item)
        if data is not UNSET and not _is_about_stream(item):
            try:
                decode(encoder.encode(data))
            except (ValueError, RecursionError) as error:
                error.add_note(f"validate_items: the stream yielded {type(item).__name__}, which does not fit")
                raise
        framing.encode(item, buffer, encoder)

    return msgspec.structs.replace(framing, encode=encode, json_prefix=None)


def _is_about_stream(item: Any) -> bool:
    return isinstance(item, ServerSentEvent) and isinstance(cast("ServerSentEvent[Any]", item).data, Problem | Notice)
