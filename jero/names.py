"""Finds the names that a class misspells, and its methods that cannot be called, before anything fails in silence."""

import difflib
import inspect
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType, NoneType
from typing import Any, Final, cast

from jero.annotations import parameter_text, wiring_error

# How alike two names are, from 0 to 1: "taggs" and "tags" 0.89, "max_body_size" and "max_body_bytes" 0.74. Short names
# must be more alike than long ones.
_ALIKE: Final = 0.81
_LONG_ALIKE: Final = 0.72
_LONG: Final = 8
# The arguments of handlers, which are bound by their names.
_BOUND: Final = frozenset(
    {"path", "params", "headers", "cookies", "json", "items", "content", "form", "user", "request"}
)


def own_functions(owner: type) -> Iterator[tuple[str, FunctionType]]:
    """Yields the methods that the body of the class defines, by name. Static methods and class methods are left out."""
    for name, member in list(vars(owner).items()):
        if isinstance(member, FunctionType) and not name.startswith("__"):
            yield name, member


def own_values(owner: type) -> Iterator[tuple[str, Any]]:
    """Yields the attributes of the class body that are neither methods nor descriptors, such as properties."""
    for name, member in list(vars(owner).items()):
        if (
            not name.startswith("__")
            and not callable(member)
            and not inspect.ismethoddescriptor(member)
            and not inspect.isdatadescriptor(member)
        ):
            yield name, member


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the name in `known` that `name` seems to mean, or `None`. Underscores around it and case do not count."""
    by_plain = {_plain(candidate): candidate for candidate in known}
    alike = _ALIKE if len(_plain(name)) < _LONG else _LONG_ALIKE
    found = difflib.get_close_matches(_plain(name), by_plain, 1, alike)
    return by_plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.strip("_").lower()


def is_one_edit_away(name: str, other: str) -> bool:
    """Returns whether one letter more, less or changed, or two that are swapped, make `other` of `name`."""
    at = next(
        (at for at, (one, two) in enumerate(zip(name, other, strict=False)) if one != two), min(len(name), len(other))
    )
    rest, other_rest = name[at:], other[at:]
    swapped = rest[1:2] + rest[:1] + rest[2:]
    return name != other and (
        rest[1:] == other_rest[1:] or rest == other_rest[1:] or rest[1:] == other_rest or swapped == other_rest
    )


def check_self(name: str, function: FunctionType, where: str) -> None:
    """Raises `WiringError` if the method does not take `self`: it takes no argument, or begins with a handler's."""
    parameters = list(inspect.signature(function).parameters.values())
    first = parameters[0] if parameters else None
    if first is not None and not _is_argument(first):
        return
    found = "it takes no argument" if first is None else f"its first argument is {first.name!r}"
    others = ", ".join(["self", *map(parameter_text, parameters)])
    kind = "async def" if inspect.iscoroutinefunction(function) else "def"
    raise wiring_error(where, f"{found}, but a method gets self first", f"Write {kind} {name}({others})")


def _is_argument(first: inspect.Parameter) -> bool:
    """Returns whether the first parameter is one of a request: by its name, or since it has an annotation.

    `*args` of a decorator get self, too.
    """
    if first.kind is first.VAR_POSITIONAL:
        return False
    is_annotated = first.annotation is not first.empty and first.name.strip("_") not in ("self", "this", "")
    return first.name in _BOUND or first.kind is first.KEYWORD_ONLY or is_annotated


def could_be_handler(function: FunctionType) -> bool:
    """Returns whether the method could be a handler: it waits or yields, and takes only what a handler takes."""
    is_handler = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    names = list(inspect.signature(function).parameters)
    return (is_handler or inspect.isgeneratorfunction(function)) and set(names[1:]) <= _BOUND


def is_surely_sync(function: Callable[..., Any]) -> bool:
    """Returns whether a call of the function never returns an awaitable, as far as its declaration says."""
    if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__"):
        return False
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return True
    returned = function.__annotations__.get("return", Any)
    return not inspect.iscoroutinefunction(function) and returned in (None, NoneType, "None")


def check_value(name: str, value: Any, allowed: Mapping[str, tuple[tuple[type, ...], str]], where: str) -> None:
    """Raises `WiringError` if the setting has a type that is not allowed. `allowed`: the types, and what to write."""
    types, instead = allowed.get(name, ((), ""))
    if not types or (isinstance(value, types) and not (isinstance(value, bool) and bool not in types)):
        return
    kind = type(cast("object", value)).__name__
    found = f"the class {value.__name__}" if isinstance(value, type) else f"of type {kind}: {value!r}"
    raise wiring_error(where, f"{name} is {found}", instead)


def annotated_fields(owner: type) -> frozenset[str]:
    """Returns the names that the class annotates as attributes of its instances, as the fields of a dataclass."""
    try:
        annotations = inspect.get_annotations(owner)
    except NameError:  # evaluated late, since Python 3.14: a name is not defined yet
        return frozenset(vars(owner))
    return frozenset(name for name, annotation in annotations.items() if not _is_class_variable(annotation))


def _is_class_variable(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.removeprefix("typing.").startswith("ClassVar")
    return annotation is typing.ClassVar or typing.get_origin(annotation) is typing.ClassVar


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
