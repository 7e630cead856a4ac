"""A route: authenticate, negotiate, bind, call, respond."""

import inspect
from contextlib import nullcontext
from typing import Any, cast

from jero.binding.binder import Binder
from jero.contract.annotations import name_of
from jero.contract.operation import Operation
from jero.contract.outputs import Output
from jero.dispatch.authenticate import Authenticator
from jero.dispatch.buffered import send_plain, send_response
from jero.dispatch.streamed import StreamDefaults, StreamResponder
from jero.http.accept import Negotiation, accept_header
from jero.http.asgi import Receive, Scope, Send
from jero.responses.base import Response
from jero.responses.negotiated import OFFERED, UNDERSTOOD, negotiated
from jero.responses.streaming import FramedResponse
from jero.streaming.source import discard


class Route:
    """Answers the requests of one operation. `is_stream`: it may answer with a stream."""

    def __init__(self, operation: Operation, defaults: StreamDefaults) -> None:
        outputs, authentication = operation.outputs, operation.authentication
        self.operation = operation
        self._handler = operation.handler
        self._is_awaited = inspect.iscoroutinefunction(operation.handler)
        self._binder = Binder(operation)
        self._encoder = defaults.encoder
        self._streams = StreamResponder(operation, defaults)
        self._admission = defaults.admission
        self._authenticator = None if authentication is None else Authenticator(authentication)
        self._takes_user = any(one.name == "user" for one in operation.inputs)
        is_negotiated = any(output.is_negotiated for output in outputs)
        self._negotiation = Negotiation(OFFERED, UNDERSTOOD) if is_negotiated else None
        self.is_stream = any(output.is_stream for output in outputs)
        # Most requests: nobody is asked who calls, and the body is whole, or there is none.
        self._is_direct = not self.is_stream and authentication is None and not self._binder.reads_as_it_arrives
        self._takes_nothing = not operation.inputs
        self._responses = tuple(output.response for output in outputs if output.response is not None)
        self._plain = frozenset(output.content for output in outputs if output.is_plain)

    async def answer(self, scope: Scope, slots: dict[str, str], receive: Receive, send: Send) -> None:
        """Answers one request. Raises whatever goes wrong before anything was sent."""
        if not self._is_direct:
            await self._answer(scope, slots, receive, send)
            return
        value = await (self._handler() if self._takes_nothing else self._call(scope, slots, receive))
        if self._plain and not isinstance(value, Response):
            await send_plain(value, self._plain, scope, send, self._encoder)
        else:
            await self._respond(value, scope, receive, send)

    async def _call(self, scope: Scope, slots: dict[str, str], receive: Receive) -> Any:
        return await self._handler(**await self._binder.bind(scope, slots, receive))

    async def _answer(self, scope: Scope, slots: dict[str, str], receive: Receive, send: Send) -> None:
        given: dict[str, Any] = {}
        expires_at: float | None = None
        if self._authenticator is not None:  # first of all: who is refused takes no stream's place
            user, expires_at = await self._authenticator.authenticate(scope, slots)
            if self._takes_user:
                given["user"] = user
        with self._admission if self.is_stream else nullcontext():
            media_type = None if self._negotiation is None else self._negotiation.choose(accept_header(scope))
            if self._binder.reads_as_it_arrives:
                arguments, incoming = self._binder.open(scope, slots, receive)
                receive = incoming.watch
            else:
                arguments = await self._binder.bind(scope, slots, receive)
            value = self._handler(**arguments, **given)
            if self._is_awaited:
                value = await value
            if media_type is not None and not isinstance(value, Response):
                await self._streams.send(negotiated(value, media_type), scope, receive, send, expires_at=expires_at)
            else:
                await self._respond(value, scope, receive, send, expires_at=expires_at)

    async def _respond(
        self, value: Any, scope: Scope, receive: Receive, send: Send, *, expires_at: float | None = None
    ) -> None:
        if not isinstance(value, self._responses):
            if isinstance(value, FramedResponse):
                await discard(cast("FramedResponse[Any, Any]", value).stream)
            if isinstance(value, Response) or not self._plain:
                raise self._undeclared(type(cast("object", value)))
            await send_plain(value, self._plain, scope, send, self._encoder)
        elif isinstance(value, FramedResponse):
            response = cast("FramedResponse[Any, Any]", value)
            await self._streams.send(response, scope, receive, send, expires_at=expires_at)
        else:
            await send_response(cast("Response[Any]", value), scope, send, self._encoder)

    def _undeclared(self, returned: type) -> TypeError:
        declared = " | ".join(map(_declared, self.operation.outputs))
        return TypeError(
            f"{self.operation.name}.{self.operation.method.lower()} returned {returned.__name__}; "
            f"its return annotation says {declared}."
        )


def _declared(output: Output) -> str:
    if output.is_negotiated:
        return f"AsyncIterator[{name_of(output.content)}]"
    return name_of(output.response or output.content)
