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


class Route:
    """Answers the requests of one operation."""

    def __init__(self, operation: Operation, defaults: StreamDefaults) -> None:
        self.operation = operation
        self._handler = operation.handler
        self._binder = Binder(operation)
        self._encoder = defaults.encoder
        self._streams = StreamResponder(operation, defaults)
        self._responses = tuple(output.response for output in operation.outputs if output.response is not None)
        self._plain = frozenset(output.content for output in operation.outputs if output.response is None)

    async def answer(self, scope: Scope, slots: dict[str, str], receive: Receive, send: Send) -> None:
        """Answers one request. Raises whatever goes wrong before anything was sent."""
        arguments = await self._binder.bind(scope, slots, receive)
        value = await self._handler(**arguments)
        await self._respond(value, scope, receive, send)

    async def _respond(self, value: Any, scope: Scope, receive: Receive, send: Send) -> None:
        if not isinstance(value, self._responses):
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
