"""What an application answers in place of the exceptions that are its own.

What went wrong, as a problem (RFC 9457); what nobody foresaw, as a logged 500.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar, cast

from msgspec.json import Encoder

from jero.annotations import wiring_error
from jero.codec import DEFAULT_ENCODER
from jero.dispatch.respond import send_response, send_whole
from jero.errors import ClientDisconnected, HTTPError, InternalServerError, Problem
from jero.http.asgi import Scope, Send
from jero.http.headers import raw_pairs
from jero.responses.response import Response
from jero.responses.streaming import FramedResponse
from jero.responses.whole import BytesResponse, JSONResponse, NoContent, TextResponse
from jero.streaming.source import close_unstarted

E = TypeVar("E", bound=Exception)

Answer: TypeAlias = JSONResponse[Any, Any] | TextResponse[Any] | BytesResponse[Any] | NoContent[Any] | HTTPError
ExceptionHandler: TypeAlias = Callable[[E], Answer | Awaitable[Answer]]

_WHERE = "_include_exception_handler"


class ExceptionHandlers:
    """A handler a class of exceptions; for an exception, that of the class nearest to its own is taken."""

    def __init__(self) -> None:
        self._handlers: dict[type, ExceptionHandler[Any]] = {}

    def add(self, exception: type[E], handler: ExceptionHandler[E]) -> None:
        """Raises `WiringError` for what is no exception, or has its handler, and for a handler that cannot be one."""
        given: Any = exception
        if not isinstance(given, type) or not issubclass(given, BaseException):
            raise wiring_error(_WHERE, f"{given!r} is no class of exceptions", "Give a subclass of Exception")
        if not issubclass(given, Exception):
            raise wiring_error(
                _WHERE,
                f"{given.__name__} is an order to end and never an answer",
                "Give a subclass of Exception",
            )
        if given in self._handlers:
            raise wiring_error(_WHERE, f"{given.__name__} has a handler already", "Include one of them")
        if not _takes_one(handler):
            raise wiring_error(
                _WHERE,
                f"the handler of {given.__name__}, {_name(handler)}, does not take one argument",
                "Give a function of the exception alone",
            )
        self._handlers[given] = handler

    def has(self, error: Exception) -> bool:
        """Whether there is a handler for it."""
        return self._find(error) is not None

    async def answer(self, error: Exception) -> Answer:
        """The answer to an exception: an `HTTPError` is one itself, and any other than these is a 500.

        An `HTTPError` that a handler gives, or the 500, goes to its own handler next; each is called once at most.
        Raises what a handler raises, but for an `HTTPError`, and `TypeError` for one that gives something else.
        """
        called: set[ExceptionHandler[Any]] = set()
        while True:
            handler = self._find(error)
            if handler is None or handler in called:
                if isinstance(error, HTTPError):
                    return error
                error = InternalServerError()
                continue
            called.add(handler)
            answer = await _call(handler, error)
            if not isinstance(answer, HTTPError):
                return answer
            error = answer

    def _find(self, error: Exception) -> ExceptionHandler[Any] | None:
        for kind in type(error).__mro__:
            if kind in self._handlers:
                return self._handlers[kind]
            if kind is HTTPError:  # a handler of all exceptions is for those that nobody foresaw
                return None
        return None


async def _call(handler: ExceptionHandler[Any], error: Exception) -> Answer:
    try:
        given: Any = handler(error)
        answer: object = await given if inspect.isawaitable(given) else given
    except HTTPError as raised:
        return raised
    if isinstance(answer, FramedResponse):
        await close_unstarted(cast("FramedResponse[Any, Any]", answer).stream)
    elif isinstance(answer, Response | HTTPError):
        return cast("Answer", answer)
    raise TypeError(
        f"{_name(handler)}, the handler of {type(error).__name__}, gave {type(cast('object', answer)).__name__}; "
        "it gives a response with a whole body, or an HTTPError."
    )


def _takes_one(handler: Any) -> bool:
    if not callable(handler):
        return False
    try:
        inspect.signature(handler).bind(None)
    except TypeError:
        return False
    except ValueError:  # a callable that shows no signature
        return True
    return True


def _name(handler: Any) -> str:
    return getattr(handler, "__qualname__", repr(handler))


logger = logging.getLogger("jero.requests")


def problem_of(error: BaseException) -> Problem:
    """What the client is told of an exception: of an unexpected one, nothing of its own."""
    return (error if isinstance(error, HTTPError) else InternalServerError()).problem()


class Failures:
    """Answers the requests whose handling raised before anything was sent."""

    def __init__(self, handlers: ExceptionHandlers, encoder: Encoder = DEFAULT_ENCODER) -> None:
        self._handlers = handlers
        self._encoder = encoder

    async def answer(self, error: Exception, scope: Scope, send: Send) -> None:
        """Sends what the exception's handler says, or its problem. What is answered with 500 is logged, unless it
        was raised as an `HTTPError`; a handler that fails is logged as well.
        """
        if isinstance(error, ClientDisconnected):
            logger.debug("%s %s: %s", scope["method"], scope["path"], error)
            return
        request = f"{scope['method']} {scope['path']}"
        is_unhandled_problem = isinstance(error, HTTPError) and not self._handlers.has(error)
        try:
            answer = await self._handlers.answer(error)
        except Exception as failure:
            _log(request, error, failure)
            answer, is_logged = InternalServerError(), True
        else:
            is_logged = _status(answer) == 500 and not isinstance(error, HTTPError)
            if is_logged:
                _log(request, error)
        try:
            await self._send(answer, scope, send)
        except Exception as failure:
            _log(request, *(() if is_logged or is_unhandled_problem else (error,)), failure)
            await self._send(InternalServerError(), scope, send)

    async def refuse(self, error: Exception, scope: Scope, send: Send) -> None:
        """Answers whatever it is that the application cannot take in."""
        if scope["type"] == "http":
            await self.answer(error, scope, send)
            return
        logger.error("%s %s failed", scope["type"], scope.get("path", ""), exc_info=error)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1011})

    async def _send(self, answer: Answer, scope: Scope, send: Send) -> None:
        if not isinstance(answer, HTTPError):
            await send_response(answer, scope, send, self._encoder)
            return
        body = DEFAULT_ENCODER.encode(answer.problem())
        headers = [*raw_pairs(answer.headers), (b"content-type", b"application/problem+json")]
        await send_whole(answer.status, headers, body, scope, send)


def _status(answer: Answer) -> int:
    return answer.status if isinstance(answer, HTTPError) else answer.status_code


def _log(request: str, *errors: Exception) -> None:
    for error in errors:
        logger.error("%s failed", request, exc_info=error)
