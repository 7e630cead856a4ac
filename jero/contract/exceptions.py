"""Exception handlers: what can be one, which of them answers an exception, and what its annotation says of the answer.

The handlers of an endpoint are a layer inside those of the application. Each layer is searched by the classes that the
exception inherits from. The application's handlers come after those of the endpoint, even if their classes are nearer.
"""

import inspect
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Any, Final, TypeAlias, TypeVar, cast

from msgspec import Struct

from jero.annotations import class_of, function_of, is_open, name_of, read_hints, union_members, unwrapped, wiring_error
from jero.contract.outputs import Output, read_response
from jero.errors import HTTPError, WiringError
from jero.http.request import Request
from jero.names import call_fault
from jero.responses.response import Response
from jero.responses.whole import BytesResponse, JSONResponse, NoContent, Redirect, TextResponse

E = TypeVar("E", bound=Exception)

Answer: TypeAlias = (
    JSONResponse[Any, Any] | TextResponse[Any] | BytesResponse[Any] | NoContent[Any] | Redirect[Any] | HTTPError
)
"""What an exception handler returns."""

ExceptionHandler: TypeAlias = (
    Callable[[E], Answer | Awaitable[Answer]] | Callable[[E, Request], Answer | Awaitable[Answer]]
)
"""A function of an exception, or of an exception and the request, which may be `async def`."""

WHOLE: Final[tuple[Any, ...]] = (JSONResponse, TextResponse, BytesResponse, NoContent, Redirect)


class Handler(Struct, frozen=True):
    """An exception handler, read at startup. `takes_request`: it is called with the request, too."""

    function: ExceptionHandler[Any]
    takes_request: bool


class ExceptionHandlers:
    """The handlers of an application, or of an endpoint, by class. `outer`: those that are searched after these.

    `layers`: all of them, the innermost first.
    """

    def __init__(self, outer: "ExceptionHandlers | None" = None) -> None:
        self._handlers: dict[type, Handler] = {}
        self.layers: tuple[Mapping[type, Handler], ...]
        self.layers = (self._handlers, *(() if outer is None else outer.layers))

    def add(self, exception: Any, handler: ExceptionHandler[Any], where: str) -> None:
        """Adds a handler. `where` names the call in messages.

        Raises `WiringError` if `exception` is not a subclass of `Exception` or has a handler already, or if the handler
        cannot be called with the exception, nor with the exception and the request.
        """
        if not isinstance(exception, type) or not issubclass(exception, BaseException):
            raise wiring_error(where, f"{_named(exception)} is not an exception class", "Give a subclass of Exception")
        name = exception.__name__
        if not issubclass(exception, Exception):
            raise wiring_error(
                where, f"{name} ends a task or the program: no response is sent", "Give a subclass of Exception"
            )
        if exception in self._handlers:
            raise wiring_error(where, f"{name} has a handler already", "Include one of the two")
        if not callable(cast("object", handler)):
            found = f"the handler of {name} is of type {type(cast('object', handler)).__name__}, which is not callable"
            raise wiring_error(where, found, "Give the function itself, without parentheses")
        with_request = takes_request(handler)
        if not with_request and call_fault(handler, None) is not None:
            raise wiring_error(
                where,
                f"the handler of {name}, {handler_name(handler)}, does not take the exception as its first argument",
                "Give a function that takes the exception, or the exception and then the request",
            )
        self._handlers[exception] = Handler(handler, with_request)

    def add_all(self, handlers: Any, where: str) -> None:
        """Adds the handlers of a mapping. Raises `WiringError` as `add` does, and if it is not a mapping."""
        if not isinstance(handlers, Mapping):
            found = f"exception_handlers is of type {type(handlers).__name__}, and not a mapping"
            raise wiring_error(where, found, "Write exception_handlers={SomeError: handler}")
        for exception, handler in cast("Mapping[Any, Any]", handlers).items():
            self.add(exception, handler, where)

    def find(self, exception: type[BaseException], called: Collection[Handler] = ()) -> Handler | None:
        """Returns the handler of the class that is nearest to `exception`, of the innermost layer that has one.

        A handler of `Exception` is only for unexpected exceptions. If the handler of a layer is one of those that were
        `called`, the next layer is searched.
        """
        for handlers in self.layers:
            handler = _nearest(exception, handlers)
            if handler is not None and handler not in called:
                return handler
        return None

    def has_group_handler(self, exception: type[BaseException]) -> bool:
        """Returns whether an exception group of this class has a handler of groups."""
        kinds: list[type[Any]] = exception.mro()
        return any(
            issubclass(kind, BaseExceptionGroup) and kind in handlers for handlers in self.layers for kind in kinds
        )


def _named(found: Any) -> str:
    if isinstance(found, type) or inspect.isroutine(found):
        return name_of(found) if isinstance(found, type) else found.__name__
    return repr(found)


def takes_request(handler: Any) -> bool:
    """Returns whether the handler is called with the request: its second parameter is called so, or is required.

    Returns `False` if the first parameter is the request, which other frameworks pass first.
    """
    try:
        first = next(iter(inspect.signature(handler).parameters), None)
    except (TypeError, ValueError):  # it is not callable, or shows no signature
        return False
    if first == "request" or call_fault(handler, None, None) is not None:
        return False
    return call_fault(handler, None) is not None or call_fault(handler, None, request=None) is None


def _nearest(exception: type[BaseException], handlers: Mapping[type, Handler]) -> Handler | None:
    for kind in exception.__mro__:
        if kind in handlers:
            return handlers[kind]
        if kind is HTTPError:
            return None
    return None


def handler_name(handler: Any) -> str:
    """Returns the name of a handler, for messages."""
    return getattr(handler, "__qualname__", repr(handler))


def read_answers(handler: Any) -> tuple[Output | None, ...]:
    """Returns the kinds of response that the handler's return annotation names, `None` for a problem (an `HTTPError`).

    Returns nothing unless the annotation says what the body is.
    """
    try:
        hints = read_hints(function_of(handler), handler_name(handler))
        return tuple(_answers(hints.get("return"), handler_name(handler)))
    except WiringError:
        return ()


def _answers(annotation: Any, where: str) -> Iterator[Output | None]:
    for member in union_members(annotation):
        bare = unwrapped(member)
        origin = class_of(bare)
        if isinstance(origin, type) and issubclass(origin, HTTPError):
            yield None
        elif isinstance(origin, type) and issubclass(origin, WHOLE) and not is_open(bare):
            yield read_response(bare, cast("type[Response[Any]]", origin), where)
