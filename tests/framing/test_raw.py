from array import array
from typing import Any

import pytest
from msgspec.json import Encoder

from jero.framing.raw import RAW


class Chunk(bytes):
    pass


@pytest.mark.parametrize(
    ("chunk", "sent"),
    [
        (b"a\r\n\0\xff", b"a\r\n\0\xff"),
        (b"", b""),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[1:3], b"bc"),
        (memoryview(array("H", [1, 2])).cast("B"), array("H", [1, 2]).tobytes()),
        (Chunk(b"ab"), b"ab"),
    ],
    ids=["bytes", "empty", "bytearray", "slice", "cast", "subclass"],
)
def test_bytes_are_sent_unchanged(chunk: Any, sent: bytes) -> None:
    buffer = bytearray(b"before")
    RAW.encode(chunk, buffer, Encoder())
    assert buffer == b"before" + sent


@pytest.mark.parametrize("chunk", ["text", 1, None, [1], {"a": 1}])
def test_a_chunk_that_is_not_bytes_raises(chunk: Any) -> None:
    buffer = bytearray(b"before")
    with pytest.raises(TypeError, match=rf"yielded {type(chunk).__name__}\. Encode it first\."):
        RAW.encode(chunk, buffer, Encoder())
    assert buffer == b"before"


def test_the_format_adds_nothing_and_has_no_ping() -> None:
    assert (RAW.content_type, RAW.opening, RAW.separator, RAW.closing, RAW.keepalive) == (
        "application/octet-stream",
        b"",
        b"",
        b"",
        None,
    )
