"""Bodies that are read as they arrive: as bytes, or cut into lines of which each is an item.

A handler reads its body while the stream of its response is under way, and meanwhile the stream must notice that the
client leaves. Both arrive through the one `receive` of the request, in which only one task may wait. `RequestBody`
shares it between the reader of the body and the watcher of the client.
"""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, Generic, Self, TypeAlias

from msgspec.json import Decoder
from typing_extensions import TypeVar

from jero.binding.body import content_type, essence
from jero.binding.faults import line_too_long, refused_line, too_large, unsupported_media_type
from jero.binding.hashes import hash_check
from jero.codec import json_decoder
from jero.errors import ClientDisconnected, HTTPError
from jero.framing.json import NDJSON_NAMES
from jero.http.asgi import Message, Receive, Scope, is_disconnect

T = TypeVar("T")

# While the client is watched, the body is read ahead until this many bytes wait for its reader. A client that leaves
# behind a larger body is noticed when the reader has caught up.
READ_AHEAD_BYTES: Final = 65_536
# The lines of at most this many bytes are decoded together, even if the server passes on more at once.
WINDOW_BYTES: Final = 65_536
_SPACE: Final = b" \t\r"  # the whitespace of JSON without the line break


class RequestBody:
    """The body of a request, of at most `limit` bytes if a limit is given.

    The handler calls `read`. The stream calls `watch` instead of `receive`. While `watch` runs, only it receives, and
    `read` takes what has arrived. Otherwise `read` receives. So `receive` is never called twice at the same time, and
    no call is cancelled between two parts of the body.
    """

    def __init__(self, receive: Receive, limit: int | None) -> None:
        self._receive = receive
        self.limit = sys.maxsize if limit is None else limit
        self._size = 0
        self._buffer = bytearray()
        self._changed = asyncio.Event()
        self._is_receiving = False
        self._is_watched = False
        self._has_ended = False
        self._fault: HTTPError | None = None
        self._disconnect: Message | None = None

    async def read(self) -> bytes | None:
        """Returns the next part of the body, or `None` at its end.

        Raises `ContentTooLarge` if the body exceeds its limit, `ClientDisconnected` if the client leaves before the
        end, and the `HTTPError` of a body that cannot be decoded, after what could be.
        """
        while not self._buffer and not self._is_over:
            if self._is_watched or self._is_receiving:
                await self._wait()
            else:
                await self._receive_part()
        if self._size > self.limit:
            raise too_large(self.limit)
        if self._buffer:
            part = bytes(self._buffer)
            self._buffer.clear()
            self._changed.set()
            return part
        if self._fault is not None:
            raise self._fault
        if self._disconnect is not None:
            raise ClientDisconnected("the client left before its request was read to the end")
        return None

    async def watch(self) -> Message:
        """Returns the message that the client left. Buffers the parts of the body that arrive before it."""
        self._is_watched = True
        try:
            while not self._is_over:
                if self._is_receiving or len(self._buffer) >= READ_AHEAD_BYTES:
                    await self._wait()
                else:
                    await self._receive_part()
        finally:
            self._is_watched = False
            self._changed.set()
        return await self._receive() if self._disconnect is None else self._disconnect

    @property
    def _is_over(self) -> bool:
        is_broken = self._disconnect is not None or self._fault is not None
        return self._has_ended or is_broken or self._size > self.limit

    async def _receive_part(self) -> None:
        self._is_receiving = True
        try:
            message = await self._receive()
        except HTTPError as fault:  # for the reader of the body, also if it was met by the watcher of the client
            self._fault = fault
            return
        finally:
            self._is_receiving = False
            self._changed.set()
        if is_disconnect(message):
            self._disconnect = message
            return
        body: bytes = message.get("body", b"")
        self._size += len(body)
        self._buffer += body
        self._has_ended = not message.get("more_body", False)

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class ContentReader:
    """An async iterator of the parts of a body, in the sizes in which the server passes them on.

    Raises `ContentTooLarge` if the body exceeds its limit, `ClientDisconnected` if the client leaves before the end.
    """

    def __init__(self, body: RequestBody) -> None:
        self._body = body

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        part = await self._body.read()
        if part is None:
            raise StopAsyncIteration
        return part


