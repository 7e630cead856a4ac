"""Parses lines, NDJSON and event streams from chunks of bytes, as the chunks arrive.

The readers share no code with `jero.framing`, so that neither hides a mistake of the other. They need neither httpx nor
an event loop.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Generic, Protocol, TypeAlias

import msgspec
from msgspec import UNSET
from msgspec.structs import force_setattr
from typing_extensions import TypeForm, TypeVar

from jero.annotations import event_form, expanded, is_struct, name_of, union_members, union_of
from jero.codec import from_text, json_decoder
from jero.errors import Problem, StreamFailed
from jero.framing.event import Notice, ServerSentEvent

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Until: TypeAlias = str | Callable[[ServerSentEvent[T]], bool]
"""The end that a protocol promises: the data of the event that ends the stream, or whether an event is the last."""

_UNIVERSAL_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_DATA: Final = b"data: "
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_RETRY: Final = re.compile(r"[0-9]+")
_LONGEST_RETRY: Final = 999_999_999_999_999
_QUOTED_LENGTH: Final = 200
# In bytes: more than an honest server sends, and less than fills a memory.
MAX_ITEM_BYTES: Final = 16_777_216


class LineReader:
    """Splits chunks into lines. A line ends with LF, or with CRLF, LF or CR if `universal` is true.

    `is_over`: the next line has more than `max_bytes`. Then the reader has stopped, and keeps nothing of that line.
    """

    def __init__(self, *, universal: bool = False, max_bytes: int = MAX_ITEM_BYTES) -> None:
        self._universal = universal
        self._max_bytes = max_bytes
        self.is_over = False
        self._rest = bytearray()
        self._is_after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Returns the lines that `chunk` completes, without their line ends; none if `is_over`."""
        if self.is_over:
            return []
        if self._is_after_cr and chunk:  # the CR has already ended its line: an LF that follows belongs to it
            self._is_after_cr = False
            chunk = chunk.removeprefix(b"\n")
        has_end = b"\n" in chunk or (self._universal and b"\r" in chunk)
        if not has_end:  # collects the chunks of a long line, and joins them only once
            self._rest += chunk
            return self._within_bounds([])
        if self._rest:
            self._rest += chunk
            chunk = bytes(self._rest)
        if self._universal and b"\r" in chunk:
            self._is_after_cr = chunk.endswith(b"\r")
            lines = _UNIVERSAL_LINE_END.split(chunk)
        else:  # nearly every stream has LF alone, which is ten times faster to split at
            lines = chunk.split(b"\n")
        rest = lines.pop()
        if rest or self._rest:
            self._rest = bytearray(rest)
        return lines if len(chunk) <= self._max_bytes else self._within_bounds(lines)

    def _within_bounds(self, lines: list[bytes]) -> list[bytes]:
        """Returns the lines before the first one that is too long."""
        too_long = next((at for at, line in enumerate(lines) if len(line) > self._max_bytes), None)
        self.is_over = too_long is not None or len(self._rest) > self._max_bytes
        if self.is_over:
            self._rest = bytearray()
        return lines[:too_long]

    def end(self) -> bytes:
        """Returns the bytes after the last line end."""
        return bytes(self._rest)


class Reader(Protocol[T_co]):
    """Makes items of type `T_co` from the chunks of one body."""

    has_ended: bool

    @property
    def promised_end(self) -> str | None:
        """Returns a description of the end that the protocol promises, or `None` if the end of the body is the end."""
        ...

    def feed(self, chunk: bytes) -> Iterator[T_co]:
        """Yields the items that `chunk` completes. `has_ended` is true after the last item that was promised."""
        ...

    def end(self) -> Sequence[T_co]:
        """Returns the items that the end of the body completes."""
        ...


