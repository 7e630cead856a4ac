"""Factories of dependencies: what they make, as far as their annotations say so.

A library writes its annotations for type checkers: some are missing, some can be evaluated only in its own module, some
are type variables. So each annotation is read alone, and only if it is needed.
"""

import inspect
import sys
import types
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final, ForwardRef

import typing_extensions

from jero.annotations import (
    class_of,
    fill,
    function_of,
    is_open,
    name_of,
    read_hints,
    type_arguments,
    unwrapped,
    wiring_error,
)

_YIELDING: Final = (AsyncGenerator, AsyncIterator, AsyncIterable)
_UNKNOWN: Final = object()
_INSTEAD: Final = "Write an async generator that yields it once, async def session() -> AsyncIterator[Session]"
_ANNOTATE: Final = "Write -> AsyncIterator[Session]"
_NAME_IT: Final = "Name the type: as_=Session"


def is_async_generator(factory: Any) -> bool:
    """Returns whether a call of the factory makes an async generator, which is not a context manager yet."""
    return inspect.isasyncgenfunction(function_of(factory))


def required(factory: Any) -> dict[str, inspect.Parameter]:
    """Returns the parameters that must be given: without a default, and neither `*args` nor `**kwargs`."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(factory).parameters.items()
    return {name: found for name, found in parameters if found.default is found.empty and found.kind not in variable}


def parameter_hints(factory: Any, where: str) -> dict[str, Any]:
    """Returns the annotations of the required parameters, by name. Raises `WiringError` as `read_hints`."""
    function = function_of(factory)
    source: Any = vars(function).get("__init__", function) if isinstance(function, type) else function
    return _read(source, set(required(factory)), where)


def entered_type(factory: Any, where: str, *, is_needed: bool) -> Any:
    """Returns the type of what the factory's context manager enters to.

    Returns `None` if the annotations do not say so, and the type is not needed, because `as_` names it. Raises
    `WiringError` if the type is needed, or if the factory makes something else, as far as the annotations say.
    """
    returned = _returned(factory, where, is_needed=is_needed)
    if returned is _UNKNOWN:
        return None
    returned = _filled(returned, factory)
    entered = _yielded(returned) if _is_generator(factory) else _entered(returned, where, is_needed=is_needed)
    if entered is None:
        raise wiring_error(where, f"it returns {name_of(returned)}, which is not an async context manager", _INSTEAD)
    entered = _closed(entered, function_of(factory))
    if is_needed and (entered is _UNKNOWN or is_open(unwrapped(entered)) or entered in (Any, object)):
        raise wiring_error(where, "its annotations do not say what it yields", _NAME_IT)
    return None if entered is _UNKNOWN else entered


def _returned(factory: Any, where: str, *, is_needed: bool) -> Any:
    function = function_of(factory)
    if isinstance(function, type):
        return function
    if inspect.iscoroutinefunction(function):
        raise wiring_error(where, "it is a coroutine function, so it makes no context manager", _INSTEAD)
    try:
        hints = _read(function, {"return"}, where)
    except Exception:
        if is_needed:
            raise
        return _UNKNOWN
    if "return" not in hints and is_needed:
        raise wiring_error(where, "the return annotation is missing", f"{_ANNOTATE}, or name the type: as_=Session")
    return hints.get("return", _UNKNOWN)


def _is_generator(factory: Any) -> bool:
    """Returns whether it is an async generator function, also inside of `@asynccontextmanager`."""
    return inspect.isasyncgenfunction(inspect.unwrap(function_of(factory)))


def _yielded(returned: Any) -> Any:
    """Returns the type of what an async generator yields, or `None` if its annotation does not say that."""
    if class_of(returned) in _YIELDING and typing.get_args(returned):
        return typing.get_args(returned)[0]
    is_manager = class_of(returned) is AbstractAsyncContextManager  # what @asynccontextmanager makes of it
    return typing.get_args(returned)[0] if is_manager else None


def _entered(returned: Any, where: str, *, is_needed: bool) -> Any:
    """Returns the type that a class of context managers enters to, or `None` if it is not such a class."""
    kind = class_of(unwrapped(returned))
    if kind is AbstractAsyncContextManager:
        return next(iter(typing.get_args(returned)), _UNKNOWN)
    bound = getattr(kind, "__bound__", None)
    if bound is not None:  # the type variable of a factory that makes what is its own context manager
        returned = _closed(kind, kind)
        kind = class_of(returned)
    if not hasattr(kind, "__aenter__"):
        return None
    try:
        return _entered_by(kind, returned, where)
    except Exception:
        if is_needed:
            raise
        return _UNKNOWN


def _entered_by(kind: Any, returned: Any, where: str) -> Any:
    """Returns the type that `__aenter__` of the class returns. `returned` is the class with its type arguments."""
    hints = _read(kind.__aenter__, {"return", "self"}, where)
    entered = hints.get("return", _UNKNOWN)
    if class_of(entered) in (Coroutine, Awaitable):
        entered = typing.get_args(entered)[-1]
    if name_of(entered) == "Self" or (is_open(entered) and entered == hints.get("self")):
        return returned
    owner = next(base for base in kind.__mro__ if "__aenter__" in vars(base))
    if entered is _UNKNOWN:
        return entered
    # An argument that is a variable itself, as in Manager[S], is closed later.
    own = getattr(kind, "__parameters__", ()) if owner is kind else ()
    known = dict(zip(own, typing.get_args(returned), strict=False)) | type_arguments(returned, owner)
    entered = fill(entered, known)
    # An argument in quotes, class Connection(Startable["Connection"]), is not evaluated with the others.
    return _evaluated(entered, kind) if isinstance(entered, str | ForwardRef) else entered


def _filled(annotation: Any, factory: Any) -> Any:
    """Returns the annotation with the type arguments of the object that the factory is a method of."""
    owner: Any = getattr(function_of(factory), "__self__", None)
    if owner is None or not is_open(annotation):
        return annotation
    name = getattr(function_of(factory), "__name__", "")
    kind: Any = getattr(owner, "__orig_class__", owner.__class__)
    declaring = next((base for base in class_of(kind).__mro__ if name in vars(base)), None)
    return annotation if declaring is None else fill(annotation, type_arguments(kind, declaring))


def _closed(annotation: Any, declaring: Any) -> Any:
    """Returns the default of a type variable, or else the class of its bound: what is entered is of that in any case.

    A text is evaluated where the variable is defined, or where `declaring` is.
    """
    variable: Any = annotation
    if not isinstance(variable, typing.TypeVar):
        return annotation
    default = getattr(variable, "__default__", None)
    default = None if default in (getattr(typing, "NoDefault", None), typing_extensions.NoDefault) else default
    for place in (variable, declaring):
        with suppress(NameError, AttributeError, SyntaxError, TypeError):
            if default is not None:
                return _evaluated(default, place)
    for place in (variable, declaring):
        with suppress(NameError, AttributeError, SyntaxError, TypeError):
            if variable.__bound__ is not None:
                return class_of(_evaluated(variable.__bound__, place))
    return annotation


def _evaluated(value: Any, place: Any) -> Any:
    """Returns an annotation, evaluated in the module that defines `place`."""
    text = value.__forward_arg__ if isinstance(value, ForwardRef) else value
    holder: Any = types.SimpleNamespace(__annotations__={"value": text})
    namespace = vars(sys.modules.get(place.__module__, types))
    return typing.get_type_hints(holder, globalns=namespace, include_extras=True)["value"]


def _read(function: Callable[..., Any], names: set[str], where: str) -> dict[str, Any]:
    """Returns the annotations with these names. The others are not evaluated."""
    plain: Any = inspect.unwrap(function)
    annotations = getattr(plain, "__annotations__", {})
    if not annotations:
        return {}
    holder: Any = types.FunctionType((lambda: None).__code__, getattr(plain, "__globals__", {}))
    holder.__annotations__ = {name: found for name, found in annotations.items() if name in names}
    holder.__type_params__ = getattr(plain, "__type_params__", ())
    return read_hints(holder, where)
