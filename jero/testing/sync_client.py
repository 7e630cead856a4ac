"""The test client for synchronous tests: runs the application in an event loop in a thread."""

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, Self
from weakref import WeakSet

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from typing_extensions import TypeForm, TypeVar

from jero.client.body import Body
from jero.client.items import read_items_now
from jero.client.readers import EventReader, NDJSONReader, Reader, Until
from jero.client.refused import RequestRefused, check_media_type_now
from jero.client.request import (
    ACCEPT_EVENTS,
    EVENT_MEDIA_TYPES,
    NDJSON_MEDIA_TYPES,
    check_sse_options,
    header_fields,
    with_headers,
    with_json,
)
from jero.framing.event import ServerSentEvent
from jero.http.asgi import ASGIApp
from jero.lifespan import Startup
from jero.testing.event_stream import SyncEventStream
from jero.testing.exchange import Exchange

T = TypeVar("T")


class TestClient(httpx.Client):
    """An `httpx.Client` that calls an application in process, in an event loop in another thread.

    `with TestClient(app) as client` starts the application, and shuts the application down at the end of the block.
    Without the block, the first request wires a `BaseApp`. `base_url` and `options` are those of `httpx.Client`.

    Responses stream as over a network. If the response is read slowly, the application's `send` waits. If the response
    is closed early, the application receives a disconnect, and closing waits until the application has returned. If the
    application cuts its response, reading raises `httpx.RemoteProtocolError`. Closing the client closes its open
    responses.

    `json=` takes every value that msgspec can encode, Structs included, and a header `Last-Event-ID` any text.
    `raise_app_exceptions`: raises the exceptions that the application does not answer itself, instead of a response
    with 500 or a stream that is cut. They are raised when the response begins, ends or is closed.
    """

    __test__ = False

    def __init__(
        self,
        app: ASGIApp,
        *,
        base_url: str = "http://testserver",
        raise_app_exceptions: bool = False,
        **options: Any,
    ) -> None:
        options["headers"] = header_fields(options.get("headers"))
        super().__init__(transport=_Transport(app, raises=raise_app_exceptions), base_url=base_url, **options)

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        """Builds a request as httpx does. `json=` may be a Struct, and a header `Last-Event-ID` any text."""
        return super().build_request(method, url, **with_headers(None, with_json(options)))

    def ndjson(self, url: str, type_: TypeForm[T], *, method: str = "GET", **options: Any) -> Generator[T, None, None]:
        """Yields the items of an NDJSON response as they arrive. `options` are those of `httpx.Client.stream`.

        `type_` is the type of an item. Raises `jero.client.RequestRefused`, an `httpx.HTTPStatusError`, for a status
        outside 200 to 299; `httpx.DecodingError` for another media type; `jero.client.StreamCut` if the application
        cuts the response; `httpx.ReadTimeout` if the application sends nothing for the read timeout; and
        `msgspec.DecodeError` if a line is not a `T`.
        """
        return self._read(NDJSONReader(type_), NDJSON_MEDIA_TYPES, method, url, options)

    def sse(self, url: str, type_: TypeForm[T], **options: Any) -> Generator[ServerSentEvent[T], None, None]:
        """Yields the events of one event stream as they arrive. `options` are those of `httpx.Client.stream`.

        `type_` is the type of an event's data, as in `StreamClient.sse`: text alone, or JSON. Raises `TypeError` at the
        call for a union of text with another type, and for `method` and `until`, which are those of `events`. Raises
        `StreamFailed` if the application reports in the stream that it failed, and the same errors as `ndjson` in the
        other cases. Unlike `StreamClient.sse`, this method does not reconnect.
        """
        check_sse_options(options)
        return self._read(EventReader(type_), EVENT_MEDIA_TYPES, "GET", url, options)

    def events(
        self,
        url: str,
        type_: TypeForm[T],
        *,
        method: str = "GET",
        until: Until[T] | None = None,
        **options: Any,
    ) -> SyncEventStream[T]:
        """Returns the event stream of one request by any method, to be entered with `with`.

        The arguments are those of `StreamClient.events`. Entering waits for the headers, and raises
        `jero.client.RequestRefused` if the application refuses the request. Raises `TypeError` at the call if `type_`
        is a union of text with another type, or if `until` is neither text nor a function.
        """
        return SyncEventStream(
            self.stream(method, url, **with_headers(ACCEPT_EVENTS, options)), EventReader(type_, until=until)
        )

    def _read(
        self, reader: Reader[T], media_types: tuple[str, ...], method: str, url: str, options: dict[str, Any]
    ) -> Generator[T, None, None]:
        with self.stream(method, url, **with_headers({"Accept": media_types[0]}, options)) as response:
            if not response.is_success:
                raise RequestRefused.read_now(response)
            check_media_type_now(response, *media_types)
            yield from read_items_now(Body(response), reader)


class _Transport(httpx.BaseTransport):
    def __init__(self, app: ASGIApp, *, raises: bool) -> None:
        self._app = app
        self._raises = raises
        self._startup: Startup | None = None
        self._thread: AbstractContextManager[BlockingPortal] | None = None
        self._portal: BlockingPortal | None = None
        self._open_bodies: WeakSet[_ResponseBody] = WeakSet()

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

    def close(self) -> None:
        thread, startup, portal = self._thread, self._startup, self._portal
        self._thread = self._startup = self._portal = None
        with ExitStack() as closing:  # does the rest, even if one step raises
            if thread is not None:
                closing.callback(thread.__exit__, None, None, None)
            if startup is not None and portal is not None:
                closing.callback(portal.call, startup.end)
            for body in list(self._open_bodies):
                closing.callback(body.close)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        portal = self._open()
        exchange = portal.call(partial(Exchange, self._app, request, raises=self._raises))
        status, headers = portal.call(exchange.begin)
        body = _ResponseBody(exchange, portal)
        self._open_bodies.add(body)
        return httpx.Response(status, headers=headers, stream=body)

    def _open(self) -> BlockingPortal:
        if self._portal is None:
            self._thread = start_blocking_portal()
            self._portal = self._thread.__enter__()
        return self._portal


class _ResponseBody(httpx.SyncByteStream):
    def __init__(self, exchange: Exchange, portal: BlockingPortal) -> None:
        self._exchange = exchange
        self._portal = portal
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self._portal.call(self._exchange.next_chunk)) is not None:
            yield chunk

    def close(self) -> None:
        if not self._is_closed:  # a second call may come after the event loop has been closed
            self._is_closed = True
            self._portal.call(self._exchange.disconnect)