class NDJSONReader(Generic[T]):
    """Decodes each line of newline-delimited JSON as a `T`. Skips blank lines, which are pings, and a byte order mark.

    `max_item_bytes`: the size of the longest line.
    """

    has_ended = False
    promised_end = None

    def __init__(self, type_: TypeForm[T], *, max_item_bytes: int = MAX_ITEM_BYTES) -> None:
        self._decoder: msgspec.json.Decoder[T] = json_decoder(expanded(type_))
        self._lines = LineReader(max_bytes=max_item_bytes)
        self._max_item_bytes = max_item_bytes
        self._line_number = 0

    def feed(self, chunk: bytes) -> Iterator[T]:
        """Yields the items that `chunk` completes.

        Raises `msgspec.DecodeError`, `UnicodeDecodeError` or `RecursionError` if a line is not a `T`, after the items
        before that line. A note of the error has the line's number and its beginning. Raises `msgspec.DecodeError` if
        a line is too long.
        """
        for line in self._lines.feed(chunk):
            yield from self._decode(line)
        if self._lines.is_over:
            raise _too_long(f"Line {self._line_number + 1} of the stream", self._max_item_bytes)

    def end(self) -> list[T]:
        """Returns the item of a last line that has no line end, if there is such a line. Raises as `feed` does."""
        return self._decode(self._lines.end())

    def _decode(self, line: bytes) -> list[T]:
        self._line_number += 1
        if self._line_number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line.strip():
            return []
        try:
            return [self._decoder.decode(line)]
        except (ValueError, RecursionError) as error:
            error.add_note(f"in line {self._line_number}: {line[:_QUOTED_LENGTH]!r}")
            raise


class EventReader(Generic[T]):
    """Parses an event stream (WHATWG HTML, section 9.2.6) into events whose data is a `T`.

    If `type_` is text alone, such as `str`, `Literal["a", "b"]`, `Annotated[str, ...]`, a `NewType`, alias or subclass
    of `str`, or `bytes`, the data is the text of the event. For every other type, `Any` included, the data is decoded
    as JSON. Raises `TypeError` for a union of text with another type, since the data could be either.

    If `T` is a union with notices of jero, such as `Row | Gap | RunEnd`, an event of the type of a notice has that as
    its data, and the data of all others are of the other members.

    An event whose data is empty has no JSON. It is passed over, or its data is `UNSET` if it has a name.

    `until`: the end that the protocol promises. A text is the data of the event that ends the stream, and that event
    is not yielded. A function returns whether an event is the last; that event is yielded. `has_ended` is true then.
    `max_item_bytes`: the size of the longest line, and of all lines of an event's data together.
    `last_event_id` is the id of the last complete event, or the id that the reader was made with. `retry` is the
    reconnection time of the stream in milliseconds, `None` unless the stream has set one. A client that reconnects
    uses both.
    """

    def __init__(
        self,
        type_: TypeForm[T],
        *,
        until: Until[T] | None = None,
        last_event_id: str | None = None,
        max_item_bytes: int = MAX_ITEM_BYTES,
    ) -> None:
        if not (until is None or isinstance(until, str) or callable(until)):
            raise TypeError(f"until={until!r}: it must be the data of the last event, or a function of an event.")
        items, self._notices = _notices_apart(type_)
        self._convert, self._is_text = _data_converter(items)
        self._last_data = until if isinstance(until, str) else None
        self._is_last = None if isinstance(until, str) else until
        self.has_ended = False
        self._max_item_bytes = max_item_bytes
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.restart()

    @property
    def promised_end(self) -> str | None:
        """Returns a description of the end that `until` promises."""
        if self._last_data is not None:
            return f"the event {self._last_data!r}"
        return None if self._is_last is None else "the last event that `until` waits for"

    def restart(self) -> None:
        """Drops a half-read event, and expects the bytes of a new connection. Keeps `last_event_id` and `retry`.

        An event without an id still has the last id of the connection before, as in browsers. By the words of the
        standard, a new connection resets the id; the client would lose the place to resume from.
        """
        self._lines = LineReader(universal=True, max_bytes=self._max_item_bytes)
        self._is_at_start = True
        self._data: list[str] = []
        self._size = 0
        self._event: str | None = None
        self._id = self.last_event_id

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent[T]]:
        """Yields the events that `chunk` completes.

        Raises `StreamFailed` for an event "error" whose data is a problem, and `msgspec.DecodeError` if an event's
        data is not a `T` or is too long, after the events before that event.
        """
        lines = self._lines.feed(chunk)
        if lines and self._is_at_start:
            self._is_at_start = False
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        for line in lines:
            if line:
                if line.startswith(_DATA):  # nearly every line
                    self._add_data(line[len(_DATA) :].decode("utf-8", "replace"), len(line))
                    continue
                name, _, value = line.decode("utf-8", "replace").partition(":")
                self._set_field(name, value.removeprefix(" "), len(line))
                continue
            if (event := self._dispatch()) is not None:
                yield event
            if self.has_ended:
                return
        if self._lines.is_over:
            raise _too_long("A line of the stream", self._max_item_bytes)

    def end(self) -> tuple[()]:
        """Returns no event: the end of the body completes none."""
        return ()

    def _set_field(self, name: str, value: str, size: int) -> None:
        if name == "data":
            self._add_data(value, size)
        elif name == "event":
            self._event = value.replace("\0", "\ufffd")  # the standard allows NUL, `ServerSentEvent` does not
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and _RETRY.fullmatch(value):
            digits = value.lstrip("0") or "0"
            self.retry = min(int(digits[:16]), _LONGEST_RETRY)

    def _add_data(self, value: str, size: int) -> None:
        self._size += size
        if self._size > self._max_item_bytes:
            raise _too_long("The data of an event", self._max_item_bytes)
        self._data.append(value)

    def _dispatch(self) -> ServerSentEvent[T] | None:
        """Returns the event whose fields have been read, or `None` if they include no data."""
        data, event = self._data, self._event
        self._data, self._event, self._size = [], None, 0
        self.last_event_id = self._id
        if not data:
            return None
        text = data[0] if len(data) == 1 else "\n".join(data)
        if text == self._last_data:
            self.has_ended = True
            return None
        if not (text or event or self._is_text):
            return None
        found: ServerSentEvent[T] = ServerSentEvent(data=self._decode(text, event), event=event or None)
        if self.last_event_id is not None:
            # Another server may send ids that `ServerSentEvent` refuses to send, such as with spaces around them.
            force_setattr(found, "id", self.last_event_id)
        self.has_ended = self._is_last is not None and self._is_last(found)
        return found

    def _decode(self, data: str, event: str | None) -> Any:
        if not (data or self._is_text):
            return UNSET
        if event == "error":
            _raise_problem(data)
        convert = self._notices.get(event or "", self._convert) if self._notices else self._convert
        try:
            return convert(data)
        except (ValueError, RecursionError) as error:
            error.add_note(f"in the data of an event {event or 'message'!r}: {data[:_QUOTED_LENGTH]!r}")
            raise


