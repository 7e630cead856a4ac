"""One request and its response, between a client and an application in one event loop."""

import asyncio

import httpx

from jero.http.asgi import ASGIApp, HeaderPairs, Message, Scope
from jero.testing.upload import Upload

LEAVING_SECONDS = 30.0


class Exchange:
    """Calls the application, and hands over its body chunk by chunk: `send` waits until the last one was taken.

    The application's task is this object's; `leave` ends it by a disconnect and waits for it.
    """

    def __init__(self, app: ASGIApp, request: httpx.Request) -> None:
        self._app = app
        self._request = request
        self._upload = Upload(request)
        timeout: dict[str, float | None] = request.extensions.get("timeout", {})
        self._read_timeout = timeout.get("read")
        self._task: asyncio.Task[None] | None = None
        self._start: Message | None = None
        self._chunk: bytes | None = None
        self._is_complete = False
        self._is_left = asyncio.Event()
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def begin(self) -> tuple[int, HeaderPairs]:
        """Sends the request; gives the status and the headers.

        Raises what the application raises before them, and `httpx.ReadTimeout`.
        """
        self._task = asyncio.create_task(_call(self._app, self._scope(), self), name=f"app {self._request.url}")
        self._task.add_done_callback(lambda _: self._has_news.set())
        try:
            while self._start is None and not self._task.done():
                await self._news()
        except BaseException:
            await self.leave()
            raise
        if self._start is None:
            self._task.result()
            raise httpx.RemoteProtocolError("The application returned without a response.", request=self._request)
        return self._start["status"], self._start["headers"]

    async def next_chunk(self) -> bytes | None:
        """The next part of the body, `None` at its end.

        Raises `httpx.RemoteProtocolError` where the application ended without ending the body.
        """
        while self._chunk is None and not self._is_complete:
            if self._task is None or self._task.done():
                raise self._cut()
            await self._news()
        chunk, self._chunk = self._chunk, None
        self._has_room.set()
        return chunk

    async def leave(self) -> None:
        """The client leaves; returns when the application has ended."""
        self._is_left.set()
        self._has_room.set()
        await self._upload.break_off()
        if self._task is None or self._task.done():
            return
        done, _ = await asyncio.wait((self._task,), timeout=LEAVING_SECONDS)
        if not done:
            self._task.cancel()
            raise RuntimeError(f"The application goes on {LEAVING_SECONDS:g} seconds after its client has left.")

    async def receive(self) -> Message:
        """The application's `receive`."""
        if not self._upload.has_ended and not self._is_left.is_set():
            chunk = await self._upload.next()
            if chunk is not None or self._upload.has_ended:
                return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}
        await self._is_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """The application's `send`; silent once the client has left, as servers are."""
        if self._is_left.is_set():
            return
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            await self._hand_over(message.get("body", b""), more_body=message.get("more_body", False))
        self._has_news.set()

    async def _hand_over(self, body: bytes, *, more_body: bool) -> None:
        if body:
            await self._has_room.wait()
            self._has_room.clear()
            self._chunk = body
        if not more_body:
            self._is_complete = True
            self._is_left.set()

    async def _news(self) -> None:
        self._has_news.clear()
        try:
            async with asyncio.timeout(self._read_timeout):
                await self._has_news.wait()
        except TimeoutError as error:
            message = f"Nothing came for {self._read_timeout:g} seconds."
            raise httpx.ReadTimeout(message, request=self._request) from error

    def _cut(self) -> httpx.RemoteProtocolError:
        error = httpx.RemoteProtocolError("The application ended without ending the body.", request=self._request)
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
        }


async def _call(app: ASGIApp, scope: Scope, exchange: Exchange) -> None:
    await app(scope, exchange.receive, exchange.send)