class ItemReader(Generic[T]):
    """An async iterator of the items of a body. Each is the JSON of one line; empty lines are skipped.

    Raises `MalformedRequest` for a line that is not JSON and `UnprocessableContent` for a line of another shape. Both
    name the number of the line, and the iteration can go on with the next line. Raises `ContentTooLarge` for a line of
    more than `max_line_bytes`, `ClientDisconnected` if the client leaves before the end.
    """

    def __init__(
        self, body: RequestBody, decoder: Decoder[T], max_line_bytes: int, check: Callable[[bytes], None] | None
    ) -> None:
        self._body = body
        self._decode: Callable[[bytes], T] = decoder.decode
        self._check = check
        self._max_line_bytes = max_line_bytes
        self._lines = BoundedLines(max_line_bytes)
        self._windows: Iterator[bytes] = iter(())
        self._decoded: Iterator[T] = iter(())
        self._one_by_one: deque[bytes] = deque()
        self._number = 0
        self._has_ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        for item in self._decoded:
            return item
        return await self._next()

    async def _next(self) -> T:
        while True:
            while self._one_by_one:
                line = self._one_by_one.popleft()
                self._number += 1
                if line.strip(_SPACE):
                    return self._decode_alone(line)
            lines = await self._next_lines()
            try:
                if self._check is not None:
                    for line in filter(None, lines):
                        self._check(line)
                decoded = [self._decode(line) for line in lines if line]
            except Exception:  # the loop above finds the faulty line and the items before it
                self._one_by_one.extend(lines)
                continue
            self._number += len(lines)
            self._decoded = iter(decoded)
            for item in self._decoded:
                return item

    async def _next_lines(self) -> list[bytes]:
        """Returns some of the next lines, or an empty list if more of the body must be read first."""
        if self._lines.is_over:
            raise line_too_long(self._max_line_bytes, self._number + 1)
        for window in self._windows:
            return self._lines.feed(window)
        if self._has_ended:
            raise StopAsyncIteration
        part = await self._body.read()
        if part is None:
            self._has_ended = True
            return [self._lines.end()]
        self._windows = (part[start : start + WINDOW_BYTES] for start in range(0, len(part), WINDOW_BYTES))
        return []

    def _decode_alone(self, line: bytes) -> T:
        try:
            if self._check is not None:
                self._check(line)
            return self._decode(line)
        except Exception as error:
            raise refused_line(error, line, self._number) from error


class BoundedLines:
    """Cuts data into lines at LF. `is_over`: the next line is longer than `limit` bytes, and cutting has stopped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self.is_over = False

    def feed(self, data: bytes) -> list[bytes]:
        """Returns the lines that `data` completes, without their LF."""
        if b"\n" not in data:  # appending to a bytearray copies a long line once, not with each of its parts
            self._rest += data
            self.is_over = len(self._rest) > self._limit
            return []
        if self._rest:
            self._rest += data
            data = bytes(self._rest)
        lines = data.split(b"\n")
        self._rest = bytearray(lines.pop())
        self.is_over = len(self._rest) > self._limit
        if len(data) > self._limit:
            return self._within_limit(lines)
        return lines

    def end(self) -> bytes:
        """Returns the data after the last LF."""
        return bytes(self._rest)

    def _within_limit(self, lines: list[bytes]) -> list[bytes]:
        for index, line in enumerate(lines):
            if len(line) > self._limit:
                self.is_over = True
                return lines[:index]
        return lines


BodyOpener: TypeAlias = Callable[[Scope, RequestBody], Any]


def body_opener(name: str, type_: Any, max_line_bytes: int, *, may_be_encoded: bool = False) -> BodyOpener:
    """Returns a function that makes the iterator called `name` from a request and its unread body.

    `may_be_encoded`: the request may have a Content-Encoding, because the handler decodes the body, or jero does.
    """
    if name == "items":
        return _items_opener(type_, max_line_bytes, may_be_encoded=may_be_encoded)
    return _content_opener(may_be_encoded=may_be_encoded)


def _items_opener(type_: Any, max_line_bytes: int, *, may_be_encoded: bool) -> BodyOpener:
    decoder, check = json_decoder(type_), hash_check(type_)

    def open_items(scope: Scope, body: RequestBody) -> AsyncIterator[Any]:
        media_type = content_type(scope, body.limit, may_be_encoded=may_be_encoded)
        if essence(media_type).decode("latin-1") not in NDJSON_NAMES:
            raise unsupported_media_type(media_type, *NDJSON_NAMES[:2])
        return ItemReader(body, decoder, max_line_bytes, check)

    return open_items


def _content_opener(*, may_be_encoded: bool) -> BodyOpener:
    def open_content(scope: Scope, body: RequestBody) -> AsyncIterator[bytes]:
        content_type(scope, body.limit, may_be_encoded=may_be_encoded)
        return ContentReader(body)

    return open_content
