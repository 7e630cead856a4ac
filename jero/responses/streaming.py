"""Responses whose body is made as it is sent: each names its wire format.

A stream whose format is the client's choice.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Final, Generic, TypeAlias, cast

from msgspec.json import Encoder
from typing_extensions import TypeVar

from jero.framing.event import ServerSentEvent
from jero.framing.framing import Framing
from jero.framing.json import JSON_ARRAY, NDJSON, NDJSON_NAMES
from jero.framing.raw import RAW
from jero.framing.sse import SSE
from jero.policy import StreamOutcome, StreamPolicy
from jero.responses.response import H, Response

T = TypeVar("T", default=Any)

Source: TypeAlias = (
    AsyncIterable[T]
    | Iterable[T]
    | AbstractAsyncContextManager[AsyncIterable[T]]
    | AsyncGenerator[AsyncIterable[T], StreamOutcome]
)
# They can be iterated, and nobody means a stream of their characters or keys.
_NO_STREAMS: Final = (str, bytes, bytearray, memoryview, Mapping)
ErrorHandler: TypeAlias = Callable[[Exception], T | Awaitable[T | None] | None]


class FramedResponse(Response[H], Generic[T, H], frozen=True, kw_only=True):
    """A stream of items in the wire format `framing`, which a subclass names.

    `stream`: an async iterable; an iterable, which is pulled in a thread of its own; a generator of one `yield`, of
    an async iterable, with setup before it and teardown after it; or an async context manager that enters to an
    async iterable.
    `encoder`, `policy`: in place of the application's. `keepalive`: seconds without a byte sent before a ping,
    `None` for no pings; `ping`: an item to send then in place of the format's own, or a callable that makes one.
    `on_error`: turns an exception in mid-stream into one last item, or into `None` for no item.
    `validate_items`: whether each item, as JSON, is checked against the type that the handler declares, before it is
    sent; `None` for what the endpoint or the application says.

    Raises `TypeError` where `stream` is none of these, `ValueError` for a `keepalive` that is not positive or
    that the format has no ping for.
    """

    framing: ClassVar[Framing]
    first_item_grace: ClassVar[float] = 5.0

    stream: Source[T]
    encoder: Encoder | None = None
    policy: StreamPolicy | None = None
    keepalive: float | None = None
    ping: T | Callable[[], T] | None = None
    on_error: ErrorHandler[T] | None = None
    validate_items: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        is_stream = any(hasattr(self.stream, method) for method in ("__aiter__", "__aenter__", "__iter__"))
        if not is_stream or isinstance(cast("object", self.stream), _NO_STREAMS):
            raise TypeError(
                f"{type(self).__name__}(stream=...) takes an iterable of items, asynchronous or not, or an async "
                f"context manager that enters to an asynchronous one; got {type(self.stream).__name__}."
            )
        if self.ping is not None and self.framing.separator:
            raise ValueError(f"{type(self).__name__}(ping=...): an extra item would change what the stream says.")
        if self.keepalive is None:
            return
        if not self.keepalive > 0:
            raise ValueError(f"keepalive={self.keepalive!r}: it is a positive number of seconds, or None.")
        if self.ping is None and self.framing.keepalive is None:
            raise ValueError(f"{type(self).__name__}(keepalive=...): the format has no ping that readers pass over.")


class StreamingResponse(FramedResponse[bytes, H], Generic[H], frozen=True, kw_only=True):
    """Chunks of bytes as they are: `application/octet-stream` unless `raw_headers` says otherwise."""

    framing: ClassVar[Framing] = RAW


class NDJSONStreamingResponse(FramedResponse[T, H], Generic[T, H], frozen=True, kw_only=True):
    """One JSON text a line: `application/x-ndjson`, or `application/jsonl` for a client that asks for that name."""

    framing: ClassVar[Framing] = NDJSON


class JSONArrayStreamingResponse(FramedResponse[T, H], Generic[T, H], frozen=True, kw_only=True):
    """One JSON array, element by element: `application/json`."""

    framing: ClassVar[Framing] = JSON_ARRAY


class SSEResponse(FramedResponse[T | ServerSentEvent[T], H], Generic[T, H], frozen=True, kw_only=True):
    """Server-sent events: a `ServerSentEvent` as it is, any other item as the data of one."""

    framing: ClassVar[Framing] = SSE
    first_item_grace: ClassVar[float] = 0.1

    keepalive: float | None = 15.0


# What documents and refusals list; of formats that a client accepts equally the first is sent.
OFFERED: Final = (*NDJSON_NAMES[:2], SSE.content_type, JSON_ARRAY.content_type)
# Further names that clients have for one of them.
UNDERSTOOD: Final = NDJSON_NAMES[2:]

_FORMATS: Final[Mapping[str, type[FramedResponse[Any, Any]]]] = {
    **dict.fromkeys(NDJSON_NAMES, NDJSONStreamingResponse),
    SSE.content_type: SSEResponse,
    JSON_ARRAY.content_type: JSONArrayStreamingResponse,
}


def negotiated(stream: Any, media_type: str) -> FramedResponse[Any, Any]:
    """The stream as a response of that media type, under the name that the client has for it.

    Raises `TypeError` for what is no stream.
    """
    headers = (("Content-Type", media_type), ("Vary", "Accept"))
    return _FORMATS[media_type](stream=stream, raw_headers=headers)
