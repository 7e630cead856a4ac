"""What an application answers in place of the exceptions that are its own."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar, cast

from jero.contract.annotations import wiring_error
from jero.errors import HTTPError, InternalServerError
from jero.responses.base import Response
from jero.responses.buffered import BytesResponse, JSONResponse, NoContent, TextResponse
from jero.responses.streaming import FramedResponse
from jero.streaming.source import discard

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
        await discard(cast("FramedResponse[Any, Any]", answer).stream)
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
