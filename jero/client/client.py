"""The client: reads NDJSON and event streams over the network as typed items and events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec
from typing_extensions import TypeVar

from jero.client.event_source import DEFAULT_RECONNECTION, EventSource, Reconnection, Sleep
from jero.client.readers import NDJSONReader
from jero.client.refused import RequestRefused, check_media_type
from jero.framing.event import ServerSentEvent

T = TypeVar("T")

NDJSON_MEDIA_TYPES: Final = ("application/x-ndjson", "application/jsonl")
ACCEPT_NDJSON: Final = {"Accept": "application/x-ndjson"}
ACCEPT_EVENTS: Final = {"Accept": "text/event-stream"}


class StreamClient:
    """Reads streams as typed items, on an `httpx.AsyncClient`.

    If you pass a `client`, its own base URL and options apply, and it stays open. Otherwise `StreamClient` makes a
    client with `base_url` and `options`, such as `headers=` and `auth=`, and closes that client at the end of the
    `async with` block.

    `idle_timeout`: the seconds without a byte after which a stream counts as stalled; `None` for no limit. Pings are
    bytes too. `sse` reconnects after a stall, `ndjson` raises `httpx.ReadTimeout`.
    `reconnection`: sets when and how often `sse` reconnects. `sleep`: waits for a number of seconds before `sse`
    reconnects; a test can pass a function that takes no time.

    To leave a stream early, close its iterator. `contextlib.aclosing` closes it at the end of a block. After a `break`,
    Python closes it as soon as nothing refers to it.

    Raises `TypeError` if `client` is combined with a base URL or options, and `ValueError` if `idle_timeout` is not
    positive.
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
            raise TypeError(
                "StreamClient(client=...) takes no base URL and no options: set them on the client that you pass."
            )
        if idle_timeout is not None and not idle_timeout > 0:
            raise ValueError(
                f"StreamClient(idle_timeout={idle_timeout!r}): it must be a positive number of seconds, or None."
            )
        self._owns_client = client is None
        self._client = client or _new_client(base_url, options)
        self._timeout = httpx.Timeout(**{**self._client.timeout.as_dict(), "read": idle_timeout})
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

    async def ndjson(self, url: str, type_: type[T], *, method: str = "GET", **options: Any) -> AsyncGenerator[T, None]:
        """Sends one request and yields the items of its NDJSON response as they arrive; none if the status is 204.

        `type_` is the type of an item. `options` are those of `httpx.AsyncClient.stream`, with two differences:
        `json=` takes every value that msgspec can encode, and `timeout=` replaces `idle_timeout`.

        Raises `RequestRefused` for a status outside 200 to 299, `httpx.DecodingError` for another media type,
        `httpx.RemoteProtocolError` or `httpx.ReadError` if the stream was cut, `httpx.ReadTimeout` if the stream
        stalled, and `msgspec.DecodeError` if a line is not a `T`. The items before an error are yielded first.
        """
        reader = NDJSONReader(type_)
        async with self._stream(method, url, with_headers(ACCEPT_NDJSON, _with_json(options))) as response:
            if not response.is_success:
                raise await RequestRefused.read(response)
            if response.status_code == 204:
                return
            check_media_type(response, *NDJSON_MEDIA_TYPES)
            async for chunk in response.aiter_bytes():
                for item in reader.feed(chunk):
                    yield item
            _check_end(response)
        for item in reader.end():
            yield item

    async def sse(self, url: str, type_: type[T], **options: Any) -> AsyncGenerator[ServerSentEvent[T], None]:
        """Yields the events of an event stream as they arrive, and reconnects until the server answers with 204.

        `type_` is the type of an event's data: JSON, or the plain text if `type_` is `str`. `options` are those of
        `httpx.AsyncClient.stream`, with two differences: `timeout=` replaces `idle_timeout`, and a header
        `Last-Event-ID` sets the id to resume after. The reconnection follows WHATWG HTML, section 9.2.

        Raises `StreamFailed` if the server reports in the stream that it failed, `msgspec.DecodeError` if an event's
        data is not a `T`, `RequestRefused` for a status other than 200 and 204, and `httpx.DecodingError` for another
        media type. The statuses 429, 502, 503 and 504 and the errors of the network are raised only after
        `Reconnection.attempts` failed attempts in a row.
        """
        options = with_headers({**ACCEPT_EVENTS, "Cache-Control": "no-cache"}, options)
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
        return self._stream("GET", url, with_headers(options["headers"], {**options, "headers": headers}))

    @asynccontextmanager
    async def _stream(self, method: str, url: str, options: dict[str, Any]) -> AsyncGenerator[httpx.Response, None]:
        options.setdefault("timeout", self._timeout)
        try:
            async with self._client.stream(method, url, **options) as response:
                yield response
        except httpx.ReadTimeout as error:  # its own message is empty
            raise stalled(error.request) from error


def with_headers(headers: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Returns `options` with `headers` added, except those that `options` sets itself."""
    merged = httpx.Headers(headers)
    merged.update(options.get("headers"))
    return {**options, "headers": merged}


def stalled(request: httpx.Request) -> httpx.ReadTimeout:
    """Returns the error of a request whose response was silent for its timeout."""
    seconds = request.extensions["timeout"]["read"]
    return httpx.ReadTimeout(
        f"No bytes arrived for {seconds:g} seconds: have the server send pings, or set a longer timeout.",
        request=request,
    )


def _new_client(base_url: str, options: dict[str, Any]) -> httpx.AsyncClient:
    # Each stream holds a connection: with the default limit of httpx, the 101st stream would wait for another to end.
    options.setdefault("limits", httpx.Limits(max_connections=None, max_keepalive_connections=20))
    return httpx.AsyncClient(base_url=base_url, **options)


def _with_json(options: dict[str, Any]) -> dict[str, Any]:
    """Encodes `json=` with msgspec, since httpx cannot encode a Struct."""
    if "json" not in options:
        return options
    rest = {name: value for name, value in options.items() if name != "json"}
    return with_headers({"Content-Type": "application/json"}, {**rest, "content": msgspec.json.encode(options["json"])})


def _check_end(response: httpx.Response) -> None:
    """Raises `httpx.RemoteProtocolError` if a cut response would look the same as a complete one.

    An HTTP/1 body with neither a length nor chunks ends when its connection closes, for any reason.
    """
    is_http_1 = response.extensions.get("http_version", b"").startswith(b"HTTP/1")
    if is_http_1 and not {"content-length", "transfer-encoding"} & response.headers.keys():
        raise httpx.RemoteProtocolError(
            "The response has neither Content-Length nor Transfer-Encoding: a complete stream looks the same as a cut"
            " one. Have the server or the proxy send chunks.",
            request=response.request,
        )
