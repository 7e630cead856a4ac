"""Bytes as they arrive, cut into lines."""

import re
from typing import Final

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class LineReader:
    """Cuts at LF alone, or, with `universal`, at CRLF, LF and CR as an event stream has them."""

    def __init__(self, *, universal: bool = False) -> None:
        self._universal = universal
        self._rest = bytearray()
        self._is_after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their ends."""
        if self._is_after_cr and chunk:  # that CR has ended its line; a LF right after it belongs to it
            self._is_after_cr = False
            chunk = chunk.removeprefix(b"\n")
        has_end = b"\n" in chunk or (self._universal and b"\r" in chunk)
        if not has_end:  # a long line is joined once, however many chunks it comes in
            self._rest += chunk
            return []
        if self._rest:
            self._rest += chunk
            chunk = bytes(self._rest)
        self._is_after_cr = self._universal and chunk.endswith(b"\r")
        *lines, rest = _LINE_END.split(chunk) if self._universal else chunk.split(b"\n")
        self._rest = bytearray(rest)
        return lines

    def end(self) -> bytes:
        """What came after the last line end."""
        return bytes(self._rest)
