"""Parses lines, NDJSON and event streams from chunks of bytes, as the chunks arrive.

The readers share no code with `jero.framing`, so that neither hides a mistake of the other. They need neither httpx nor
an event loop.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, Generic

import msgspec
from msgspec.structs import force_setattr
from typing_extensions import TypeVar

from jero.errors import Problem, StreamFailed
from jero.framing.event import ServerSentEvent

T = TypeVar("T")

_UNIVERSAL_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_RETRY: Final = re.compile(r"[0-9]{1,15}")
_QUOTED_LENGTH: Final = 200


class LineReader:
    """Splits chunks into lines. A line ends with LF, or with CRLF, LF or CR if `universal` is true."""

    def __init__(self, *, universal: bool = False) -> None:
        self._universal = universal
        self._rest = bytearray()
        self._is_after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Returns the lines that `chunk` completes, without their line ends."""
        if self._is_after_cr and chunk:  # the CR has already ended its line: an LF that follows belongs to it
            self._is_after_cr = False
            chunk = chunk.removeprefix(b"\n")
        has_end = b"\n" in chunk or (self._universal and b"\r" in chunk)
        if not has_end:  # collects the chunks of a long line, and joins them only once
            self._rest += chunk
            return []
        if self._rest:
            self._rest += chunk
            chunk = bytes(self._rest)
        self._is_after_cr = self._universal and chunk.endswith(b"\r")
        *lines, rest = _UNIVERSAL_LINE_END.split(chunk) if self._universal else chunk.split(b"\n")
        self._rest = bytearray(rest)
        return lines

    def end(self) -> bytes:
        """Returns the bytes after the last line end."""
        return bytes(self._rest)


class NDJSONReader(Generic[T]):
    """Decodes each line of newline-delimited JSON as a `T`. Skips blank lines, which are pings."""

    def __init__(self, type_: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(type_)
        self._lines = LineReader()
        self._line_number = 0

    def feed(self, chunk: bytes) -> Iterator[T]:
        """Yields the items that `chunk` completes.

        Raises `msgspec.DecodeError`, `UnicodeDecodeError` or `RecursionError` if a line is not a `T`, after the items
        before that line. A note of the error has the line's number and its beginning.
        """
        for line in self._lines.feed(chunk):
            yield from self._decode(line)

    def end(self) -> list[T]:
        """Returns the item of a last line that has no line end, if there is such a line. Raises as `feed` does."""
        return self._decode(self._lines.end())

    def _decode(self, line: bytes) -> list[T]:
        self._line_number += 1
        if not line.strip():
            return []
        try:
            return [self._decoder.decode(line)]
        except (ValueError, RecursionError) as error:
            error.add_note(f"in line {self._line_number}: {line[:_QUOTED_LENGTH]!r}")
            raise


class EventReader(Generic[T]):
    """Parses an event stream (WHATWG HTML, section 9.2.6) into events whose data is a `T`.

    If `type_` is `str`, the data is returned unchanged; for every other type, the data is decoded as JSON.

    `last_event_id` is the id of the last complete event, or the id that the reader was made with. `retry` is the
    reconnection time of the stream in milliseconds, `None` unless the stream has set one. A client that reconnects
    uses both.
    """

    def __init__(self, type_: type[T], *, last_event_id: str | None = None) -> None:
        self._decoder = None if type_ is str else msgspec.json.Decoder(type_)
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.restart()

    def restart(self) -> None:
        """Drops a half-read event, and expects the bytes of a new connection. Keeps `last_event_id` and `retry`.

        An event without an id still has the last id of the connection before, as in browsers. By the words of the
        standard, a new connection resets the id; the client would lose the place to resume from.
        """
        self._lines = LineReader(universal=True)
        self._is_at_start = True
        self._data: list[str] = []
        self._event: str | None = None
        self._id = self.last_event_id

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent[T]]:
        """Yields the events that `chunk` completes.

        Raises `StreamFailed` for an event "error" whose data is a problem, and `msgspec.DecodeError` if an event's
        data is not a `T`, after the events before that event.
        """
        lines = self._lines.feed(chunk)
        if lines and self._is_at_start:
            self._is_at_start = False
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        for line in lines:
            if line:
                name, _, value = line.decode("utf-8", "replace").partition(":")
                self._set_field(name, value.removeprefix(" "))
            elif (event := self._dispatch()) is not None:
                yield event

    def _set_field(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value.replace("\0", "\ufffd")  # the standard allows NUL, `ServerSentEvent` does not
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and _RETRY.fullmatch(value):
            self.retry = int(value)

    def _dispatch(self) -> ServerSentEvent[T] | None:
        """Returns the event whose fields have been read, or `None` if they include no data."""
        data, event = self._data, self._event
        self._data, self._event = [], None
        self.last_event_id = self._id
        if not data:
            return None
        found: ServerSentEvent[T] = ServerSentEvent(data=self._decode("\n".join(data), event), event=event or None)
        # Another server may send ids that `ServerSentEvent` refuses to send, such as with spaces around them.
        force_setattr(found, "id", self.last_event_id)
        return found

    def _decode(self, data: str, event: str | None) -> Any:
        if event == "error":
            _raise_problem(data)
        if self._decoder is None:
            return data
        try:
            return self._decoder.decode(data)
        except msgspec.DecodeError as error:
            error.add_note(f"in the data of an event {event or 'message'!r}: {data[:_QUOTED_LENGTH]!r}")
            raise


def _raise_problem(data: str) -> None:
    try:
        problem = msgspec.json.decode(data, type=Problem)
    except msgspec.DecodeError:
        return  # an event of the application, which is named "error" too
    raise StreamFailed(problem)
