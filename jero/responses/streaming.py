"""Defines the responses whose body is sent as their source yields: a class for each wire format.

`Negotiated` leaves the format to the client, and `negotiated` makes the response of the format that was chosen.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Final, Generic, TypeAlias, cast

from msgspec import UNSET, Struct, UnsetType
from msgspec.json import Encoder
from typing_extensions import TypeVar

from jero.framing.event import ServerSentEvent
from jero.framing.framing import FramedSource, Framing
from jero.framing.json import JSON_ARRAY, NDJSON, NDJSON_NAMES
from jero.framing.raw import RAW
from jero.framing.sse import SSE, check_unframed
from jero.http.headers import raw_pairs, response_header_names
from jero.policy import StreamOutcome, StreamPolicy, is_positive
from jero.responses.response import H, Response
from jero.uncalled import uncalled

T = TypeVar("T", default=Any)

Source: TypeAlias = (
    AsyncIterable[T]
    | Iterable[T]
    | FramedSource[T]
    | AbstractAsyncContextManager[AsyncIterable[T]]
    | AsyncGenerator[AsyncIterable[T], StreamOutcome]
    | AsyncGenerator[AsyncIterable[T], None]
)
"""The source of a stream. `FramedResponse` says what each kind of it is."""

# These can be iterated, but a stream of their characters or keys is a mistake.
_NOT_STREAMS: Final = (str, bytes, bytearray, memoryview, Mapping)
LastEvent: TypeAlias = T | str | ServerSentEvent[Any] | Callable[[StreamOutcome], T | str | ServerSentEvent[Any]]
"""The last item of an event stream: it may be text, such as "[DONE]", whatever the type of the others."""

LastItem: TypeAlias = T | ServerSentEvent[Any] | Callable[[StreamOutcome], T | ServerSentEvent[Any]]
"""The last item of any other stream. Of a `ServerSentEvent` it is the data."""

ErrorHandler: TypeAlias = Callable[[Exception], T | Awaitable[T | None] | None]
"""A function that makes one last item of the exception that ended a stream, or `None` for no item."""


def check_source(argument: str, stream: object) -> None:
    """Raises `TypeError` if what was given as `argument` is not a source."""
    is_stream = hasattr(stream, "__aiter__") or hasattr(stream, "__aenter__") or hasattr(stream, "__iter__")
    if not is_stream or isinstance(stream, _NOT_STREAMS):
        raise TypeError(_not_a_source(argument, cast("object", stream)))
    if isinstance(stream, type):
        raise TypeError(_not_a_source(argument, cast("object", stream)))


def _not_a_source(argument: str, given: object) -> str:
    """Returns what is wrong with a source, and what to write instead."""
    meant = uncalled(given)
    if meant is not None:
        return f"{argument}: got {meant.found}. {meant.instead}."
    name = type(given).__name__
    if hasattr(given, "subscribe"):
        return f"{argument}: got {name}. Give what its method subscribe() returns."
    single = "" if given is None else " Put a single item in a list, [item]."
    return (
        f"{argument} takes an iterable of items, an async iterable, or an async context manager that returns an async "
        f"iterable; got {name}.{single}"
    )


class SourceResponse(Response[H], Generic[T, H], frozen=True, kw_only=True):
    """Defines what every stream response has, in whatever format its source is sent.

    Raises `TypeError` if `stream` is not a source.
    """

    stream: Source[T]
    encoder: Encoder | None = None
    policy: StreamPolicy | None = None
    ping: T | Callable[[], T] | None = None
    on_error: ErrorHandler[T] | None = None
    last: LastEvent[T] | None = None
    validate_items: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_source(f"{type(self).__name__}(stream=...)", self.stream)
        if self.policy is not None and not isinstance(cast("object", self.policy), StreamPolicy):
            kind = type(cast("object", self.policy)).__name__
            raise TypeError(f"{type(self).__name__}(policy=...): it is of type {kind}. Write policy=StreamPolicy(...).")

    def check_unframed(self) -> None:
        """Raises `ValueError` if `ping` or `last` is text that is framed as an event already."""
        check_unframed("ping", self.ping)
        check_unframed("last", self.last)


class FramedResponse(SourceResponse[T, H], Generic[T, H], frozen=True, kw_only=True):
    """A stream of items in a wire format. Subclass it, and set `framing`, for a format of your own.

    `stream`: the source of the items. It is an async iterable; or an iterable, which a worker thread pulls unless it is
    a list or tuple; or an async context manager that returns an async iterable; or an async generator that yields one
    async iterable, with setup before the `yield` and teardown after it.
    `encoder`: writes the JSON of this stream, instead of the application's encoder.
    `policy`: the limits of this stream, instead of those of the endpoint or the application.
    `keepalive`: seconds without a sent byte before a ping is sent. `None`: no pings.
    `ping`: the item to send as a ping, or a callable that returns one. `None`: the ping of the format.
    `on_error`: receives the exception that ended the stream, and returns one last item for the client, or `None` for
    no item. It may be async. Without it, the endpoint's `on_stream_error` is used.
    `last`: the item to send after all others if the stream completed and its teardown has succeeded, or a callable that
    makes it of the outcome. It is not checked. If it raises, the stream has failed.
    `validate_items`: whether the JSON of each item is checked, before it is sent, against the type that the handler
    declares. `None`: as the endpoint or the application sets it.
    `status_code`, `headers`, `raw_headers`, `cookies`: as in every response.

    Raises `TypeError` if `stream` is not such a source. Raises `ValueError` if `keepalive` is not positive, if the
    format has no ping for it, if `ping` would be an element of an array, or if `ping` or `last` of an event stream is
    text that is framed as an event already.
    """

    # The wire format, and the seconds before the headers are sent without an item if no policy sets them.
    framing: ClassVar[Framing]
    first_item_grace: ClassVar[float] = 5.0

    keepalive: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.ping is not None or self.last is not None) and self.framing is SSE:
            self.check_unframed()
        if self.ping is not None and self.framing.separator:
            raise ValueError(f"{type(self).__name__}(ping=...): an extra item would be an element. Leave it out.")
        if self.keepalive is None:
            return
        _check_keepalive(type(self).__name__, self.keepalive)
        if self.ping is None and self.framing.keepalive is None:
            raise ValueError(f"{type(self).__name__}(keepalive=...): the format has no ping. Leave it out.")


def _check_keepalive(owner: str, seconds: float) -> None:
    if not is_positive(seconds):
        raise ValueError(f"{owner}(keepalive={seconds!r}): it must be a positive number of seconds, or None.")


class StreamingResponse(FramedResponse[bytes, H], Generic[H], frozen=True, kw_only=True):
    """Streams chunks of bytes unchanged, as `application/octet-stream`.

    A `Content-Type` in `raw_headers` replaces the media type. The format has no ping.
    """

    framing: ClassVar[Framing] = RAW

    last: LastItem[bytes] | None = None


class NDJSONStreamingResponse(FramedResponse[T, H], Generic[T, H], frozen=True, kw_only=True):
    """Streams items as newline-delimited JSON: a line each.

    The media type is `application/x-ndjson`, or `application/jsonl` if the client's `Accept` names only this one.
    The ping is an empty line.
    """

    framing: ClassVar[Framing] = NDJSON

    last: LastItem[T] | None = None


class JSONArrayStreamingResponse(FramedResponse[T, H], Generic[T, H], frozen=True, kw_only=True):
    """Streams items as the elements of one JSON array (RFC 8259, section 5), sent as `application/json`.

    The ping is a space. If the stream fails, the array stays open, so that no parser takes it for complete, unless
    `on_error` gives a last element.

    `close_on_error`: whether the array is closed all the same, for clients that want what came to parse. The transfer
    is cut short in both cases.
    """

    framing: ClassVar[Framing] = JSON_ARRAY

    last: LastItem[T] | None = None

    close_on_error: bool = False


class EventStreamResponse(FramedResponse[T | ServerSentEvent[T], H], Generic[T, H], frozen=True, kw_only=True):
    """Streams server-sent events (WHATWG HTML, section 9.2), as `text/event-stream`, to clients that read them once.

    Such clients are `fetch`, the SDKs of model providers, and MCP. They use any method, and do not reconnect. So a
    stream that fails, expires or is stopped by a shutdown is cut, as NDJSON is, unless `on_error` gives a last item. In
    a shutdown it has `drain_timeout` to complete. The headers are sent after 5 seconds, even without an item, unless
    the policy sets `first_item_grace`: a failure before that is answered with its true status.

    A `ServerSentEvent` is sent with its fields, any other item as the data of an event. The ping is a comment, sent
    after 15 seconds of silence unless `keepalive` is set. For browsers' `EventSource`, use `SSEResponse`.
    """

    framing: ClassVar[Framing] = SSE

    keepalive: float | None = 15.0


class SSEResponse(FramedResponse[T | ServerSentEvent[T], H], Generic[T, H], frozen=True, kw_only=True):
    """Streams server-sent events (WHATWG HTML, section 9.2), as `text/event-stream`, to a GET.

    It is for clients that reconnect automatically, as browsers' `EventSource` does. For any other client, and any other
    method, use `EventStreamResponse`.

    A `ServerSentEvent` is sent with its fields, any other item as the data of an event. The ping is a comment, sent
    after 15 seconds of silence unless `keepalive` is set. The headers are sent after 0.1 seconds, even without an
    item, unless the policy sets `first_item_grace`. If the source fails and nothing else is set to handle it, the
    client receives a last event `error` with a problem (RFC 9457).
    """

    framing: ClassVar[Framing] = SSE
    first_item_grace: ClassVar[float] = 0.1

    keepalive: float | None = 15.0


class Negotiated(SourceResponse[T | ServerSentEvent[T], H], Generic[T, H], frozen=True, kw_only=True):
    """Streams items in the format that the client's `Accept` chooses: NDJSON, server-sent events or a JSON array.

    It is sent as the response class of that format would be with the same arguments, and with `Vary: Accept`. Event
    streams are an `SSEResponse` on GET, and an `EventStreamResponse` on any other method. If a handler sets nothing but
    the stream, it can return its async iterator alone, annotated with `AsyncIterator[T]`.

    `stream`, `encoder`, `policy`, `on_error`, `validate_items`: as in every stream response.
    `keepalive`: seconds without a sent byte before a ping is sent, in every format. `None`: no pings. If it is left
    out, only event streams have pings, after 15 seconds.
    `ping`: the item to send as a ping, or a callable that returns one. A JSON array keeps its own ping, a space.
    `last`: the last item, in every format. Of a `ServerSentEvent`, NDJSON and arrays contain the data alone.
    `status_code`, `headers`, `raw_headers`, `cookies`: as in every response, without a `Content-Type`.

    Raises `TypeError` if `stream` is not a source. Raises `ValueError` if `keepalive` is not positive, if a header is a
    `Content-Type`, or if `ping` or `last` is text that is framed as an event already.
    """

    keepalive: float | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_unframed()
        if self.keepalive is not UNSET and self.keepalive is not None:
            _check_keepalive("Negotiated", self.keepalive)
        names = {name for name, _ in raw_pairs(self.raw_headers)} if self.raw_headers else set[bytes]()
        has_typed = isinstance(self.headers, Struct) and sets_content_type(type(self.headers))
        if has_typed or b"content-type" in names:
            raise ValueError(
                "Negotiated: a Content-Type was set, which the client's Accept chooses. Leave it out, or return a "
                "response that names its format, such as NDJSONStreamingResponse(stream=...)."
            )


def sets_content_type(headers: type[Struct]) -> bool:
    """Returns whether a Struct of typed headers has a `Content-Type`."""
    return any(name.lower() == "content-type" for _, name in response_header_names(headers))


# Documents and refusals list these. If a client accepts several equally, the first is sent.
OFFERED: Final = (*NDJSON_NAMES[:2], SSE.content_type, JSON_ARRAY.content_type)
# Further names of the same formats that clients send.
UNDERSTOOD: Final = NDJSON_NAMES[2:]

# A client that reconnects automatically does so by GET.
_FORMATS: Final[Mapping[str, type[FramedResponse[Any, Any]]]] = {
    **dict.fromkeys(NDJSON_NAMES, NDJSONStreamingResponse),
    SSE.content_type: EventStreamResponse,
    JSON_ARRAY.content_type: JSONArrayStreamingResponse,
}
_FORMATS_OF_GET: Final[Mapping[str, type[FramedResponse[Any, Any]]]] = {**_FORMATS, SSE.content_type: SSEResponse}


def format_of(media_type: str, method: str) -> type[FramedResponse[Any, Any]]:
    """Returns the response class of `media_type`, for an operation of that HTTP method."""
    return (_FORMATS_OF_GET if method == "GET" else _FORMATS)[media_type]


def negotiated(value: Any, media_type: str, method: str) -> FramedResponse[Any, Any]:
    """Returns a response that sends the stream in the format of `media_type`, with this name as its `Content-Type`.

    `value` is a `Negotiated`, or a source alone. Raises `TypeError` if it is neither.
    """
    response = format_of(media_type, method)
    headers = (("Content-Type", media_type), ("Vary", "Accept"))
    if not isinstance(value, Negotiated):
        return response(stream=value, raw_headers=headers)
    given = cast("Negotiated[Any, Any]", value)
    own = given.raw_headers.items() if isinstance(given.raw_headers, Mapping) else given.raw_headers
    options = {} if given.keepalive is UNSET else {"keepalive": given.keepalive}
    return response(
        stream=given.stream,
        encoder=given.encoder,
        policy=given.policy,
        ping=None if response.framing.separator else given.ping,
        on_error=given.on_error,
        last=given.last,
        validate_items=given.validate_items,
        status_code=given.status_code,
        headers=given.headers,
        raw_headers=(*own, *headers),
        cookies=given.cookies,
        **options,
    )
