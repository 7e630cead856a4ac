"""JSON without line breaks."""

from typing import Any, Final

from msgspec.json import Encoder

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
