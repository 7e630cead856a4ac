"""Exchanges one request and its response between a client and an application in one event loop."""

# Theory of operation
#
# The application runs in a task of its own and calls `receive` and `send`. The client, in another task, calls `begin`,
# then `next_chunk` until the body ends, and `disconnect` in any case. No queue stands between the two:
#
#   streaming      `send` puts a chunk into `_chunk`, and `next_chunk` takes it out. The client sees each chunk that the
#                  application sends, at the time it is sent.
#   backpressure   `send` waits while `_chunk` is full. An application thus runs at most one chunk ahead of its client,
#                  with no socket buffer between them.
#   request body   `receive` pulls the next chunk from the client's iterable only when the application asks for it.
#   disconnect     `disconnect` sets `_is_over`. From then on `receive` returns `http.disconnect`, and `send` does
#                  nothing, as with a server. The application has `DISCONNECT_TIMEOUT` seconds for its teardown.
#
# A complete response sets `_is_over` too: after its last chunk an application receives `http.disconnect`.
# If the application's task ends without a complete response, the client gets an error: the application's own exception
# before the headers, `httpx.RemoteProtocolError` after them, as when a connection breaks.
#
# With `raises`, the client gets what the application raised, also if jero has answered it: jero reports it through the
# scope (`report_error`). It is raised instead of the response, or when the body is read or closed.
#
# `_has_news` wakes the client; `_has_room` wakes `send`; `_is_over` wakes `receive`.

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Final

import anyio.to_thread
import httpx

from jero.client.wording import stalled
from jero.http.asgi import ERRORS, ASGIApp, HeaderPairs, Message, Scope

DISCONNECT_TIMEOUT: Final = 30.0


