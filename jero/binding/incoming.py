"""A request's body as it arrives, while somebody else waits for the client to leave: both by the one `receive`."""

import asyncio
from typing import Final

from jero.errors import ClientDisconnected, ContentTooLarge
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
