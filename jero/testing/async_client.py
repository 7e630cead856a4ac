"""The test client for asynchronous tests: runs the application in the same event loop."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any, Self
from weakref import WeakSet

import httpx
from typing_extensions import TypeForm, TypeVar

from jero.client.body import Body
from jero.client.event_stream import EventStream
from jero.client.items import read_items
from jero.client.readers import EventReader, NDJSONReader, Reader, Until
from jero.client.refused import RequestRefused, check_media_type
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
from jero.testing.exchange import Exchange

T = TypeVar("T")


class AsyncTestClient(httpx.AsyncClient):
    """An `httpx.AsyncClient` that calls an application in process, in the same event loop.

    `async with AsyncTestClient(app) as client` starts the application, and shuts the application down at the end of the
    block. Without the block, the first request wires a `BaseApp`. `base_url` and `options` are those of
    `httpx.AsyncClient`.

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

    def ndjson(self, url: str, type_: TypeForm[T], *, method: str = "GET", **options: Any) -> AsyncGenerator[T, None]:
        """Yields the items of an NDJSON response as they arrive. `options` are those of `httpx.AsyncClient.stream`.

        `type_` is the type of an item. Raises `jero.client.RequestRefused`, an `httpx.HTTPStatusError`, for a status
        outside 200 to 299; `httpx.DecodingError` for another media type; `jero.client.StreamCut` if the application
        cuts the response; `httpx.ReadTimeout` if the application sends nothing for the read timeout; and
        `msgspec.DecodeError` if a line is not a `T`.
        """
        return self._read(NDJSONReader(type_), NDJSON_MEDIA_TYPES, method, url, options)

    def sse(self, url: str, type_: TypeForm[T], **options: Any) -> AsyncGenerator[ServerSentEvent[T], None]:
        """Yields the events of one event stream as they arrive. `options` are those of `httpx.AsyncClient.stream`.

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
    ) -> EventStream[T]:
        """Returns the event stream of one request by any method, to be entered with `async with`.

        The arguments are those of `StreamClient.events`. Entering waits for the headers, and raises
        `jero.client.RequestRefused` if the application refuses the request. Raises `TypeError` at the call if `type_`
        is a union of text with another type, or if `until` is neither text nor a function.
        """
        return EventStream(
            self.stream(method, url, **with_headers(ACCEPT_EVENTS, options)), EventReader(type_, until=until)
        )

    async def _read(
        self, reader: Reader[T], media_types: tuple[str, ...], method: str, url: str, options: dict[str, Any]
    ) -> AsyncGenerator[T, None]:
        async with self.stream(method, url, **with_headers({"Accept": media_types[0]}, options)) as response:
            if not response.is_success:
                raise await RequestRefused.read(response)
            await check_media_type(response, *media_types)
            async with aclosing(read_items(Body(response), reader)) as items:
                async for item in items:
                    yield item


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, app: ASGIApp, *, raises: bool) -> None:
        self._app = app
        self._raises = raises
        self._startup = Startup(app)
        self._open_exchanges: WeakSet[Exchange] = WeakSet()

    async def __aenter__(self) -> Self:
        await self._startup.begin()
        return self

    async def aclose(self) -> None:
        async with AsyncExitStack() as closing:  # does the rest, even if one step raises
            closing.push_async_callback(self._startup.end)
            for exchange in list(self._open_exchanges):
                closing.push_async_callback(exchange.disconnect)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = Exchange(self._app, request, raises=self._raises)
        self._open_exchanges.add(exchange)
        status, headers = await exchange.begin()
        return httpx.Response(status, headers=headers, stream=_ResponseBody(exchange))


class _ResponseBody(httpx.AsyncByteStream):
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self._exchange.next_chunk()) is not None:
            yield chunk

    async def aclose(self) -> None:
        await self._exchange.disconnect()
