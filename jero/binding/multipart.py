"""Reads `multipart/form-data` (RFC 7578) as it arrives."""

import logging
import re
from collections.abc import Mapping
from typing import Final

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError

from jero.binding.entries import Entries, check_charset, in_utf_8
from jero.binding.faults import malformed_form, unread_encoding
from jero.http.asgi import SPACE
from jero.http.parameters import read_parameters

# Of each part. Clients send three headers at most.
MAX_HEADERS: Final = 8
MAX_HEADER_BYTES: Final = 4_096
_MALFORMED: Final = (
    "The body is not multipart/form-data: a boundary or a header of a part does not have the required form, or a part "
    f"has more than {MAX_HEADERS} headers, or one of more than {MAX_HEADER_BYTES} bytes"
)
_READ: Final = (b"content-disposition", b"content-type", b"content-transfer-encoding")
# Browsers send any other character of a name or a filename as it is (WHATWG HTML, section 4.10.21.8).
_FORBIDDEN_IN_VALUE: Final = re.compile(rb"[\x00\r\n]")
# RFC 7578, section 4.7, deprecates the header, which older clients send. These values change nothing.
_UNENCODED: Final = (b"", b"7bit", b"8bit", b"binary")
_BOUNDARY: Final = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


# The parser logs a warning for each malformed body, so any client could fill the log. An operator may lower the level.
_parser_log = logging.getLogger("jero.forms.parser")
_parser_log.setLevel(logging.CRITICAL + 1)


class MultipartForm:
    """Passes the entries of a body to `entries`. Call `feed` for each part of the body, then `finish`, and
    `close` in any case.

    `parameters`: those of the body's Content-Type. The methods raise `MalformedRequest`, `UnsupportedMediaType` for an
    encoding that is not read, and what `Entries` raises.
    """

    def __init__(self, entries: Entries, parameters: Mapping[bytes, bytes]) -> None:
        check_charset(parameters)
        self._entries = entries
        self._has_begun = False
        self._has_ended = False
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        try:
            self._parser = MultipartParser(
                _boundary(parameters),
                {
                    "on_part_begin": self._headers.clear,
                    "on_header_begin": self._begin_header,
                    "on_header_field": self._add_to_header,
                    "on_header_value": self._add_to_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_entry,
                    "on_part_data": self._add_to_entry,
                    "on_part_end": entries.end,
                    "on_end": self._end,
                },
                max_header_count=MAX_HEADERS,
                max_header_size=MAX_HEADER_BYTES,
            )
        except FormParserError as error:
            raise malformed_form("The boundary in Content-Type is too long") from error
        self._parser.logger = _parser_log

    def feed(self, data: bytes) -> None:
        """Reads the next part of the body."""
        if not self._has_begun:
            data = data.lstrip(b"\r\n")
            if not data:
                return
            self._has_begun = True  # before a boundary the parser would pass over some text, depending on its parts
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise malformed_form(_MALFORMED) from error  # what the parser says of it depends on the cuts of the body

    def finish(self) -> None:
        """Reads the end of the body."""
        if not self._has_ended:
            raise malformed_form("The body ends before its last boundary, so it was cut short")

    def close(self) -> None:
        """Ends the parser, which refers to this object: without this the garbage collector had to free both."""
        self._parser.callbacks = {}

    def _begin_header(self) -> None:
        self._header.clear()
        self._value.clear()

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        name, value = bytes(self._header.lower()), bytes(self._value).strip(SPACE)
        if _FORBIDDEN_IN_VALUE.search(value):
            raise malformed_form("A header of a part contains a line break or NUL")
        if name not in _READ:
            return
        if name in self._headers:
            raise malformed_form(f"A part has the header {name.decode().title()} twice")
        self._headers[name] = value

    def _begin_entry(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        kind, parameters = _read(disposition, "Content-Disposition of a part")
        if kind != b"form-data" or b"name" not in parameters:
            raise malformed_form('A part has no header Content-Disposition: form-data; name="..."')
        encoding = self._headers.get(b"content-transfer-encoding", b"")
        if encoding.lower() not in _UNENCODED:
            raise unread_encoding("Content-Transfer-Encoding of a part", encoding)
        media_type = self._headers.get(b"content-type")
        self._entries.count_text(len(disposition) + len(media_type or b""))
        name = in_utf_8(parameters[b"name"], "The name of a part")
        if b"filename" in parameters:  # RFC 7578, section 4.2: filename* is not for forms, and is passed over
            filename = in_utf_8(parameters[b"filename"], "The filename", name)
            self._entries.begin(name, filename, None if media_type is None else media_type.decode("latin-1"))
            return
        if media_type is not None:
            check_charset(_read(media_type, "Content-Type of a part")[1])
        self._entries.begin(name)

    def _add_to_entry(self, data: bytes, start: int, end: int) -> None:
        self._entries.add(data[start:end])

    def _end(self) -> None:
        self._has_ended = True


def _boundary(parameters: Mapping[bytes, bytes]) -> bytes:
    """Returns the boundary among the parameters of Content-Type. Raises `MalformedRequest` if it cannot be one."""
    boundary = parameters.get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise malformed_form("Content-Type has no valid boundary, as in multipart/form-data; boundary=x")
    return boundary


def _read(value: bytes, what: str) -> tuple[bytes, dict[bytes, bytes]]:
    try:
        return read_parameters(value)
    except ValueError as error:
        raise malformed_form(f"{what} {error}") from error
