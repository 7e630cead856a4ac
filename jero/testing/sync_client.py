"""The client for synchronous tests: the application runs in an event loop of its own, in a thread."""

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from typing_extensions import TypeVar

from jero.client.ndjson import NDJSONReader
from jero.client.sse import EventReader
from jero.framing.event import ServerSentEvent
from jero.http.asgi import ASGIApp
from jero.lifespan import Startup
from jero.testing.exchange import Exchange
from jero.testing.reading import NDJSON_ACCEPT, SSE_ACCEPT, accepting, check_response

T = TypeVar("T")


class TestClient(httpx.Client):
    """An `httpx.Client` whose requests an application answers in process.

    `with TestClient(app) as client` starts the application up and shuts it down. A response left half way is a
    disconnect to the application, and closing the response waits until it has ended; one that is read
    slowly holds its `send` back; one that it cuts raises `httpx.RemoteProtocolError`. Responses that are still open
    when the client is closed are left then.
    """

    __test__ = False

    def __init__(self, app: ASGIApp, *, base_url: str = "http://testserver", **options: Any) -> None:
        super().__init__(transport=_Transport(app), base_url=base_url, **options)

    def ndjson(self, url: str, type_: type[T], *, method: str = "GET", **options: Any) -> Generator[T, None, None]:
        """The items of a stream of JSON lines, as they come; `options` are those of `httpx.Client.stream`."""
        reader = NDJSONReader(type_)
        with self.stream(method, url, **accepting(NDJSON_ACCEPT, options)) as response:
            _check(response, "application/x-ndjson", "application/jsonl")
            for chunk in response.iter_bytes():
                yield from reader.feed(chunk)
        yield from reader.end()

    def sse(self, url: str, type_: type[T], **options: Any) -> Generator[ServerSentEvent[T], None, None]:
        """The events of an event stream, as they come; `options` are those of `httpx.Client.stream`.

        Raises `StreamFailed` where the stream says that it failed.
        """
        reader = EventReader(type_)
        with self.stream("GET", url, **accepting(SSE_ACCEPT, options)) as response:
            _check(response, "text/event-stream")
            for chunk in response.iter_bytes():
                yield from reader.feed(chunk)


def _check(response: httpx.Response, *media_types: str) -> None:
    if not response.is_success:
        response.read()
    check_response(response, *media_types)


class _Transport(httpx.BaseTransport):
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._startup: Startup | None = None
        self._thread: AbstractContextManager[BlockingPortal] | None = None
        self._portal: BlockingPortal | None = None
        self._open_bodies: WeakSet[_Body] = WeakSet()

    def __enter__(self) -> Self:
        portal = self._open()
        startup = Startup(self._app)
        try:
            portal.call(startup.begin)
        except BaseException:
            self.close()
            raise
        self._startup = startup
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()

    def close(self) -> None:
        thread, startup, portal = self._thread, self._startup, self._portal
        self._thread = self._startup = self._portal = None
        try:
            for body in list(self._open_bodies):
                body.close()
            if startup is not None and portal is not None:
                portal.call(startup.end)
        finally:
            if thread is not None:
                thread.__exit__(None, None, None)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        portal = self._open()
        exchange = portal.call(Exchange, self._app, request)
        status, headers = portal.call(exchange.begin)
        body = _Body(exchange, portal)
        self._open_bodies.add(body)
        return httpx.Response(status, headers=headers, stream=body)

    def _open(self) -> BlockingPortal:
        if self._portal is None:
            self._thread = start_blocking_portal()
            self._portal = self._thread.__enter__()
        return self._portal


class _Body(httpx.SyncByteStream):
    def __init__(self, exchange: Exchange, portal: BlockingPortal) -> None:
        self._exchange = exchange
        self._portal = portal
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self._portal.call(self._exchange.next_chunk)) is not None:
            yield chunk

    def close(self) -> None:
        if not self._is_closed:  # else the event loop may be gone
            self._is_closed = True
            self._portal.call(self._exchange.leave)
