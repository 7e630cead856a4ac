"""Answers requests whose handling raises: with a problem (RFC 9457), or with what an exception handler returns."""

import asyncio
import inspect
import logging
from collections.abc import Mapping
from typing import Any, Final, cast

from msgspec.json import Encoder

from jero.codec import DEFAULT_ENCODER
from jero.contract.exceptions import Answer, ExceptionHandlers, Handler, handler_name
from jero.contract.problems import Renderer
from jero.dispatch.respond import Whole, send_whole, with_defaults, write_plain, write_response
from jero.dispatch.unread import Exchange
from jero.errors import ClientDisconnected, HTTPError, InternalServerError, Problem, ungrouped
from jero.http.asgi import (
    UNANSWERED,
    HeaderPairs,
    Message,
    Receive,
    Scope,
    Send,
    is_response_start,
    report_error,
    request_line,
)
from jero.http.headers import raw_pairs
from jero.http.path import path_segments
from jero.http.request import NO_SLOTS, Request
from jero.responses.response import Response
from jero.responses.streaming import SourceResponse
from jero.routing import Prefixes
from jero.streaming.source import close_unstarted

logger = logging.getLogger("jero.requests")

# A renderer that returns a text, or bytes, has written the body itself.
_TEXTS: Final = (str, bytes)


