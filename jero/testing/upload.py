"""A request's body, as an application receives it."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import anyio.to_thread
import httpx


class Upload:
    """Gives the body part by part, until it ends or is broken off; who is cancelled while waiting loses none of it."""

    def __init__(self, request: httpx.Request) -> None:
        self._chunks = _chunks(request)
        self._reading: asyncio.Task[bytes | None] | None = None
        self._is_broken_off = asyncio.Event()
        self.has_ended = False

    async def next(self) -> bytes | None:
        """The next part; `None` at the end, and where it was broken off. Raises what the body raises."""
        if self._reading is None:
            self._reading = asyncio.create_task(_next(self._chunks))
        breaking_off = asyncio.create_task(self._is_broken_off.wait())
        try:
            await asyncio.wait((self._reading, breaking_off), return_when=asyncio.FIRST_COMPLETED)
        finally:
            breaking_off.cancel()
        if self._is_broken_off.is_set():
            return None
        reading, self._reading = self._reading, None
        chunk = reading.result()
        self.has_ended = chunk is None
        return chunk

    async def break_off(self) -> None:
        """The client sends no more of it; its generator is closed."""
        self._is_broken_off.set()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait((self._reading,))
        await self._chunks.aclose()


async def _next(chunks: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(chunks, None)


async def _chunks(request: httpx.Request) -> AsyncGenerator[bytes, None]:
    """The request's body; a synchronous one is read in a thread, so that it may block."""
    if isinstance(request.stream, httpx.AsyncByteStream):
        async for chunk in request.stream:
            yield chunk
        return
    chunks: Iterator[bytes] = iter(request.stream)
    while (chunk := await anyio.to_thread.run_sync(_next_in_thread, chunks)) is not None:
        yield chunk


def _next_in_thread(chunks: Iterator[bytes]) -> Any:
    return next(chunks, None)
