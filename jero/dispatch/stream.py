"""Admits the streams of a policy, and plans each of them for the engine.

A stream has a place from before its handler is called until it is over. If its source runs in a thread, it keeps the
place until that thread has ended, which may be later: a source that blocks cannot be stopped.
"""

import random
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import cache
from ipaddress import IPv6Address
from typing import Any, Final, cast

import msgspec
from msgspec.json import Encoder

from jero.annotations import event_form, holds_custom
from jero.codec import DEFAULT_ENCODER, json_decoder
from jero.connection import Connections, paced
from jero.contract.operation import Operation
from jero.dispatch.departures import Departures
from jero.dispatch.respond import Whole, with_defaults
from jero.errors import HTTPError, ServiceUnavailable, TooManyRequests, problem_of
from jero.framing.event import ServerSentEvent
from jero.framing.framing import FramedSource, Framing
from jero.framing.json import NDJSON, checked, one_line_appender
from jero.framing.sse import SSE, SSE_TEXT, check_unframed
from jero.http.accept import is_named
from jero.http.asgi import Scope
from jero.policy import EndReason, StreamOutcome, StreamPolicy, StreamStart
from jero.responses.streaming import FramedResponse, SSEResponse
from jero.streaming.plan import FastPath, StreamKind, StreamPlan
from jero.streaming.serve import OpenStreams
from jero.streaming.source import SentSources, SourceKind, close_unstarted, source_kind

# Seconds in `Retry-After`, drawn for each refused client, so that a crowd does not return at once.
RETRY_AFTER: Final = (1, 5)
# Milliseconds in the `retry:` of a final frame, drawn likewise.
RETRY_MILLISECONDS: Final = (1_000, 5_000)


class Admission:
    """Counts the streams of one policy."""

    def __init__(self, policy: StreamPolicy, streams: OpenStreams) -> None:
        self._max_concurrent = policy.max_concurrent
        self._max_per_caller = policy.max_per_caller
        self._max_threads = policy.max_threads
        self._streams = streams
        self._open = 0
        self._threads = 0
        self._callers: dict[Hashable, int] = {}

    def admit(self, user: Any, scope: Scope, *, may_be_whole: bool = False) -> "Place":
        """Returns a place, to be released when the stream is over, or when the answer is known to be whole.

        `may_be_whole`: the answer need not be a stream. Then a place is also given while the server is shutting down.
        Raises `ServiceUnavailable` if the server is shutting down, or if `max_concurrent` streams are open, and
        `TooManyRequests` if `max_per_caller` of them are the caller's: those of the same `user`, or, without a user,
        from the same address. Each has a `Retry-After`.
        """
        is_late = self._streams.is_draining
        if is_late and not may_be_whole:
            raise shutting_down()
        if self._max_concurrent is not None and self._open >= self._max_concurrent:
            raise _refusal(ServiceUnavailable, "Too many open streams.")
        caller: Hashable = None
        if self._max_per_caller is not None:
            caller = _caller(user, scope)
            if self._callers.get(caller, 0) >= self._max_per_caller:
                raise _refusal(TooManyRequests, "Too many open streams of one caller.")
            self._callers[caller] = self._callers.get(caller, 0) + 1
        self._open += 1
        return Place(self, caller, is_late=is_late)

    def begin_thread(self) -> None:
        """Counts a thread. Raises `ServiceUnavailable` if `max_threads` are running."""
        if self._max_threads is not None and self._threads >= self._max_threads:
            raise _refusal(ServiceUnavailable, "Too many streams run in threads.")
        self._threads += 1

    def end_thread(self) -> None:
        """Counts a thread less."""
        self._threads -= 1

    def give_back(self, caller: Hashable) -> None:
        """Takes a place back."""
        self._open -= 1
        if self._max_per_caller is not None:
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]


