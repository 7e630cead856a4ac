"""Answers requests whose handling raises: with a problem (RFC 9457), or with what an exception handler returns."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias, TypeVar, cast

from msgspec.json import Encoder

from jero.annotations import wiring_error
from jero.codec import DEFAULT_ENCODER
from jero.dispatch.respond import Whole, send_whole, with_defaults, write_response
from jero.errors import ClientDisconnected, HTTPError, InternalServerError, Problem
from jero.http.asgi import Scope, Send, report_error, request_line
from jero.http.headers import raw_pairs
from jero.responses.response import Response
from jero.responses.streaming import FramedResponse
from jero.responses.whole import BytesResponse, JSONResponse, NoContent, TextResponse
from jero.streaming.source import close_unstarted

logger = logging.getLogger("jero.requests")

E = TypeVar("E", bound=Exception)

Answer: TypeAlias = JSONResponse[Any, Any] | TextResponse[Any] | BytesResponse[Any] | NoContent[Any] | HTTPError
ExceptionHandler: TypeAlias = Callable[[E], Answer | Awaitable[Answer]]

_WHERE = "_include_exception_handler"


class Failures:
    """Answers what a request's handling raised before the response began. `encoder`: for the responses of handlers."""

    def __init__(self, encoder: Encoder = DEFAULT_ENCODER) -> None:
        self._encoder = encoder
        self._handlers: dict[type, ExceptionHandler[Any]] = {}

    def add(self, exception: type[E], handler: ExceptionHandler[E]) -> None:
        """Answers exceptions of this class with what the handler returns.

        Raises `WiringError` if `exception` is not a subclass of `Exception` or has a handler already, or if the handler
        cannot be called with one argument.
        """
        given: Any = exception
        if not isinstance(given, type) or not issubclass(given, BaseException):
            raise wiring_error(_WHERE, f"{given!r} is not an exception class", "Give a subclass of Exception")
        name = given.__name__
        if not issubclass(given, Exception):
            raise wiring_error(
                _WHERE, f"{name} ends a task or the program: no response is sent", "Give a subclass of Exception"
            )
        if given in self._handlers:
            raise wiring_error(_WHERE, f"{name} has a handler already", "Include one of the two")
        if call_fault(handler, None) is not None:
            raise wiring_error(
                _WHERE,
                f"the handler of {name}, {_name(handler)}, does not take one argument",
                "Give a function that takes the exception and nothing else",
            )
        self._handlers[given] = handler

    async def answer(self, raised: Exception, scope: Scope, send: Send) -> None:
        """Sends what the exception's handler returns, or the exception's problem.

        An unexpected exception that is answered with 500 is logged. If the handler fails, or its response cannot be
        sent, both exceptions are logged and a 500 is sent. A client that has left is not answered. A group of
        exceptions without a handler of its own is answered as the exception inside.
        """
        error: Exception = raised if self._has_group_handler(raised) else ungrouped(raised)
        if isinstance(error, ClientDisconnected):
            logger.debug("%s: %s", request_line(scope), error)
            return
        # The problem of an HTTPError says everything, unless its handler should have answered.
        needs_log = not isinstance(error, HTTPError) or self._find(error) is not None
        try:
            status, headers, body = self._write(await self._answer(error))
            if status == 500 and not isinstance(error, HTTPError):
                _log(raised, scope)
                needs_log = False
            await send_whole((status, headers, body), scope, send)
        except BaseException as failure:
            if needs_log:
                _log(raised, scope)
            _log(answerable(failure), scope)
            await send_whole(self._write(InternalServerError()), scope, send)

    async def refuse(self, error: Exception, scope: Scope, send: Send) -> None:
        """Answers a request or a websocket that comes while the application cannot serve."""
        if scope["type"] == "http":
            await self.answer(error, scope, send)
            return
        logger.error("%s failed", request_line(scope), exc_info=error)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1011})

    def _has_group_handler(self, error: BaseException) -> bool:
        kinds: list[type[Any]] = type(error).mro()
        return any(issubclass(kind, BaseExceptionGroup) and kind in self._handlers for kind in kinds)

    def _find(self, error: Exception) -> ExceptionHandler[Any] | None:
        """Returns the handler of the nearest class. A handler of `Exception` is only for unexpected exceptions."""
        for kind in type(error).__mro__:
            if kind in self._handlers:
                return self._handlers[kind]
            if kind is HTTPError:
                return None
        return None

    async def _answer(self, error: Exception) -> Answer:
        """Returns the answer of the exception's handler. Without a handler, an `HTTPError` is its own answer.

        Every other exception without a handler becomes an `InternalServerError`. A handler may return an `HTTPError`.
        These two are given to their own handlers, if there are any. Each handler is called at most once. Raises what
        a handler raises, unless that is an `HTTPError`.
        """
        called: set[ExceptionHandler[Any]] = set()
        while True:
            handler = self._find(error)
            if handler is not None and handler not in called:
                called.add(handler)
                answer = await _call(handler, error)
                if not isinstance(answer, HTTPError):
                    return answer
                error = answer
            elif isinstance(error, HTTPError):
                return error
            else:
                error = InternalServerError()

    def _write(self, answer: Answer) -> Whole:
        if not isinstance(answer, HTTPError):
            return write_response(answer, self._encoder)
        body = DEFAULT_ENCODER.encode(answer.problem())
        own = [pair for pair in raw_pairs(answer.headers) if pair[0] != b"content-length"]
        if not any(name == b"content-type" for name, _ in own):
            own.append((b"content-type", b"application/problem+json"))
        return answer.status, with_defaults(own, [(b"content-length", b"%d" % len(body))]), body