class Exchange:
    """Calls an application for one request, and returns its response chunk by chunk.

    `raises`: also raises the exceptions of the application that it answers itself, such as with a 500.
    """

    def __init__(self, app: ASGIApp, request: httpx.Request, *, raises: bool = False) -> None:
        self._app = app
        self._raises = raises
        self._error: BaseException | None = None
        self._request = request
        self._request_body = RequestBody(request)
        self._task: asyncio.Task[None] | None = None
        self._start: Message | None = None
        self._chunk: bytes | None = None
        self._is_complete = False
        self._is_over = asyncio.Event()
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    # The client's side

    async def begin(self) -> tuple[int, HeaderPairs]:
        """Sends the request. Returns the status and the headers of the response.

        Raises the exception of an application that fails before the headers, `httpx.RemoteProtocolError` if the
        application returns without a response, and `httpx.ReadTimeout` after the request's read timeout.
        """
        self._task = asyncio.create_task(_call(self._app, self._scope(), self), name=f"app {self._request.url}")
        self._task.add_done_callback(lambda _: self._has_news.set())
        try:
            while self._start is None and not self._task.done():
                await self._wait_for_news()
        except BaseException:
            await self.disconnect()
            raise
        if self._error is not None:
            await self.disconnect()
        if self._start is None:
            self._task.result()
            raise httpx.RemoteProtocolError("The application returned without a response.", request=self._request)
        return self._start["status"], self._start["headers"]

    async def next_chunk(self) -> bytes | None:
        """Returns the next chunk of the body, or `None` at its end.

        Raises `httpx.RemoteProtocolError` if the application has stopped before the end of the body, and
        `httpx.ReadTimeout` after the request's read timeout.
        """
        while self._chunk is None and not self._is_complete:
            if self._task is None or self._task.done():
                raise self._cut()
            await self._wait_for_news()
        chunk, self._chunk = self._chunk, None
        self._has_room.set()
        return chunk

    async def disconnect(self) -> None:
        """Disconnects the client, and waits until the application has returned.

        Raises `RuntimeError` if the application still runs after `DISCONNECT_TIMEOUT` seconds. With `raises`, raises
        what the application raised, once.
        """
        self._is_over.set()
        self._has_room.set()
        await self._request_body.aclose()
        if self._task is None:
            return
        done, _ = await asyncio.wait((self._task,), timeout=DISCONNECT_TIMEOUT)
        if not done:
            self._task.cancel()
            raise RuntimeError(
                f"The application still runs {DISCONNECT_TIMEOUT:g} seconds after its client has disconnected:"
                " return when `receive` returns `http.disconnect`."
            )
        self._raise_error(self._task)

    def _raise_error(self, task: asyncio.Task[None]) -> None:
        if not self._raises or self._start is None:  # `begin` raises what came before the response
            return
        error = self._error or (None if task.cancelled() else task.exception())
        self._raises = False
        if error is not None:
            raise error

    # The application's side

    async def receive(self) -> Message:
        """Returns the next chunk of the request body, or `http.disconnect` once the exchange is over."""
        if not self._request_body.has_ended and not self._is_over.is_set():
            chunk = await self._request_body.next(self._is_over)
            if chunk is not None or self._request_body.has_ended:
                return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}
        await self._is_over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Passes a message on to the client, after the client has taken the chunk before."""
        if self._is_over.is_set():
            return
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            await self._send_body(message.get("body", b""), more_body=message.get("more_body", False))
        self._has_news.set()

    async def _send_body(self, body: bytes, *, more_body: bool) -> None:
        if body:
            await self._has_room.wait()
            self._has_room.clear()
            self._chunk = body
        if not more_body:
            self._is_complete = True
            self._is_over.set()

    async def _wait_for_news(self) -> None:
        self._has_news.clear()
        try:
            # Looked up each time: the client may shorten it while it reads.
            async with asyncio.timeout(self._request.extensions.get("timeout", {}).get("read")):
                await self._has_news.wait()
        except TimeoutError as error:
            raise stalled(self._request) from error

    def _cut(self) -> httpx.RemoteProtocolError:
        error = httpx.RemoteProtocolError(
            "The application stopped before the end of its response's body.", request=self._request
        )
        if self._task is not None and not self._task.cancelled():
            error.__cause__ = self._task.exception()
        return error

    def _scope(self) -> Scope:
        url = self._request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "client": ("127.0.0.1", 1),
            "server": (url.host, url.port or (443 if url.scheme == "https" else 80)),
            "state": {},
            **({"extensions": {ERRORS: self._note_error}} if self._raises else {}),
        }

    def _note_error(self, error: BaseException) -> None:
        self._error = self._error or error


class RequestBody:
    """Reads the body of a request chunk by chunk. If `next` is cancelled, the next call returns its chunk."""

    def __init__(self, request: httpx.Request) -> None:
        self._chunks = _chunks(request)
        self._reading: asyncio.Task[bytes | None] | None = None
        self.has_ended = False

    async def next(self, is_over: asyncio.Event) -> bytes | None:
        """Returns the next chunk, or `None` if the body has ended or `is_over` is set meanwhile.

        Raises the error that the body raises.
        """
        if self._reading is None:
            self._reading = asyncio.create_task(_next(self._chunks))
        waiting = asyncio.create_task(is_over.wait())
        try:
            await asyncio.wait((self._reading, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if is_over.is_set():
            return None
        reading, self._reading = self._reading, None
        chunk = reading.result()
        self.has_ended = chunk is None
        return chunk

    async def aclose(self) -> None:
        """Stops reading, and closes the client's generator."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait((self._reading,))
        await self._chunks.aclose()


async def _call(app: ASGIApp, scope: Scope, exchange: Exchange) -> None:
    await app(scope, exchange.receive, exchange.send)


async def _next(chunks: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(chunks, None)


async def _chunks(request: httpx.Request) -> AsyncGenerator[bytes, None]:
    """Yields the body of a request. Reads a synchronous body in a thread, so that it may block."""
    if isinstance(request.stream, httpx.AsyncByteStream):
        async for chunk in request.stream:
            yield chunk
        return
    chunks: Iterator[bytes] = iter(request.stream)
    while (chunk := await anyio.to_thread.run_sync(_next_in_thread, chunks)) is not None:
        yield chunk


def _next_in_thread(chunks: Iterator[bytes]) -> Any:
    return next(chunks, None)
