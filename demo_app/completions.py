"""Passes requests for completions on to the service, and its answers back, byte for byte where it can."""

import asyncio
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from demo_app.chunks import Chunk, Progress, usage_of
from demo_app.metrics import Metrics
from demo_app.upstream import Upstream
from demo_app.upstream_problems import UpstreamFailed, passed_on, upstream_failures
from jero import ServerSentEvent, UnprocessableContent


class CompletionRequest(Struct, frozen=True):
    """A request to pass on: its bytes, and the part that the gateway reads. `n`: the number of answers."""

    body: bytes
    n: int
    is_stream: bool


class _Known(Struct, frozen=True):
    model: str | None = None
    stream: bool | None = None
    n: int | None = None


class _WholeAnswer(Struct, frozen=True):
    usage: Any = None
    error: Any = None


_decode_known: Final = msgspec.json.Decoder(_Known).decode
_decode_fields: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_whole: Final = msgspec.json.Decoder(_WholeAnswer).decode
_decode_chunk: Final = msgspec.json.Decoder(Chunk).decode


class Completions:
    """A gateway to the completions of one service."""

    def __init__(self, upstream: Upstream, metrics: Metrics) -> None:
        self._upstream = upstream
        self._metrics = metrics

    def read(self, body: Raw) -> CompletionRequest:
        """Returns the request with this body. A request that names no model gets the server's.

        Raises `UnprocessableContent` if the body is not an object, or if a field that is read has the wrong type.
        """
        try:
            known = _decode_known(body)
            if known.model is None:
                model = Raw(msgspec.json.encode(self._upstream.model))
                body = Raw(msgspec.json.encode({**_decode_fields(body), "model": model}))
        except msgspec.ValidationError as error:
            raise UnprocessableContent(f"{error}.") from None
        return CompletionRequest(bytes(body), max(known.n or 1, 1), known.stream is True)

    async def whole(self, request: CompletionRequest) -> Raw:
        """Returns the body of a whole answer. If it is cancelled, the request to the service ends.

        Raises a problem of `upstream_problems`, or `UpstreamRefused`.
        """
        with upstream_failures(passed_on):
            body = await self._upstream.complete(request.body)
            answer = _decode_whole(body)
            if answer.error is not None:
                raise UpstreamFailed("The upstream sent an error instead of an answer.")
        self._metrics.count_tokens(usage_of(answer.usage))
        return Raw(body)

    async def chunks(self, request: CompletionRequest) -> AsyncGenerator[Raw | ServerSentEvent[Raw], None]:
        """Yields the data of the chunks of a streamed answer, unchanged. Closing it ends the request to the service.

        Ends without an error only if the answer is complete. Raises as `whole` does otherwise.
        """
        progress = Progress(request.n)
        try:
            with upstream_failures(passed_on), progress.until_complete():
                async with (
                    asyncio.timeout(self._upstream.timeout) as first_chunk,
                    self._upstream.events(str, request.body) as events,
                ):
                    if events.status == HTTPStatus.NO_CONTENT:
                        raise UpstreamFailed("The upstream sent no answer.")
                    is_first = True
                    async for event in events:
                        data = event.data
                        if not data:  # a ping
                            continue
                        progress.note(_decode_chunk(data), event.event)
                        if is_first:
                            is_first = False
                            first_chunk.reschedule(None)
                        item = Raw(data.encode())
                        yield item if event.event is None else ServerSentEvent(data=item, event=event.event)
        finally:
            self._metrics.count_tokens(progress.usage)

    async def models(self) -> Raw:
        """Returns the body of the service's list of models. Raises as `whole` does."""
        with upstream_failures(passed_on):
            body = await self._upstream.models()
            _decode_fields(body)
        return Raw(body)