def problem_of(error: BaseException) -> Problem:
    """Returns the problem to send for an exception. Nothing of an unexpected exception is in its problem."""
    error = ungrouped(error)
    return (error if isinstance(error, HTTPError) else InternalServerError()).problem()


def ungrouped(error: Any) -> Any:
    """Returns the exception to answer instead of a group (PEP 654). Returns any other exception unchanged.

    It is the only exception inside the group, or the first if each is an `HTTPError`. Otherwise it is the group.
    """
    if not isinstance(error, ExceptionGroup):
        return error
    inside = list(_leaves(cast("ExceptionGroup[Any]", error)))
    is_same = len(inside) == 1 or all(isinstance(member, HTTPError) for member in inside)
    return inside[0] if is_same else cast("Exception", error)


def _leaves(group: ExceptionGroup[Any]) -> Iterator[Any]:
    waiting: list[Any] = [group]
    while waiting:
        error = waiting.pop()
        if isinstance(error, ExceptionGroup):
            waiting.extend(reversed(cast("ExceptionGroup[Any]", error).exceptions))
        else:
            yield error


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


def call_fault(function: Any, /, *arguments: Any, **options: Any) -> str | None:
    """Returns why `function` cannot be called with these arguments, or `None` if its signature allows them."""
    if not callable(function):
        return "it is not callable"
    try:
        inspect.signature(function).bind(*arguments, **options)
    except TypeError as error:
        return str(error)
    except ValueError:  # some callables show no signature
        return None
    return None


async def _call(handler: ExceptionHandler[Any], error: Exception) -> Answer:
    try:
        returned: Any = handler(error)
        answer: object = await returned if inspect.isawaitable(returned) else returned
    except HTTPError as raised:
        return raised
    if isinstance(answer, FramedResponse):
        await close_unstarted(cast("FramedResponse[Any, Any]", answer).stream)
    elif isinstance(answer, Response | HTTPError):
        return cast("Answer", answer)
    raise TypeError(
        f"{_name(handler)}, the handler of {type(error).__name__}, returned {type(cast('object', answer)).__name__}. "
        "Return a response with a whole body, or an HTTPError."
    )


def _name(handler: Any) -> str:
    return getattr(handler, "__qualname__", repr(handler))


def _log(error: Exception, scope: Scope) -> None:
    report_error(scope, error)
    logger.error("%s failed", request_line(scope), exc_info=error)
