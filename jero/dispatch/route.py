"""A route: bind, call, respond."""

from typing import Any, cast

from jero.binding.binder import Binder
from jero.contract.annotations import name_of
from jero.contract.operation import Operation
from jero.dispatch.buffered import send_plain, send_response
from jero.dispatch.streamed import StreamDefaults, StreamResponder
from jero.http.asgi import Receive, Scope, Send
from jero.responses.base import Response
from jero.responses.streaming import FramedResponse
from jero.streaming.source import discard


class Route:
    """Answers the requests of one operation. `is_stream`: it may answer with a stream."""

    def __init__(self, operation: Operation, defaults: StreamDefaults) -> None:
        self.operation = operation
        self._handler = operation.handler
        self._binder = Binder(operation)
        self._encoder = defaults.encoder
        self._streams = StreamResponder(operation, defaults)
        self._admission = defaults.admission
        self._takes_nothing = not operation.inputs
        self.is_stream = any(output.is_stream for output in operation.outputs)
        self._responses = tuple(output.response for output in operation.outputs if output.response is not None)
        self._plain = frozenset(output.content for output in operation.outputs if output.response is None)

    async def answer(self, scope: Scope, slots: dict[str, str], receive: Receive, send: Send) -> None:
        """Answers one request. Raises whatever goes wrong before anything was sent."""
        if self.is_stream:
            with self._admission:
                value = await self._call(scope, slots, receive)
                await self._respond(value, scope, receive, send)
            return
        value = await (self._handler() if self._takes_nothing else self._call(scope, slots, receive))
        if self._plain and not isinstance(value, Response):
            await send_plain(value, self._plain, scope, send, self._encoder)
        else:
            await self._respond(value, scope, receive, send)

    async def _call(self, scope: Scope, slots: dict[str, str], receive: Receive) -> Any:
        return await self._handler(**await self._binder.bind(scope, slots, receive))

    async def _respond(self, value: Any, scope: Scope, receive: Receive, send: Send) -> None:
        if not isinstance(value, self._responses):
            if isinstance(value, FramedResponse):
                await discard(cast("FramedResponse[Any, Any]", value).stream)
            if isinstance(value, Response) or not self._plain:
                raise self._undeclared(type(cast("object", value)))
            await send_plain(value, self._plain, scope, send, self._encoder)
        elif isinstance(value, FramedResponse):
            await self._streams.send(cast("FramedResponse[Any, Any]", value), scope, receive, send)
        else:
            await send_response(cast("Response[Any]", value), scope, send, self._encoder)

    def _undeclared(self, returned: type) -> TypeError:
        declared = " | ".join(name_of(output.response or output.content) for output in self.operation.outputs)
        return TypeError(
            f"{self.operation.name}.{self.operation.method.lower()} returned {returned.__name__}; "
            f"its return annotation says {declared}."
        )
