"""Reading an event stream (WHATWG HTML, section 9.2.6)."""

import re
from collections.abc import Iterator
from typing import Any, Generic

import msgspec
from typing_extensions import TypeVar

from jero.client.lines import LineReader
from jero.errors import Problem, StreamFailed
from jero.framing.event import ServerSentEvent

T = TypeVar("T")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_RETRY = re.compile(r"[0-9]{1,15}")


class EventReader(Generic[T]):
    """From bytes as they arrive to events whose data is a `T`; a `str` has the data as it came, all else is JSON.

    `last_event_id` and `retry` (milliseconds) are what a client that comes back goes by.
    """

    def __init__(self, type_: type[T], *, last_event_id: str | None = None) -> None:
        self._decoder = None if type_ is str else msgspec.json.Decoder(type_)
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.restart()

    def restart(self) -> None:
        """The next bytes are those of a new connection: what was half read is forgotten, the id and `retry` stay.

        Events without an id of their own go on with the last one, as in browsers: the standard's own words would reset
        it, and with it the place to resume from.
        """
        self._lines = LineReader(universal=True)
        self._is_first = True
        self._data: list[str] = []
        self._event: str | None = None
        self._id = self.last_event_id

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent[T]]:
        """The events that `chunk` completes; those before a fault are given before it is raised.

        Raises `StreamFailed` for an event "error" whose data is a problem, `msgspec.DecodeError` for data that is
        no `T`.
        """
        for line in self._lines.feed(chunk):
            yield from self._read(line)

    def _read(self, line: bytes) -> list[ServerSentEvent[T]]:
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            return self._dispatch()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        self._take(name, value.removeprefix(" "))
        return []

    def _take(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value.replace("\0", "\ufffd")  # legal there, though our own events refuse it
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and _RETRY.fullmatch(value):
            self.retry = int(value)

    def _dispatch(self) -> list[ServerSentEvent[T]]:
        data, event = "\n".join(self._data), self._event
        self.last_event_id = self._id
        has_data = bool(self._data)
        self._data, self._event = [], None
        if not has_data:  # a comment, or fields that only set something: no event
            return []
        return [ServerSentEvent(data=self._decode(data, event), event=event or None, id=self.last_event_id)]

    def _decode(self, data: str, event: str | None) -> Any:
        if event == "error":
            _raise_problem(data)
        if self._decoder is None:
            return data
        try:
            return self._decoder.decode(data)
        except msgspec.DecodeError as error:
            error.add_note(f"in the data of an event {event or 'message'!r}: {data[:200]!r}")
            raise


def _raise_problem(data: str) -> None:
    try:
        problem = msgspec.json.decode(data, type=Problem)
    except msgspec.DecodeError:
        return  # an event of the application's own, that it calls "error"
    raise StreamFailed(problem)
