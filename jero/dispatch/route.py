"""Who calls: asked before the body is read, and before any stream begins.

A route: authenticate, negotiate, bind, call, respond.
"""

import inspect
import time
from collections.abc import Awaitable
from contextlib import nullcontext
from typing import Any, cast

from jero.annotations import name_of, union_members
from jero.auth.auth import Expiring
from jero.auth.scheme import DEFAULT_REALM, challenged
from jero.binding.binder import Binder
from jero.binding.fields import field_reader
from jero.contract.authentication import Authentication
from jero.contract.operation import Operation
from jero.contract.outputs import Output
from jero.dispatch.respond import send_plain, send_response
from jero.dispatch.stream import StreamDefaults, StreamResponder
from jero.errors import MalformedRequest, Unauthorized
from jero.http.accept import Negotiation, accept_header
from jero.http.asgi import Receive, Scope, Send
from jero.responses.response import Response
from jero.responses.streaming import OFFERED, UNDERSTOOD, FramedResponse, negotiated
from jero.streaming.serve import send_stream
from jero.streaming.source import close_unstarted


class Authenticator:
    """Asks the user's authenticator; what there is to know of it, it learns when it is made."""

    def __init__(self, authentication: Authentication) -> None:
        authenticator = authentication.authenticator
        self._authentication = authentication
        self._authenticate = authenticator.authenticate
        self._readers = [(one.name, field_reader(one.name, one.type)) for one in authentication.inputs]
        self._admits_anonymous = type(None) in union_members(authentication.user)
        realm: str = getattr(authenticator, "realm", DEFAULT_REALM)
        self._challenge = authentication.scheme.challenge(realm, was_sent=False)
        self._challenge_expired = authentication.scheme.challenge(realm, was_sent=True)

    async def authenticate(self, scope: Scope, slots: dict[str, str]) -> tuple[Any, float | None]:
        """The user, and when their credentials expire, in Unix seconds.

        Raises `Unauthorized`, with a challenge, where the authenticator refuses, where what it takes of the request
        is missing or malformed, and where the credentials have expired.
        """
        try:
            arguments = {name: read(scope, slots) for name, read in self._readers}
        except MalformedRequest:
            # What is missing here are credentials, and what is wrong with them is nobody's business.
            raise challenged(Unauthorized(), self._challenge) from None
        try:
            user = await self._authenticate(**arguments)
        except Unauthorized as refusal:
            challenged(refusal, self._challenge)
            raise
        expires_at: float | None = None
        if isinstance(user, Expiring):
            user, expires_at = self._unwrapped(cast("Expiring[Any]", user))
        if user is None and not self._admits_anonymous:
            raise TypeError(
                f"{type(self._authentication.authenticator).__name__}.authenticate returned None; "
                f"its return annotation says {name_of(self._authentication.user)}. Raise Unauthorized to refuse."
            )
        return user, expires_at

    def _unwrapped(self, expiring: Expiring[Any]) -> tuple[Any, float | None]:
        if expiring.expires_at is None:
            return expiring.user, None
        expires_at = expiring.expires_at.timestamp()
        if expires_at <= time.time():
            raise challenged(Unauthorized(), self._challenge_expired)
        return expiring.user, expires_at


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
        self._open_streams = defaults.streams
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
        if self._is_direct:
            value = await (self._handler() if self._takes_nothing else self._call(scope, slots, receive))
            if self._plain and not isinstance(value, Response):
                await send_plain(value, self._plain, scope, send, self._encoder)
            else:
                await self._check(value)
                await self._send_whole(value, scope, send)
            return
        user, expires_at = await self._caller(scope, slots)
        # A stream is sent from here: while it is open it holds the frames of nothing that came before it.
        with self._admission if self.is_stream else nullcontext():
            value, receive = await self._call_for(user, scope, slots, receive)
            if not isinstance(value, FramedResponse):
                await self._send_whole(value, scope, send)
                return
            plan = await self._streams.plan(cast("FramedResponse[Any, Any]", value), scope, send, expires_at)
            del value  # what is not of the plan has no part in the stream
            if plan is not None:
                await send_stream(plan, self._open_streams, receive, send)

    async def _caller(self, scope: Scope, slots: dict[str, str]) -> tuple[Any, float | None]:
        """Who calls, and when that runs out. First of all: who is refused takes no stream's place."""
        if self._authenticator is None:
            return None, None
        return await self._authenticator.authenticate(scope, slots)

    async def _call(self, scope: Scope, slots: dict[str, str], receive: Receive) -> Any:
        return await self._handler(**await self._binder.bind(scope, slots, receive))

    async def _call_for(self, user: Any, scope: Scope, slots: dict[str, str], receive: Receive) -> tuple[Any, Receive]:
        """What the handler gives to this user, and what tells of the client's leaving: a body that is read as it
        arrives comes by the same `receive`.
        """
        media_type = None if self._negotiation is None else self._negotiation.choose(accept_header(scope))
        if self._binder.reads_as_it_arrives:
            arguments, incoming = self._binder.open(scope, slots, receive)
            receive = incoming.watch
        else:
            arguments = await self._binder.bind(scope, slots, receive)
        if self._takes_user:
            arguments["user"] = user
        value: Any = self._handler(**arguments)
        if self._is_awaited:
            value = await value
        if media_type is not None and not isinstance(cast("object", value), Response):
            return negotiated(value, media_type), receive
        await self._check(value)
        return value, receive

    async def _check(self, value: Any) -> None:
        """Raises `TypeError` where the return annotation does not allow the value, its stream closed."""
        if isinstance(value, self._responses) or (self._plain and not isinstance(value, Response)):
            return
        if isinstance(value, FramedResponse):
            await close_unstarted(cast("FramedResponse[Any, Any]", value).stream)
        raise self._undeclared(type(cast("object", value)))

    def _send_whole(self, value: Any, scope: Scope, send: Send) -> Awaitable[None]:
        if isinstance(value, Response):
            return send_response(cast("Response[Any]", value), scope, send, self._encoder)
        return send_plain(value, self._plain, scope, send, self._encoder)

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