class Place:
    """The place of one stream. It is given back when the stream, and the thread that it may have, have ended.

    `is_late`: the server was shutting down when it was given. A stream must not take it then.
    """

    __slots__ = ("_admission", "_caller", "_holders", "is_late")

    def __init__(self, admission: Admission, caller: Hashable, *, is_late: bool) -> None:
        self._admission = admission
        self._caller = caller
        self._holders = 1
        self.is_late = is_late

    def begin_thread(self) -> None:
        """Keeps the place for a thread as well. Raises `ServiceUnavailable` if too many threads are running."""
        self._admission.begin_thread()
        self._holders += 1

    def end_thread(self) -> None:
        """Notes that the thread has ended, or was never started."""
        self._admission.end_thread()
        self.release()

    def release(self) -> None:
        """Notes that the stream, or its thread, has ended."""
        self._holders -= 1
        if not self._holders:
            self._admission.give_back(self._caller)


class _Address(msgspec.Struct, frozen=True):
    """The address of a caller without a user. Its equals are addresses alone, however a user is called."""

    network: str | bytes


def _caller(user: Any, scope: Scope) -> Hashable:
    """Returns what the streams of one caller have in common."""
    if user is None:
        client = scope.get("client")
        return None if client is None else _Address(_network(str(client[0])))
    try:
        hash(user)
    except TypeError:  # a Struct that is not frozen, for example
        text = DEFAULT_ENCODER.encode(user) if hasattr(user, "__struct_fields__") else repr(user)
        return cast("type[Any]", type(user)), text
    return cast("Hashable", user)


def _network(host: str) -> str | bytes:
    """Returns the first 64 bits of an IPv6 address: a client has all that begin so, and may use each once (RFC 6177).

    Returns any other address whole: one of IPv4, also within IPv6 (RFC 4291, section 2.5.5.2), and one of a link, where
    all clients share those bits.
    """
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host)
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return host if address.is_link_local or address.is_loopback else address.packed[:8]


def shutting_down() -> HTTPError:
    """Returns the refusal of a stream while the server shuts down."""
    return _refusal(ServiceUnavailable, "The server is shutting down.")


def _refusal(error: type[HTTPError], detail: str) -> HTTPError:
    seconds = random.randint(*RETRY_AFTER)  # noqa: S311 - spreads the clients over time, and is not a secret
    return error(detail, headers={"Retry-After": str(seconds)})


class StreamDefaults(msgspec.Struct, frozen=True):
    """The settings of an application, or of an endpoint, for its streams.

    `streams`: all that are open. `departures`: notice that their clients leave, and those of handlers. `on_start`:
    `None` if the application does not override it.
    """

    encoder: Encoder
    policy: StreamPolicy
    admission: Admission
    on_end: Callable[[StreamOutcome], Awaitable[None]]
    streams: OpenStreams
    connections: Connections
    departures: Departures
    on_start: Callable[[StreamStart], Awaitable[None]] | None = None
    validate_items: bool = False
    sent: SentSources = msgspec.field(default_factory=SentSources)


