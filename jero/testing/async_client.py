"""The client for asynchronous tests."""

from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

import httpx
from typing_extensions import TypeVar

from jero.client.ndjson import NDJSONReader
from jero.client.sse import EventReader
from jero.framing.event import ServerSentEvent
from jero.http.asgi import ASGIApp
from jero.lifespan import Startup
from jero.testing.exchange import Exchange
from jero.testing.reading import NDJSON_ACCEPT, SSE_ACCEPT, accepting, check_response

T = TypeVar("T")


class AsyncTestClient(httpx.AsyncClient):
    """An `httpx.AsyncClient` whose requests an application in the same event loop answers.

    `async with AsyncTestClient(app) as client` starts the application up and shuts it down. A response left half
    way is a disconnect to the application, and closing the response waits until it has ended; one that is
    read slowly holds its `send` back; one that it cuts raises `httpx.RemoteProtocolError`. Responses that are still
    open when the client is closed are left then.
    """

    __test__ = False

    def __init__(self, app: ASGIApp, *, base_url: str = "http://testserver", **options: Any) -> None:
        super().__init__(transport=_Transport(app), base_url=base_url, **options)

    async def ndjson(self, url: str, type_: type[T], *, method: str = "GET", **options: Any) -> AsyncGenerator[T, None]:
        """The items of a stream of JSON lines, as they come; `options` are those of `httpx.AsyncClient.stream`."""
        reader = NDJSONReader(type_)
        async with self.stream(method, url, **accepting(NDJSON_ACCEPT, options)) as response:
            await _check(response, "application/x-ndjson", "application/jsonl")
            async for chunk in response.aiter_bytes():
                for item in reader.feed(chunk):
                    yield item
        for item in reader.end():
            yield item

    async def sse(self, url: str, type_: type[T], **options: Any) -> AsyncGenerator[ServerSentEvent[T], None]:
        """The events of an event stream, as they come; `options` are those of `httpx.AsyncClient.stream`.

        Raises `StreamFailed` where the stream says that it failed.
        """
        reader = EventReader(type_)
        async with self.stream("GET", url, **accepting(SSE_ACCEPT, options)) as response:
            await _check(response, "text/event-stream")
            async for chunk in response.aiter_bytes():
                for event in reader.feed(chunk):
                    yield event


async def _check(response: httpx.Response, *media_types: str) -> None:
    if not response.is_success:
        await response.aread()
    check_response(response, *media_types)


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
            await exchange.leave()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = Exchange(self._app, request)
        self._open_exchanges.add(exchange)
        status, headers = await exchange.begin()
        return httpx.Response(status, headers=headers, stream=_Body(exchange))


class _Body(httpx.AsyncByteStream):
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self._exchange.next_chunk()) is not None:
            yield chunk

    async def aclose(self) -> None:
        await self._exchange.leave()
