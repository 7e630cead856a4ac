"""The client: reads NDJSON and event streams over the network as typed items and events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, cast

import httpx
from typing_extensions import TypeForm, TypeVar

from jero.client.body import SUPPORTED, Body
from jero.client.event_source import DEFAULT_RECONNECTION, EventSource, Reconnection, Sleep
from jero.client.event_stream import EventStream
from jero.client.items import read_items
from jero.client.readers import MAX_ITEM_BYTES, EventReader, NDJSONReader, Until
from jero.client.refused import RequestRefused, check_media_type
from jero.client.request import (
    ACCEPT_EVENTS,
    ACCEPT_NDJSON,
    NDJSON_MEDIA_TYPES,
    check_sse_options,
    header_fields,
    take_last_event_id,
    with_headers,
    with_json,
)
from jero.client.wording import worded
from jero.framing.event import ServerSentEvent
from jero.policy import is_positive

T = TypeVar("T")

_ACCEPT_ENCODING: Final = ", ".join(SUPPORTED)


class StreamClient:
    """Reads streams as typed items, on an `httpx.AsyncClient`.

    If you pass a `client`, its own base URL and options apply, and it stays open. Otherwise `StreamClient` makes a
    client with `base_url` and `options`, such as `headers=` and `auth=`, and closes that client at the end of the
    `async with` block.

    `idle_timeout`: the seconds without a byte after which a stream counts as stalled; `None` for no limit. Pings are
    bytes too. `sse` reconnects after a stall, `ndjson` and `events` raise `httpx.ReadTimeout`.
    `max_item_bytes`: the size of the longest line of NDJSON, and of the longest event. A stream that exceeds it raises
    `msgspec.DecodeError`, and is not kept in memory until then.
    `reconnection`: sets when and how often `sse` reconnects. `sleep`: waits for a number of seconds before `sse`
    reconnects; a test can pass a function that takes no time.

    To leave a stream early, leave the block of `events`, or close the iterator of `ndjson` or `sse`.
    `contextlib.aclosing` closes an iterator at the end of a block. After a `break`, Python closes it as soon as nothing
    refers to it.

    Raises `TypeError` if `client` is not an `httpx.AsyncClient`, or is combined with a base URL or options. Raises
    `ValueError` if `idle_timeout` or `max_item_bytes` is not positive.
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        client: httpx.AsyncClient | None = None,
        idle_timeout: float | None = 60.0,
        max_item_bytes: int = MAX_ITEM_BYTES,
        reconnection: Reconnection = DEFAULT_RECONNECTION,
        sleep: Sleep = asyncio.sleep,
        **options: Any,
    ) -> None:
        if client is not None and not isinstance(cast("object", client), httpx.AsyncClient):
            raise TypeError(
                f"StreamClient(client=...) takes an httpx.AsyncClient; got {type(client).__name__}. In a test, pass "
                "jero.testing.AsyncTestClient(app), which is one."
            )
        if client is not None and (base_url or options):
            raise TypeError(
                "StreamClient(client=...) takes no base URL and no options: set them on the client that you pass."
            )
        if idle_timeout is not None and not is_positive(idle_timeout):
            raise ValueError(
                f"StreamClient(idle_timeout={idle_timeout!r}): it must be a positive number of seconds, or None."
            )
        if max_item_bytes < 1:
            raise ValueError(f"StreamClient(max_item_bytes={max_item_bytes!r}): it must be a positive number of bytes.")
        self._owns_client = client is None
        self._client = client or _new_client(base_url, options)
        self._timeout = httpx.Timeout(**{**self._client.timeout.as_dict(), "read": idle_timeout})
        self._max_item_bytes = max_item_bytes
        self._reconnection = reconnection
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        if self._owns_client:
            await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        if self._owns_client:
            await self._client.__aexit__(exc_type, exc_value, traceback)

    def ndjson(self, url: str, type_: TypeForm[T], *, method: str = "GET", **options: Any) -> AsyncGenerator[T, None]:
        """Sends one request and yields the items of its NDJSON response as they arrive; none if the status is 204.

        `type_` is the type of an item. `options` are those of `httpx.AsyncClient.stream`, with two differences:
        `json=` takes every value that msgspec can encode, and `timeout=` replaces `idle_timeout`.

        Raises `RequestRefused` for a status outside 200 to 299, `httpx.DecodingError` for another media type,
        `StreamCut` if the stream was cut, `httpx.ReadTimeout` if the stream stalled, and `msgspec.DecodeError` if a
        line is not a `T` or is longer than `max_item_bytes`. The items before an error are yielded first.
        """
        reader = NDJSONReader(type_, max_item_bytes=self._max_item_bytes)
        return self._items(reader, method, url, with_headers(ACCEPT_NDJSON, with_json(options)))

    async def _items(
        self, reader: NDJSONReader[T], method: str, url: str, options: dict[str, Any]
    ) -> AsyncGenerator[T, None]:
        async with self._stream(method, url, options) as response:
            if not response.is_success:
                raise await RequestRefused.read(response)
            if response.status_code == 204:
                return
            await check_media_type(response, *NDJSON_MEDIA_TYPES)
            async with aclosing(read_items(Body(response), reader)) as items:
                async for item in items:
                    yield item

    def sse(self, url: str, type_: TypeForm[T], **options: Any) -> AsyncGenerator[ServerSentEvent[T], None]:
        """Yields the events of an event stream as they arrive, and reconnects until the server answers with 204.

        `type_` is the type of an event's data. If it is text alone, such as `str`, `Literal["a", "b"]` or `bytes`, the
        data is the text of the event; otherwise the data is decoded from JSON. `options` are those of
        `httpx.AsyncClient.stream`, with two differences: `timeout=` replaces `idle_timeout`, and a header
        `Last-Event-ID` sets the id to resume after. The id may be any text, and is sent in UTF-8. The reconnection
        follows WHATWG HTML, section 9.2.

        Raises `TypeError` at the call if `type_` is a union of text with another type, or if `method` or `until` is
        given, which are those of `events`. Raises `StreamFailed` if the server reports in the stream that it failed,
        `msgspec.DecodeError` if an event's data is not a `T` or exceeds a
        limit, `RequestRefused` for a status other than 200 and 204, and `httpx.DecodingError` for another media type.
        The statuses 429, 502, 503 and 504, empty streams and the errors of the network are raised only after
        `Reconnection.attempts` failed attempts in a row.
        """
        check_sse_options(options)
        last_event_id, options = take_last_event_id(options)
        options = with_headers({**ACCEPT_EVENTS, "Cache-Control": "no-cache"}, options)
        reader = EventReader(type_, last_event_id=last_event_id, max_item_bytes=self._max_item_bytes)
        source = EventSource(
            url, partial(self._connect, url, options), reader, reconnection=self._reconnection, sleep=self._sleep
        )
        return source.events()

    def events(
        self,
        url: str,
        type_: TypeForm[T],
        *,
        method: str = "GET",
        until: Until[T] | None = None,
        **options: Any,
    ) -> EventStream[T]:
        """Returns the event stream of one request, to be entered with `async with`. Never reconnects.

        `type_` is the type of an event's data, as in `sse`. `until` is the end that the protocol promises. If it is a
        text, such as "[DONE]", the event with this data ends the stream, and is not yielded. If it is a function, it
        receives each event, and the first for which it returns true is yielded as the last. A stream that ends before
        it is cut. `options` are those of `httpx.AsyncClient.stream`, with two differences: `json=` takes every value
        that msgspec can encode, and `timeout=` replaces `idle_timeout`.

        Raises `TypeError` at the call if `type_` is a union of text with another type, or if `until` is something else.
        `EventStream` says what entering and iterating raise.
        """
        reader = EventReader(type_, until=until, max_item_bytes=self._max_item_bytes)
        return EventStream(self._stream(method, url, with_headers(ACCEPT_EVENTS, with_json(options))), reader)

    def _connect(
        self, url: str, options: dict[str, Any], headers: dict[str, bytes]
    ) -> AbstractAsyncContextManager[httpx.Response]:
        return self._stream("GET", url, with_headers(options["headers"], {**options, "headers": headers}))

    @asynccontextmanager
    async def _stream(self, method: str, url: str, options: dict[str, Any]) -> AsyncGenerator[httpx.Response, None]:
        options.setdefault("timeout", self._timeout)
        if "br" in (accepted := self._client.headers.get("Accept-Encoding", "")) or "zstd" in accepted:
            options = with_headers({"Accept-Encoding": _ACCEPT_ENCODING}, options)  # all that `Body` can bound
        async with AsyncExitStack() as opened:
            with worded():
                response = await opened.enter_async_context(self._client.stream(method, url, **options))
            yield response


def _new_client(base_url: str, options: dict[str, Any]) -> httpx.AsyncClient:
    # Each stream holds a connection: with the default limit of httpx, the 101st stream would wait for another to end.
    options.setdefault("limits", httpx.Limits(max_connections=None, max_keepalive_connections=20))
    options["headers"] = header_fields(options.get("headers"))
    return httpx.AsyncClient(base_url=base_url, **options)