def _notices_apart(type_: Any) -> tuple[Any, dict[str, Callable[[str], Any]]]:
    """Returns the type of items without the notices that a union has beside them, and what decodes those, by event."""
    members = union_members(expanded(type_))
    notices = [member for member in members if isinstance(member, type) and issubclass(member, Notice)]
    if not notices or len(notices) == len(members):
        return type_, {}
    items = union_of(member for member in members if member not in notices)
    return items, {notice.event_type: json_decoder(notice).decode for notice in notices}


def _data_converter(type_: Any) -> tuple[Callable[[str], Any], bool]:
    """Returns the function that makes a value of `type_` from an event's data, and whether the data is text.

    Raises `TypeError` if the data could be both text and JSON.
    """
    type_ = expanded(type_)
    if type_ is str:
        return str, True
    form = "json" if is_struct(type_) else event_form(type_)  # most are a Struct: faster than to inspect it
    if form == "mixed":
        raise TypeError(
            f"An event's data cannot be read as {name_of(type_)}: text is sent as it is, and everything else as JSON, "
            "so one cannot be told from the other. Read str, and decode what you need, or use a Struct with a field "
            "for it."
        )
    if form == "text":
        return lambda data: from_text(data, type_), True
    if form == "bytes":
        return lambda data: from_text(data.encode(), type_), True
    return json_decoder(type_).decode, False


def _too_long(what: str, limit: int) -> msgspec.DecodeError:
    return msgspec.DecodeError(f"{what} has more than {limit} bytes. If that is right, set a larger max_item_bytes.")


def _raise_problem(data: str) -> None:
    try:
        problem = msgspec.json.decode(data, type=Problem)
    except msgspec.DecodeError:
        return  # an event of the application, which is named "error" too
    raise StreamFailed(problem)
