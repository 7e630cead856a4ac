"""Sends chunks of bytes unchanged."""

from typing import Any

from msgspec.json import Encoder

from jero.framing.framing import Framing


def encode_chunk(chunk: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends a bytes-like chunk unchanged. Raises `TypeError` for anything else: text needs an encoding first."""
    if not isinstance(chunk, bytes | bytearray | memoryview):
        raise TypeError(f"A StreamingResponse sends bytes; its stream yielded {type(chunk).__name__}. Encode it first.")
    buffer += chunk


RAW = Framing(content_type="application/octet-stream", encode=encode_chunk)
