"""A response whose body is made as it is sent: its plan, for the engine."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from msgspec.json import Encoder

from jero.contract.operation import Operation
from jero.dispatch.buffered import send_whole, with_defaults
from jero.dispatch.failures import problem_of
from jero.framing.sse import ServerSentEvent
from jero.http.accept import is_named
from jero.http.asgi import HeaderPairs, Receive, Scope, Send, request_header, response_start
from jero.policy import StreamOutcome, StreamPolicy
from jero.responses.streaming import FramedResponse, NDJSONStreamingResponse, SSEResponse
from jero.streaming.engine import send_stream
from jero.streaming.plan import StreamPlan
from jero.streaming.source import discard

# A stream is kept by no cache, and passed on by proxies (nginx for one) as it comes.
_STREAM_HEADERS: Final = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]


class StreamDefaults(msgspec.Struct, frozen=True):
    """What an application sets for all its streams."""

    encoder: Encoder
    policy: StreamPolicy
    on_end: Callable[[StreamOutcome], Awaitable[None]]


class StreamResponder:
    """Sends the streams of one operation."""

    def __init__(self, operation: Operation, defaults: StreamDefaults) -> None:
        self._operation = operation
        self._encoder = defaults.encoder
        self._policy = operation.endpoint.stream_policy or defaults.policy
        self._on_end = defaults.on_end
        self._on_stream_error = getattr(operation.endpoint, "on_stream_error", None)

    async def send(self, response: FramedResponse[Any, Any], scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the stream; to HEAD the headers alone: the stream is then closed, and never begun."""
        headers = with_defaults(
            response.header_pairs(), [(b"content-type", _media_type(response, scope)), *_STREAM_HEADERS]
        )
        if scope["method"] == "HEAD":
            await discard(response.stream)
            await send_whole(response.status_code, headers, None, scope, send)
            return
        await send_stream(self._plan(response, headers), receive, send)

    def _plan(self, response: FramedResponse[Any, Any], headers: HeaderPairs) -> StreamPlan:
        policy = response.policy or self._policy
        encoder = response.encoder or self._encoder
        return StreamPlan(
            stream=response.stream,
            framing=response.framing,
            encoder=encoder,
            policy=policy,
            start=response_start(response.status_code, headers),
            first_item_grace=policy.first_item_grace or response.first_item_grace,
            keepalive=response.keepalive,
            ping=None if response.keepalive is None else _ping(response, encoder),
            last_item=lambda error: self._last_item(response, error),
            on_end=self._on_end,
            endpoint=self._operation.name,
            method=self._operation.method,
        )

    async def _last_item(self, response: FramedResponse[Any, Any], error: Exception) -> Any:
        """The item that tells the client of an error: the response's, or the endpoint's, or the format's own."""
        on_error = response.on_error or self._on_stream_error
        if on_error is not None:
            item = on_error(error)
            return await item if inspect.isawaitable(item) else item
        if isinstance(response, SSEResponse):
            return ServerSentEvent(event="error", data=problem_of(error))
        return None


def _media_type(response: FramedResponse[Any, Any], scope: Scope) -> bytes:
    if isinstance(response, NDJSONStreamingResponse):
        accept = request_header(scope, b"accept")
        if is_named(accept, "application/jsonl") and not is_named(accept, response.framing.content_type):
            return b"application/jsonl"
    return response.framing.content_type.encode("latin-1")


def _ping(response: FramedResponse[Any, Any], encoder: Encoder) -> Callable[[], bytes]:
    def make() -> bytes:
        if response.ping is None:
            return response.framing.keepalive or b""
        buffer = bytearray()
        response.framing.encode(response.ping() if callable(response.ping) else response.ping, buffer, encoder)
        return bytes(buffer)

    return make