class Failures:
    """Answers what a request's handling raised before the response began. `encoder`: for the responses of `handlers`.

    `inside` makes those of one endpoint, whose exception handlers come before these. `renderers`: render the problems
    of all paths below a prefix.
    """

    def __init__(
        self,
        encoder: Encoder = DEFAULT_ENCODER,
        handlers: ExceptionHandlers | None = None,
        renderers: Prefixes[Renderer] | None = None,
    ) -> None:
        self._encoder = encoder
        self.handlers = ExceptionHandlers() if handlers is None else handlers
        self.renderers: Prefixes[Renderer] = Prefixes() if renderers is None else renderers

    def inside(self, handlers: Any, where: str) -> "Failures":
        """Returns the failures of an endpoint or a group with these handlers; if `handlers` is `None`, these failures.

        Raises `WiringError` if `handlers` is not a mapping, or if one of them cannot be a handler.
        """
        if handlers is None:
            return self
        own = ExceptionHandlers(outer=self.handlers)
        own.add_all(handlers, where)
        return Failures(self._encoder, own, self.renderers)

    def without_handlers(self) -> "Failures":
        """Returns failures that have the renderers alone: what exception handlers need may be closed, or not open."""
        return Failures(self._encoder, None, self.renderers)

    async def answer(self, raised: Exception, scope: Scope, send: Send, slots: Mapping[str, str] = NO_SLOTS) -> None:
        """Sends what the exception's handler returns, or the exception's problem.

        An unexpected exception that is answered with 500 is logged. If the handler fails, or its response cannot be
        sent, both exceptions are logged and a 500 is sent. A client that has left is not answered. A group of
        exceptions without a handler of its own is answered as the exception inside. `slots`: those of the path, for
        a handler that takes the request.
        """
        error: Exception = raised if self.handlers.has_group_handler(type(raised)) else ungrouped(raised)
        if isinstance(error, ClientDisconnected):
            scope[UNANSWERED] = True
            logger.debug("%s: %s", request_line(scope), error)
            return
        # The problem of an HTTPError says everything, unless its handler should have answered.
        needs_log = not isinstance(error, HTTPError) or self.handlers.find(type(error)) is not None
        try:
            answer = await self._answer(error, scope, slots)
            whole = await self._write(answer, scope, slots)
            if _status(answer) == 500 and not isinstance(error, HTTPError):
                _log(raised, scope)
                needs_log = False
            await send_whole(whole, scope, send)
        except BaseException as failure:
            if needs_log:
                _log(raised, scope)
            _log(answerable(failure), scope)
            await send_whole(await self._write(InternalServerError(), scope, slots), scope, send)

    async def refuse(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request of which nothing was read, or a websocket that is not accepted."""
        if scope["type"] == "http":
            exchange = Exchange(scope, receive, send)
            await self.answer(error, scope, exchange.send)
            await exchange.finish()
        elif scope["type"] == "websocket":
            # Its handshake is a GET (RFC 6455, section 4.1).
            await self.answer(error, {**scope, "method": "GET"}, _denying(scope, send))
        else:
            _log(error, scope)

    async def _answer(self, error: Exception, scope: Scope, slots: Mapping[str, str]) -> Answer:
        """Returns the answer of the exception's handler. Without a handler, an `HTTPError` is its own answer.

        Every other exception without a handler becomes an `InternalServerError`. A handler may return an `HTTPError`.
        These two are given to their own handlers, if there are any. Each handler is called at most once: if a handler
        of the endpoint returns the error that it was given, the application's handler is next. Raises what a handler
        raises, unless that is an `HTTPError`.
        """
        called: list[Handler] = []  # not a set: a handler may have no hash
        while True:
            handler = self.handlers.find(type(error), called)
            if handler is not None:
                called.append(handler)
                answer = await _call(handler, error, Request(scope, slots) if handler.takes_request else None)
                if not isinstance(answer, HTTPError):
                    return answer
                error = answer
            elif isinstance(error, HTTPError):
                return error
            else:
                error = InternalServerError()

    async def _write(self, answer: Answer, scope: Scope, slots: Mapping[str, str]) -> Whole:
        """Writes an answer. Whatever the renderer of the path's problems raises is logged, and changes no status."""
        if not isinstance(answer, HTTPError):
            return write_response(answer, self._encoder)
        problem = answer.problem()
        own = [pair for pair in raw_pairs(answer.headers) if pair[0] != b"content-length"]
        found = self.renderers.find(path_segments(scope))
        if found is not None:
            try:
                return await self._render(found.route, problem, own, Request(scope, {**found.slots, **slots}))
            except BaseException as failure:
                _log(answerable(failure), scope)
        body = DEFAULT_ENCODER.encode(problem)
        if not any(name == b"content-type" for name, _ in own):
            own.append((b"content-type", b"application/problem+json"))
        return problem.status, with_defaults(own, [(b"content-length", b"%d" % len(body))]), body

    async def _render(self, renderer: Renderer, problem: Problem, own: HeaderPairs, request: Request) -> Whole:
        """Writes a problem in the shape of a renderer. `own`: the headers of the error, which the answer has, too."""
        function: Any = renderer.function
        returned: Any = function(problem, request) if renderer.takes_request else function(problem)
        value: Any = await returned if inspect.isawaitable(returned) else returned
        if isinstance(value, SourceResponse):
            await close_unstarted(cast("SourceResponse[Any, Any]", value).stream)
        if value is None or isinstance(value, SourceResponse | HTTPError):
            name, kind = handler_name(function), type(cast("object", value)).__name__
            raise TypeError(f"{name}, which renders problems, returned {kind}. Return a Struct or a whole response.")
        if isinstance(value, Response):
            status, headers, body = write_response(cast("Response[Any]", value), self._encoder)
        else:
            _, headers, body = write_plain(value, _TEXTS, self._encoder)
            status = problem.status
        return status, with_defaults(headers, [pair for pair in own if pair[0] != b"content-type"]), body


def _status(answer: Answer) -> int:
    return answer.status if isinstance(answer, HTTPError) else answer.status_code


def _denying(scope: Scope, send: Send) -> Send:
    """Returns a `send` for the answer to the handshake of a websocket (ASGI Websocket Denial Response).

    If the server lacks that extension, it sends a 403 of its own, and only the code of the close says more.
    """
    has_response = "websocket.http.response" in (scope.get("extensions") or {})

    async def deny(message: Message) -> None:
        if has_response:
            await send({**message, "type": f"websocket.{message['type']}"})
        elif is_response_start(message):
            await send({"type": "websocket.close", "code": 1011 if message["status"] >= 500 else 1008})

    return deny


def answerable(error: BaseException) -> Exception:
    """Returns the exception to answer a request with, for what the application's code has raised.

    Raises `error` again if it ends the program, or if it cancels the request. A `CancelledError` that nobody has asked
    for, as of a task that somebody else has cancelled, is a failure like any other.
    """
    if isinstance(error, Exception):
        return error
    try:
        if _is_order(error):
            raise error
        unexpected = RuntimeError(f"{type(error).__name__} was raised, but nobody has cancelled the request")
        unexpected.__cause__ = error
        return unexpected
    finally:
        del error  # its traceback refers to this frame


def _is_order(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[Any]", error)
        return any(_is_order(member) for member in group.exceptions)
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, SystemExit | KeyboardInterrupt | GeneratorExit)


async def _call(handler: Handler, error: Exception, request: Request | None) -> Answer:
    function: Any = handler.function
    try:
        returned: Any = function(error) if request is None else function(error, request)
        answer: object = await returned if inspect.isawaitable(returned) else returned
    except HTTPError as raised:
        return raised
    if isinstance(answer, SourceResponse):
        await close_unstarted(cast("SourceResponse[Any, Any]", answer).stream)
    elif isinstance(answer, Response | HTTPError):
        return cast("Answer", answer)
    returned_type = type(cast("object", answer)).__name__
    raise TypeError(
        f"{handler_name(function)}, the handler of {type(error).__name__}, returned {returned_type}. "
        "Return a response with a whole body, or an HTTPError."
    )


def _log(error: Exception, scope: Scope) -> None:
    report_error(scope, error)
    logger.error("%s failed", request_line(scope), exc_info=error)
