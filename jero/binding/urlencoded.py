"""Reads `application/x-www-form-urlencoded` (WHATWG URL, section 5.1) as it arrives."""

import re
from collections.abc import Mapping
from typing import Final

from python_multipart import QuerystringParser

from jero.binding.entries import Entries, check_charset, in_utf_8

_SEPARATORS: Final = re.compile(rb"&&+")


# urllib takes a second for 1 MiB of percent signs, in which nothing else runs.
_ESCAPED: Final = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")


class UrlencodedForm:
    """Passes the entries of a body to `entries`. Call `feed` for each part of the body, then `finish`, and
    `close` in any case.

    `parameters`: those of the body's Content-Type. Raises `UnsupportedMediaType` for another charset than UTF-8. The
    methods raise what `Entries` raises.
    """

    def __init__(self, entries: Entries, parameters: Mapping[bytes, bytes]) -> None:
        check_charset(parameters)
        self._entries = entries
        self._name = bytearray()
        self._value = bytearray()
        self._parser = QuerystringParser(
            {
                "on_field_start": self._begin,
                "on_field_name": self._add_to_name,
                "on_field_data": self._add_to_value,
                "on_field_end": self._end,
            }
        )

    def feed(self, data: bytes) -> None:
        """Reads the next part of the body."""
        self._parser.write(_SEPARATORS.sub(b"&", data))  # the parser takes each of them, in turn

    def finish(self) -> None:
        """Reads the end of the body."""
        self._parser.finalize()

    def close(self) -> None:
        """Ends the parser, which refers to this object: without this the garbage collector had to free both."""
        self._parser.callbacks = {}

    def _begin(self) -> None:
        self._name.clear()
        self._value.clear()

    def _add_to_name(self, data: bytes, start: int, end: int) -> None:
        self._entries.count_text(end - start)
        self._name += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._entries.count_text(end - start)
        self._value += data[start:end]

    def _end(self) -> None:
        self._entries.add_field(in_utf_8(_decoded(self._name), "A name"), _decoded(self._value))


def _decoded(data: bytearray) -> bytes:
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[0].replace(b"%", b"").decode()), data.replace(b"+", b" "))