class StreamResponder:
    """Plans the streams of one operation."""

    def __init__(self, operation: Operation, defaults: StreamDefaults) -> None:
        self._operation = operation
        self._encoder = defaults.encoder
        self._policy = defaults.policy
        self._on_end = defaults.on_end
        self._on_start = defaults.on_start
        self._connections = defaults.connections
        self._fast_types = frozenset[type]().union(*(output.fast_types for output in operation.outputs))
        self._on_stream_error = getattr(operation.endpoint, "on_stream_error", None)
        validate_items = operation.endpoint.validate_items
        self._validate_items = defaults.validate_items if validate_items is None else validate_items
        self._decode_item = _item_decoder(operation)
        self._is_text = _is_text(operation)
        # By class of response, for those that change nothing: most of them.
        self._kinds: dict[type, StreamKind] = {}

    async def plan(
        self, response: FramedResponse[Any, Any], scope: Scope, expires_at: float | None, place: Place
    ) -> StreamPlan | Whole:
        """Returns what to stream, until `expires_at`, in Unix seconds. A source that needs a thread keeps its `place`.

        Returns the headers alone as the answer to HEAD. The source is then closed, and was never opened. Returns a 204
        for an event stream whose client has had all of it.
        """
        try:
            headers = _headers(response, scope)
        except Exception:
            await close_unstarted(response.stream)
            raise
        if scope["method"] == "HEAD":
            await close_unstarted(response.stream)
            return response.status_code, list(headers), b""
        if source_kind(response.stream) is SourceKind.FRAMED and _has_ended(response):
            await close_unstarted(response.stream)
            return 204, [pair for pair in headers if pair[0] != b"content-type"], b""
        return await self._plan(response, headers, scope, expires_at, place)

    async def _plan(
        self,
        response: FramedResponse[Any, Any],
        headers: Sequence[tuple[bytes, bytes]],
        scope: Scope,
        expires_at: float | None,
        place: Place,
    ) -> StreamPlan:
        kind, source, status = self._kind(response), response.stream, response.status_code
        on_error = response.on_error or self._on_stream_error
        if on_error is None and isinstance(response, SSEResponse):
            on_error = _error_event
        last = None if response.last is None else _last(response.framing, response.last, kind.encoder)
        if source_kind(source) is not SourceKind.SYNCHRONOUS:
            return StreamPlan(kind, source, scope, status, headers, on_error, expires_at, None, last)
        try:
            place.begin_thread()
        except HTTPError:
            await close_unstarted(source)
            raise
        return StreamPlan(kind, source, scope, status, headers, on_error, expires_at, place.end_thread, last)

    def _kind(self, response: FramedResponse[Any, Any]) -> StreamKind:
        """Returns the kind of the stream: a shared one, unless the response itself sets what streams have in common."""
        sets_its_own = (
            response.policy is not None
            or response.encoder is not None
            or response.ping is not None
            or response.validate_items is not None
            or getattr(response, "close_on_error", False)
        )
        if sets_its_own:
            return self._make_kind(response)
        kind = self._kinds.get(type(response))
        if kind is None:
            kind = self._kinds[type(response)] = self._make_kind(response)
        return kind if kind.keepalive == response.keepalive else self._make_kind(response)

    def _make_kind(self, response: FramedResponse[Any, Any]) -> StreamKind:
        policy = response.policy or self._policy
        encoder = response.encoder or self._encoder
        framing = self._framing(response)
        return StreamKind(
            framing=framing,
            encoder=encoder,
            policy=policy,
            first_item_grace=policy.first_item_grace or response.first_item_grace,
            keepalive=response.keepalive,
            ping=_ping(response, encoder),
            final_frame=_final_frame if isinstance(response, SSEResponse) else None,
            fast_path=self._fast_path(framing, encoder),
            on_end=self._on_end,
            on_start=self._on_start,
            drop_connection=self._connections.drop,
            cut_connection=self._connections.cut,
            has_left=self._connections.has_left,
            pace=paced,
            name=f"stream {self._operation.method} {self._operation.name}",
            endpoint=self._operation.name,
            method=self._operation.method,
            close_on_error=getattr(response, "close_on_error", False),
        )

    def _framing(self, response: FramedResponse[Any, Any]) -> Framing:
        framing = SSE_TEXT if self._is_text and response.framing is SSE else response.framing
        is_checked = self._validate_items if response.validate_items is None else response.validate_items
        return framing if not is_checked or self._decode_item is None else checked(framing, self._decode_item)

    def _fast_path(self, framing: Framing, encoder: Encoder) -> FastPath | None:
        if framing.json_prefix is None or not self._fast_types or encoder.enc_hook is not None:
            return None
        prefix = framing.separator + framing.json_prefix
        has_lines = msgspec.Raw in self._fast_types and not framing.separator
        encode_into = one_line_appender(encoder) if has_lines else encoder.encode_into
        return FastPath(self._fast_types, encode_into, prefix, framing.json_suffix)


def _has_ended(response: FramedResponse[Any, Any]) -> bool:
    """Returns whether the client of an event stream has had all of it, and must not reconnect."""
    return response.framing.content_type == SSE.content_type and cast("FramedSource[Any]", response.stream).has_ended()


def _item_decoder(operation: Operation) -> Callable[[bytes], Any] | None:
    """Returns the decoder that checks an item of the operation's streams.

    Returns `None` if the type of the items is not declared, or if only a hook of the encoder can write it.
    """
    item = _item(operation)
    return None if item is None or holds_custom(item) else json_decoder(item).decode


