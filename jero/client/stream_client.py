"""The client: typed items and events, over the network."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec
from typing_extensions import TypeVar

from jero.client.event_source import EventSource, Sleep
from jero.client.ndjson import NDJSONReader
from jero.client.reconnection import DEFAULT_RECONNECTION, Reconnection
from jero.client.refused import RequestRefused, check_media_type
from jero.framing.event import ServerSentEvent

T = TypeVar("T")

NDJSON_HEADERS: Final = {"Accept": "application/x-ndjson"}
SSE_HEADERS: Final = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}


class StreamClient:
    """Reads streams as typed items, on an `httpx.AsyncClient`.

    It makes one with `base_url` and `options`, `headers=` and `auth=` for instance, and closes it at the end of its
    `async with`. Or it takes yours as `client`, with that one's own base URL, and leaves it open.
    `idle_timeout`: seconds without a byte after which a stream has stalled; pings count as bytes, `None` waits for
    ever. An event stream that stalled is connected to again, any other raises `httpx.ReadTimeout`.
    `reconnection`: how an event stream is connected to again. `sleep` waits for that; tests have one of their own.

    A stream that is left half way is closed with its iterator: at once by `contextlib.aclosing`, and soon after a
    `break` where nothing else holds the iterator.

    Raises `TypeError` for a `client` beside a base URL or options, `ValueError` for a timeout that is not positive.
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        client: httpx.AsyncClient | None = None,
        idle_timeout: float | None = 60.0,
        reconnection: Reconnection = DEFAULT_RECONNECTION,
        sleep: Sleep = asyncio.sleep,
        **options: Any,
    ) -> None:
        if client is not None and (base_url or options):
            raise TypeError("StreamClient(client=...): the base URL and the options are those of that client.")
        if idle_timeout is not None and not idle_timeout > 0:
            raise ValueError(f"StreamClient(idle_timeout={idle_timeout!r}): a positive number of seconds, or None.")
        self._is_own = client is None
        self._client = client or _new_client(base_url, options)
        self._timeout = httpx.Timeout(**{**self._client.timeout.as_dict(), "read": idle_timeout})
        self._reconnection = reconnection
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        if self._is_own:
            await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        if self._is_own:
            await self._client.__aexit__(exc_type, exc_value, traceback)

    async def ndjson(self, url: str, type_: type[T], *, method: str = "GET", **options: Any) -> AsyncGenerator[T, None]:
        """The items of a stream of JSON lines, as they come; none where the answer is 204.

        `options` are those of `httpx.AsyncClient.stream`, but that `json=` takes whatever msgspec encodes, and a
        `timeout=` replaces `idle_timeout`.

        Raises `RequestRefused` for a status that is none of success, `httpx.DecodingError` for another media type,
        `httpx.RemoteProtocolError` or `httpx.ReadError` where the stream was cut, `httpx.ReadTimeout` where it stalled,
        and `msgspec.DecodeError` for a line that is no `T`.
        """
        reader = NDJSONReader(type_)
        async with self._stream(method, url, _with_headers(NDJSON_HEADERS, _with_json(options))) as response:
            if not response.is_success:
                raise await RequestRefused.read(response)
            if response.status_code == 204:
                return
            check_media_type(response, "application/x-ndjson", "application/jsonl")
            async for chunk in response.aiter_bytes():
                for item in reader.feed(chunk):
                    yield item
            _check_end(response)
        for item in reader.end():
            yield item

    async def sse(self, url: str, type_: type[T], **options: Any) -> AsyncGenerator[ServerSentEvent[T], None]:
        """The events of an event stream, as they come, over as many connections as it takes; it ends with a 204.

        `options` are those of `httpx.AsyncClient.stream`; a `timeout=` replaces `idle_timeout`, and a header
        `Last-Event-ID` is where to resume.

        Raises `StreamFailed` where the stream says that it failed, `msgspec.DecodeError` for data that is no `T`,
        `RequestRefused` for a status other than 200 and 204, and `httpx.DecodingError` for another media type.
        The statuses 429, 502, 503 and 504 and the network's faults are raised after `Reconnection.attempts` in a row.
        """
        options = _with_headers(SSE_HEADERS, options)
        last_event_id = options["headers"].pop("Last-Event-ID", None)
        source = EventSource(
            url,
            partial(self._connect, url, options),
            type_,
            last_event_id=last_event_id,
            reconnection=self._reconnection,
            sleep=self._sleep,
        )
        async with aclosing(source.events()) as events:
            async for event in events:
                yield event

    def _connect(
        self, url: str, options: dict[str, Any], headers: dict[str, bytes]
    ) -> AbstractAsyncContextManager[httpx.Response]:
        return self._stream("GET", url, _with_headers(options["headers"], {**options, "headers": headers}))

    @asynccontextmanager
    async def _stream(self, method: str, url: str, options: dict[str, Any]) -> AsyncGenerator[httpx.Response, None]:
        options.setdefault("timeout", self._timeout)
        try:
            async with self._client.stream(method, url, **options) as response:
                yield response
        except httpx.ReadTimeout as error:
            seconds = error.request.extensions["timeout"]["read"]
            raise httpx.ReadTimeout(f"Nothing came for {seconds:g} seconds.", request=error.request) from error


def _new_client(base_url: str, options: dict[str, Any]) -> httpx.AsyncClient:
    # A stream holds its connection: with httpx's own limit the hundred-and-first would wait for another's end.
    options.setdefault("limits", httpx.Limits(max_connections=None, max_keepalive_connections=20))
    return httpx.AsyncClient(base_url=base_url, **options)


def _with_headers(headers: Any, options: dict[str, Any]) -> dict[str, Any]:
    merged = httpx.Headers(headers)
    merged.update(options.get("headers"))
    return {**options, "headers": merged}


def _with_json(options: dict[str, Any]) -> dict[str, Any]:
    """httpx's `json=` knows no Struct."""
    if "json" not in options:
        return options
    rest = {name: value for name, value in options.items() if name != "json"}
    return _with_headers(
        {"Content-Type": "application/json"}, {**rest, "content": msgspec.json.encode(options["json"])}
    )


def _check_end(response: httpx.Response) -> None:
    """An HTTP/1 body of neither a length nor chunks ends with its connection, whatever closed that."""
    is_http_1 = response.extensions.get("http_version", b"").startswith(b"HTTP/1")
    if is_http_1 and not {"content-length", "transfer-encoding"} & response.headers.keys():
        raise httpx.RemoteProtocolError(
            "The response has neither a length nor chunks: that its stream is complete cannot be known.",
            request=response.request,
        )
