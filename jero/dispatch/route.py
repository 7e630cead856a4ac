"""Answers the requests of one route: authenticates, negotiates, binds, calls the handler, and responds."""

import inspect
import time
from typing import Any, NoReturn, cast

from jero.binding.binder import Binder, close_uploads
from jero.contract.operation import Operation
from jero.contract.values import ReturnedValues
from jero.dispatch.authenticator import Authenticator
from jero.dispatch.failures import Failures
from jero.dispatch.leaving import HandlerWatch, attended, limited
from jero.dispatch.ready import answer_if_ready
from jero.dispatch.respond import Whole, send_whole, whole_writer
from jero.dispatch.stream import Place, StreamDefaults, StreamResponder, shutting_down
from jero.http.accept import Negotiation, accept_header
from jero.http.asgi import Receive, Scope, Send
from jero.responses.response import Response
from jero.responses.streaming import OFFERED, UNDERSTOOD, FramedResponse, SourceResponse, negotiated
from jero.streaming.plan import StreamPlan
from jero.streaming.serve import send_stream
from jero.streaming.source import SourceKind, close_unstarted, is_iterator, source_kind


class Route:
    """Answers the requests of one operation, whose signature is read once, when the route is made.

    `is_stream`: some of its responses are streams. `may_leave_body`: a request may be answered before its body is read
    to the end, although nothing fails. The body of a GET has no meaning (RFC 9110, section 9.3.1), and is not sought.
    `failures`: answer what `answer` raises.
    """

    def __init__(self, operation: Operation, defaults: StreamDefaults, failures: Failures) -> None:
        outputs, authentication = operation.outputs, operation.authentication
        self.operation = operation
        self.failures = failures
        self._authenticator = None if authentication is None else Authenticator(authentication)
        is_negotiated = any(output.is_negotiated for output in outputs)
        self._negotiation = Negotiation(OFFERED, UNDERSTOOD) if is_negotiated else None
        self._takes_source = any(output.is_negotiated and output.response is None for output in outputs)
        self._binder = Binder(operation)
        self._binds_more = self._binder.takes_more
        self._body, self._body_name = self._binder.body, self._binder.body_name
        self.may_leave_body = operation.method != "GET" and self._body is None
        self._handler = operation.handler
        self._is_awaited = inspect.iscoroutinefunction(operation.handler)
        if self._is_awaited and operation.endpoint.handler_timeout is not None:
            self._handler = limited(operation.handler, operation.endpoint.handler_timeout)
        self._cancels = operation.endpoint.cancel_on_disconnect and self._is_awaited
        self.is_stream = any(output.is_stream for output in outputs)
        self._may_be_whole = not all(output.is_stream for output in outputs)
        self._responses = tuple(output.response for output in outputs if output.response is not None)
        validates = operation.endpoint.validate_items
        self._values = ReturnedValues(operation, is_deep=defaults.validate_items if validates is None else validates)
        self._write = whole_writer(operation, self._values, defaults.encoder)
        self._admission = defaults.admission
        self._streams = StreamResponder(operation, defaults)
        self._open_streams = defaults.streams
        self._sent = defaults.sent
        self._departures = defaults.departures
        self._where = f"{operation.name}.{operation.method.lower()}"

    async def answer(  # noqa: C901 - a branch costs each request less than a call
        self, scope: Scope, slots: dict[str, str], receive: Receive, send: Send
    ) -> None:
        """Answers one request. Raises what fails before the first byte is sent."""
        user: Any = None
        expires_at: float | None = None
        if self._authenticator is not None:  # before the admission: a refused caller takes no place of a stream
            user, expires_at = await self._authenticator.authenticate(scope, slots)
        media_type = None if self._negotiation is None else self._negotiation.choose(accept_header(scope))
        arguments: dict[str, Any] = {}
        if self._binds_more:
            arguments, receive = self._binder.bind(user, scope, slots, receive)
        if self._body is not None:
            arguments[self._body_name] = await self._body.read(scope, receive)
        if not self.is_stream:
            # A coroutine: only streams have handlers that are generators.
            running = self._handler(**arguments) if arguments else self._handler()
            value = await (attended(running, self._watch(scope, receive, send)) if self._cancels else running)
            await send_whole(self._write(value) or await self._refuse(value), scope, send)
            return
        # After a whole body was read: it may never come.
        place = self._admission.admit(user, scope, may_be_whole=self._may_be_whole)
        watch = self._watch(scope, receive, send) if self._cancels else None
        try:
            response: FramedResponse[Any, Any] | StreamPlan | Whole = await self._begin(arguments, media_type, watch)
            if isinstance(response, FramedResponse):
                response = await self._plan(response, scope, expires_at, place)
            if isinstance(response, StreamPlan):
                is_in_memory = source_kind(response.source) is SourceKind.IN_MEMORY
                plan = await answer_if_ready(response, scope, send) if is_in_memory else response
                # This frame lasts as long as the stream, and keeps alive only what the stream needs.
                del user, arguments, response
                if plan is not None:
                    await send_stream(plan, self._open_streams, receive if watch is None else watch.receive, send)
                return
        finally:
            place.release()
            if watch is not None:
                await watch.close()
        await send_whole(response, scope, send)

    async def _plan(
        self, response: FramedResponse[Any, Any], scope: Scope, expires_at: float | None, place: Place
    ) -> StreamPlan | Whole:
        """Returns the plan of a stream, or the headers alone for HEAD. Refuses a source that was used before."""
        if place.is_late:
            await close_unstarted(response.stream)
            raise shutting_down()
        if expires_at is not None:
            await self._check_expiry(response, expires_at)
        if not self._is_awaited:  # a handler that is a generator makes a new one for each request
            return await self._streams.plan(response, scope, expires_at, place)
        self._sent.check(response.stream, self._where)
        plan = await self._streams.plan(response, scope, expires_at, place)
        return self._sent.watched(plan) if isinstance(plan, StreamPlan) and is_iterator(plan.source) else plan

    async def _begin(
        self, arguments: dict[str, Any], media_type: str | None, watch: HandlerWatch | None
    ) -> FramedResponse[Any, Any] | Whole:
        """Calls the handler. Returns the stream in the format that the client accepts, or the whole answer."""
        value: Any = self._handler(**arguments)
        if self._is_awaited:
            value = await (value if watch is None else watch.result_of(value))
        if isinstance(value, SourceResponse):
            if not isinstance(value, self._responses):
                await self._refuse(value)
            response: Any = cast("Any", value)
            # An operation has one kind of stream: with a media type, a `Negotiated`.
            return response if media_type is None else negotiated(response, media_type, self.operation.method)
        if self._takes_source and media_type is not None and not isinstance(value, Response):
            try:
                return negotiated(value, media_type, self.operation.method)
            except TypeError as error:
                raise self._values.error(value) from error
        return self._write(value) or await self._refuse(value)

    def _watch(self, scope: Scope, receive: Receive, send: Send) -> HandlerWatch:
        return HandlerWatch(scope, receive, send, self._departures)

    async def _check_expiry(self, response: FramedResponse[Any, Any], expires_at: float) -> None:
        """Raises `Unauthorized`, and closes the stream, if the credentials have expired while the handler ran."""
        if self._authenticator is not None and expires_at <= time.time():
            await close_unstarted(response.stream)
            raise self._authenticator.expired()

    async def _refuse(self, value: Any) -> NoReturn:
        """Raises `TypeError` for a value that the return annotation does not allow. Closes it if it is a stream."""
        if isinstance(value, SourceResponse):
            await close_unstarted(cast("SourceResponse[Any, Any]", value).stream)
        raise self._values.error(value)


class FormRoute(Route):
    """Answers the requests of an operation that takes a form. Closes its files when the answer or stream is over."""

    async def answer(self, scope: Scope, slots: dict[str, str], receive: Receive, send: Send) -> None:
        """Answers one request. Raises what fails before the first byte is sent."""
        try:
            await super().answer(scope, slots, receive, send)
        finally:
            await close_uploads(scope)