def _is_text(operation: Operation) -> bool:
    """Returns whether the items of the operation's streams are declared as text."""
    item = _item(operation)
    return item is not None and event_form(item) == "text"


def _item(operation: Operation) -> Any:
    return next((output.content for output in operation.outputs if output.is_stream), None)


def _error_event(error: Exception) -> ServerSentEvent[Any]:
    return ServerSentEvent(event="error", data=problem_of(error))


def _final_frame(reason: EndReason) -> bytes:
    """Returns the last bytes for a client that reconnects: after a shutdown, a random `retry:`, to spread the crowd."""
    if reason != "shutdown":
        return b""
    buffer = bytearray()
    milliseconds = random.randint(*RETRY_MILLISECONDS)  # noqa: S311 - spreads the clients over time, and is not a secret
    SSE.encode(ServerSentEvent(retry=milliseconds), buffer, DEFAULT_ENCODER)
    return bytes(buffer)


EVENT_STREAM: Final = SSE.content_type.encode("ascii")


def _headers(response: FramedResponse[Any, Any], scope: Scope) -> Sequence[tuple[bytes, bytes]]:
    """Returns the headers of the response, with the defaults. Most responses have no others, and share the defaults."""
    media_type = _media_type(response, scope)
    own = response.header_pairs()
    if not own:
        return _default_headers(media_type)
    for name, value in own:
        if name == b"content-type" and value.startswith(EVENT_STREAM):
            media_type = SSE.content_type  # raw bytes that the handler frames as events
    return with_defaults(own, _default_headers(media_type))


@cache
def _default_headers(media_type: str) -> Sequence[tuple[bytes, bytes]]:
    """Returns the headers by which no cache keeps a stream, and no proxy buffers it.

    A proxy that compresses may hold events back until the end, so an event stream forbids that with `no-transform`.
    """
    content_type = media_type.encode("latin-1")
    return (
        (b"content-type", content_type),
        (b"cache-control", b"no-cache, no-transform" if content_type.startswith(EVENT_STREAM) else b"no-cache"),
        (b"x-accel-buffering", b"no"),
    )


def _media_type(response: FramedResponse[Any, Any], scope: Scope) -> str:
    if response.framing is NDJSON:
        accept = b",".join([value for name, value in scope["headers"] if name == b"accept"])
        if b"jsonl" not in accept.lower():  # most clients: they name no JSON Lines
            return NDJSON.content_type
        if is_named(accept, "application/jsonl") and not is_named(accept, NDJSON.content_type):
            return "application/jsonl"
    return response.framing.content_type


def _ping(response: FramedResponse[Any, Any], encoder: Encoder) -> Callable[[], bytes] | bytes | None:
    if response.ping is None:
        return response.framing.keepalive

    def make() -> bytes:
        item: Any = response.ping() if callable(response.ping) else response.ping
        # An event without data has no bytes in NDJSON.
        return _encoded("ping", item, response.framing, encoder) or response.framing.keepalive or b""

    return make


def _last(framing: Framing, last: Any, encoder: Encoder) -> Callable[[StreamOutcome], bytes]:
    def make(outcome: StreamOutcome) -> bytes:
        return _encoded("last", _made(last, outcome) if callable(last) else last, framing, encoder)

    return make


def _made(last: Callable[[StreamOutcome], Any], outcome: StreamOutcome) -> Any:
    try:
        return last(outcome)
    except TypeError as error:
        # What the function itself raises has its frame below this one.
        if error.__traceback__ is None or error.__traceback__.tb_next is not None:
            raise
        found = f"last={last!r} is called with one argument, the StreamOutcome, which it does not take"
        raise TypeError(f"{found}: {error}. Give it that parameter, or give the item itself.") from error


def _encoded(name: str, item: Any, framing: Framing, encoder: Encoder) -> bytes:
    """Returns the bytes of an item that the response has as its argument `name`."""
    if framing is SSE:
        check_unframed(name, item)
    buffer = bytearray()
    framing.encode(item, buffer, encoder)
    return bytes(buffer)
