"""The test client for asynchronous tests: runs the application in the same event loop."""

from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

import httpx
from typing_extensions import TypeVar

from jero.client.client import ACCEPT_EVENTS, ACCEPT_NDJSON, NDJSON_MEDIA_TYPES, with_headers
from jero.client.readers import EventReader, NDJSONReader
from jero.client.refused import RequestRefused, check_media_type
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
    """

    __test__ = False

    def __init__(self, app: ASGIApp, *, base_url: str = "http://testserver", **options: Any) -> None:
        super().__init__(transport=_Transport(app), base_url=base_url, **options)

    async def ndjson(self, url: str, type_: type[T], *, method: str = "GET", **options: Any) -> AsyncGenerator[T, None]:
        """Yields the items of an NDJSON response as they arrive. `options` are those of `httpx.AsyncClient.stream`.

        `type_` is the type of an item. Raises `jero.client.RequestRefused`, an `httpx.HTTPStatusError`, for a status
        outside 200 to 299; `httpx.DecodingError` for another media type; `httpx.RemoteProtocolError` if the application
        cuts the response; `httpx.ReadTimeout` if the application sends nothing for the read timeout; and
        `msgspec.DecodeError` if a line is not a `T`.
        """
        reader = NDJSONReader(type_)
        async with self.stream(method, url, **with_headers(ACCEPT_NDJSON, options)) as response:
            await _check(response, *NDJSON_MEDIA_TYPES)
            async for chunk in response.aiter_bytes():
                for item in reader.feed(chunk):
                    yield item
        for item in reader.end():
            yield item

    async def sse(self, url: str, type_: type[T], **options: Any) -> AsyncGenerator[ServerSentEvent[T], None]:
        """Yields the events of one event stream as they arrive. `options` are those of `httpx.AsyncClient.stream`.

        `type_` is the type of an event's data: JSON, or the plain text if `type_` is `str`. Raises `StreamFailed` if
        the application reports in the stream that it failed, and the same errors as `ndjson` in the other cases. Unlike
        `StreamClient.sse`, this method does not reconnect.
        """
        reader = EventReader(type_)
        async with self.stream("GET", url, **with_headers(ACCEPT_EVENTS, options)) as response:
            await _check(response, "text/event-stream")
            async for chunk in response.aiter_bytes():
                for event in reader.feed(chunk):
                    yield event


async def _check(response: httpx.Response, *media_types: str) -> None:
    """Raises `RequestRefused` unless the status is 200 to 299, `httpx.DecodingError` for another media type."""
    if not response.is_success:
        await response.aread()
        raise RequestRefused(response)
    check_media_type(response, *media_types)


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._startup = Startup(app)
        self._open_exchanges: WeakSet[Exchange] = WeakSet()

    async def __aenter__(self) -> Self:
        await self._startup.begin()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()
        await self._startup.end()

    async def aclose(self) -> None:
        for exchange in list(self._open_exchanges):
            await exchange.disconnect()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = Exchange(self._app, request)
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
