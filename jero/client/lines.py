"""Bytes as they arrive, cut into lines."""

import re
from typing import Final

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class LineReader:
    """Cuts at LF alone, or, with `universal`, at CRLF, LF and CR as an event stream has them."""

    def __init__(self, *, universal: bool = False) -> None:
        self._universal = universal
        self._rest = b""
        self._is_after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their ends."""
        if not self._universal:
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            return lines
        if self._is_after_cr and chunk:  # that CR has ended its line; a LF right after it belongs to it
            self._is_after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if chunk:
            self._is_after_cr = chunk.endswith(b"\r")
        *lines, self._rest = _LINE_END.split(self._rest + chunk)
        return lines

    def end(self) -> bytes:
        """What came after the last line end."""
        return self._rest
