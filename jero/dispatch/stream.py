"""Plans the streams of an operation for the engine."""

import random
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.json import Encoder

from jero.annotations import holds_custom
from jero.codec import DEFAULT_ENCODER, json_decoder
from jero.contract.operation import Operation
from jero.dispatch.admission import Admission, Place
from jero.dispatch.failures import problem_of
from jero.dispatch.respond import send_whole, with_defaults
from jero.errors import HTTPError
from jero.framing.event import ServerSentEvent
from jero.framing.framing import Framing
from jero.framing.json import NDJSON, checked
from jero.framing.sse import SSE
from jero.http.accept import is_named
from jero.http.asgi import Scope, Send, request_header
from jero.policy import EndReason, StreamOutcome, StreamPolicy
from jero.responses.streaming import FramedResponse, SSEResponse
from jero.shutdown import drop_connection
from jero.streaming.plan import FastPath, StreamKind, StreamPlan
from jero.streaming.serve import OpenStreams
from jero.streaming.source import SourceKind, close_unstarted, source_kind

# Milliseconds in the `retry:` of a final frame, drawn for each client, so that a crowd does not return at once.
RETRY_MILLISECONDS: Final = (1_000, 5_000)


class StreamDefaults(msgspec.Struct, frozen=True):
    """What an application, or an endpoint, sets for its streams. `streams`: all that are open."""

    encoder: Encoder
    policy: StreamPolicy
    admission: Admission
    on_end: Callable[[StreamOutcome], Awaitable[None]]
    streams: OpenStreams
    validate_items: bool = False


class StreamResponder:
    """Plans the streams of one operation."""

    def __init__(self, operation: Operation, defaults: StreamDefaults) -> None:
        self._operation = operation
        self._encoder = defaults.encoder
        self._policy = defaults.policy
        self._on_end = defaults.on_end
        self._fast_types = frozenset[type]().union(*(output.fast_types for output in operation.outputs))
        self._on_stream_error = getattr(operation.endpoint, "on_stream_error", None)
        validate_items = operation.endpoint.validate_items
        self._validate_items = defaults.validate_items if validate_items is None else validate_items
        self._decode_item = _item_decoder(operation)
        # By class of response, for those that change nothing: most of them.
        self._kinds: dict[type, StreamKind] = {}

    async def plan(
        self, response: FramedResponse[Any, Any], scope: Scope, send: Send, expires_at: float | None, place: Place
    ) -> StreamPlan | None:
        """Returns what to stream, until `expires_at`, in Unix seconds. A source that needs a thread keeps its `place`.

        Answers HEAD with the headers alone and returns None; the stream is then closed and never begun.
        """
        try:
            headers = _headers(response, scope)
        except Exception:
            await close_unstarted(response.stream)
            raise
        if scope["method"] == "HEAD":
            await close_unstarted(response.stream)
            await send_whole((response.status_code, list(headers), b""), scope, send)
            return None
        on_error = response.on_error or self._on_stream_error
        if on_error is None and isinstance(response, SSEResponse):
            on_error = _error_event
        on_thread_end = None
        if source_kind(response.stream) is SourceKind.SYNCHRONOUS:
            try:
                place.begin_thread()
            except HTTPError:
                await close_unstarted(response.stream)
                raise
            on_thread_end = place.end_thread
        return StreamPlan(
            self._kind(response),
            response.stream,
            scope,
            response.status_code,
            headers,
            on_error,
            expires_at,
            on_thread_end,
        )

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
            drop_connection=drop_connection,
            name=f"stream {self._operation.method} {self._operation.name}",
            endpoint=self._operation.name,
            method=self._operation.method,
            close_on_error=getattr(response, "close_on_error", False),
        )

    def _framing(self, response: FramedResponse[Any, Any]) -> Framing:
        is_checked = self._validate_items if response.validate_items is None else response.validate_items
        if not is_checked or self._decode_item is None:
            return response.framing
        return checked(response.framing, self._decode_item)

    def _fast_path(self, framing: Framing, encoder: Encoder) -> FastPath | None:
        if framing.json_prefix is None or not self._fast_types or encoder.enc_hook is not None:
            return None
        prefix = framing.separator + framing.json_prefix
        return FastPath(self._fast_types, encoder, prefix, framing.json_suffix)


def _item_decoder(operation: Operation) -> Callable[[bytes], Any] | None:
    """Returns the decoder that checks an item of the operation's streams.

    Returns `None` if the type of the items is not declared, or if only a hook of the encoder can write it.
    """
    item = next((output.content for output in operation.outputs if output.is_stream), None)
    return None if item is None or holds_custom(item) else json_decoder(item).decode


def _error_event(error: Exception) -> ServerSentEvent[Any]:
    return ServerSentEvent(event="error", data=problem_of(error))


def _final_frame(reason: EndReason) -> bytes:
    """Returns the last bytes for a client that reconnects: after a shutdown, a random `retry:`, to spread the crowd."""
    if reason != "shutdown":
        return b""
    buffer = bytearray()
    milliseconds = random.randint(*RETRY_MILLISECONDS)  # noqa: S311 - it spreads a crowd, and is not a secret
    SSE.encode(ServerSentEvent(retry=milliseconds), buffer, DEFAULT_ENCODER)
    return bytes(buffer)


def _headers(response: FramedResponse[Any, Any], scope: Scope) -> Sequence[tuple[bytes, bytes]]:
    """Returns the headers of the response, with the defaults. Most responses have no others, and share the defaults."""
    defaults = _default_headers(_media_type(response, scope))
    own = response.header_pairs()
    return with_defaults(own, defaults) if own else defaults


@cache
def _default_headers(media_type: str) -> Sequence[tuple[bytes, bytes]]:
    # No cache may keep a stream, and a proxy such as nginx must not buffer it.
    return (
        (b"content-type", media_type.encode("latin-1")),
        (b"cache-control", b"no-cache"),
        (b"x-accel-buffering", b"no"),
    )


def _media_type(response: FramedResponse[Any, Any], scope: Scope) -> str:
    if response.framing is NDJSON:
        accept = request_header(scope, b"accept")
        if accept is None or b"jsonl" not in accept.lower():  # most clients: they name no JSON Lines
            return NDJSON.content_type
        if is_named(accept, "application/jsonl") and not is_named(accept, NDJSON.content_type):
            return "application/jsonl"
    return response.framing.content_type


def _ping(response: FramedResponse[Any, Any], encoder: Encoder) -> Callable[[], bytes] | bytes | None:
    if response.ping is None:
        return response.framing.keepalive

    def make() -> bytes:
        buffer = bytearray()
        response.framing.encode(response.ping() if callable(response.ping) else response.ping, buffer, encoder)
        return bytes(buffer)

    return make
