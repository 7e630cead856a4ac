"""A request's body as it arrives, while somebody else waits for the client to leave: both by the one `receive`.

A body cut into lines, none longer than it may be.

The body's bytes, as they arrive.

The items of an NDJSON body, as they arrive.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Generic, Self

from msgspec.json import Decoder
from typing_extensions import TypeVar

from jero.binding.faults import refused_line
from jero.errors import ClientDisconnected, ContentTooLarge, Fault
from jero.framing.json import NDJSON_NAMES
from jero.http.asgi import Message, Receive, Scope, is_disconnect, request_header

# A body is read ahead of its reader while fewer bytes than these wait: as far as this goes, the client's leaving is
# noticed also while nobody reads.
READ_AHEAD_BYTES: Final = 65_536


def check_announced(scope: Scope, limit: int) -> None:
    """Raises `ContentTooLarge` for a body that says of itself that it is larger."""
    announced = request_header(scope, b"content-length")
    # Digits without end would cost int() quadratic time, and it refuses them; none so long is a size within a limit.
    if announced is not None and announced.isdigit() and (len(announced) > 19 or int(announced) > limit):
        raise too_large(limit)


def too_large(limit: int) -> ContentTooLarge:
    """The refusal of a body of more than `limit` bytes."""
    # What is left of the body is not read, so the connection can carry no further request.
    return ContentTooLarge(f"The body is larger than {limit} bytes.", headers={"Connection": "close"})


class Incoming:
    """The body's one reader calls `next`; who waits for the client's leaving calls `watch` in place of `receive`.

    While it is watched, only the watcher receives, and the reader takes what came. Without a watcher the reader
    receives by itself. So there is never more than one `receive` at a time, and none is broken off between two parts.
    `limit`: how large the body may be, or `None`.
    """

    def __init__(self, receive: Receive, limit: int | None) -> None:
        self._receive = receive
        self._limit = limit
        self._size = 0
        self._waiting = bytearray()
        self._news = asyncio.Event()
        self._is_receiving = False
        self._is_watched = False
        self._has_ended = False
        self._leaving: Message | None = None

    async def next(self) -> bytes | None:
        """The next part of the body, or `None` at its end.

        Raises `ContentTooLarge` when it is over its limit, `ClientDisconnected` where the client leaves in the middle.
        """
        while not self._waiting and not self._is_over:
            if self._is_watched or self._is_receiving:
                await self._wait()
            else:
                await self._advance()
        if self._limit is not None and self._size > self._limit:
            raise too_large(self._limit)
        if self._waiting:
            part = bytes(self._waiting)
            self._waiting.clear()
            self._news.set()
            return part
        if self._leaving is not None:
            raise ClientDisconnected("the client left before its request was read to the end")
        return None

    async def watch(self) -> Message:
        """`receive` for who waits for the client's leaving: what comes of the body meanwhile is its reader's."""
        self._is_watched = True
        try:
            while not self._is_over:
                if self._is_receiving or len(self._waiting) >= READ_AHEAD_BYTES:
                    await self._wait()
                else:
                    await self._advance()
        finally:
            self._is_watched = False
            self._news.set()
        return await self._receive() if self._leaving is None else self._leaving

    @property
    def _is_over(self) -> bool:
        is_too_large = self._limit is not None and self._size > self._limit
        return self._has_ended or self._leaving is not None or is_too_large

    async def _advance(self) -> None:
        self._is_receiving = True
        try:
            message = await self._receive()
        finally:
            self._is_receiving = False
            self._news.set()
        if is_disconnect(message):
            self._leaving = message
            return
        body: bytes = message.get("body", b"")
        self._size += len(body)
        self._waiting += body
        self._has_ended = not message.get("more_body", False)

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()


class BoundedLines:
    """Cuts at LF. `is_over`: the line after those that were given is longer than `limit` bytes; nothing follows it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self.is_over = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends."""
        if b"\n" not in data:  # a long line is joined once, however many parts it comes in
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
        """What came after the last LF."""
        return bytes(self._rest)

    def _within_limit(self, lines: list[bytes]) -> list[bytes]:
        for index, line in enumerate(lines):
            if len(line) > self._limit:
                self.is_over = True
                return lines[:index]
        return lines


class ContentReader:
    """An async iterator of the body's parts, in the sizes that the server has them.

    Raises `ContentTooLarge` when the body is over its limit, `ClientDisconnected` where it breaks off.
    """

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        part = await self._incoming.next()
        if part is None:
            raise StopAsyncIteration
        return part


T = TypeVar("T")

# So many bytes of lines are decoded at once at the most, whatever the server gives in one piece.
WINDOW_BYTES: Final = 65_536
_SPACE: Final = b" \t\r"  # what may stand around JSON, but for the line break itself


class ItemReader(Generic[T]):
    """An async iterator of a body's items, each the JSON of one line; empty lines are passed over.

    Raises `MalformedRequest` for a line that is not JSON and `UnprocessableContent` for one of another shape, both
    with its number: who catches them may go on with the next line. `ContentTooLarge` for a line of more than
    `max_line_bytes`, `ClientDisconnected` where the body breaks off.
    """

    def __init__(self, incoming: Incoming, decoder: Decoder[T], max_line_bytes: int) -> None:
        self._incoming = incoming
        self._decode: Callable[[bytes], T] = decoder.decode
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
                decoded = [self._decode(line) for line in lines if line]
            except (ValueError, RecursionError):  # which of them it is, and what comes before it, is found out above
                self._one_by_one.extend(lines)
                continue
            self._number += len(lines)
            self._decoded = iter(decoded)
            for item in self._decoded:
                return item

    async def _next_lines(self) -> list[bytes]:
        """Some of the next lines, or none yet."""
        if self._lines.is_over:
            number = self._number + 1
            raise ContentTooLarge(
                f"Line {number} is longer than {self._max_line_bytes} bytes.",
                headers={"Connection": "close"},  # for the rest of the body, which is not read
                errors=[Fault(("items", number), f"Longer than {self._max_line_bytes} bytes")],
            )
        for window in self._windows:
            return self._lines.feed(window)
        if self._has_ended:
            raise StopAsyncIteration
        part = await self._incoming.next()
        if part is None:
            self._has_ended = True
            return [self._lines.end()]
        self._windows = (part[start : start + WINDOW_BYTES] for start in range(0, len(part), WINDOW_BYTES))
        return []

    def _decode_alone(self, line: bytes) -> T:
        try:
            return self._decode(line)
        except (ValueError, RecursionError) as error:
            raise refused_line(error, self._number) from error


def is_ndjson(media_type: bytes | None) -> bool:
    """Whether it is one of the names of NDJSON, whatever its parameters."""
    essence = (media_type or b"").partition(b";")[0].strip().lower()
    return essence.decode("latin-1") in NDJSON_NAMES
