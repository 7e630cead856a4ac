"""What the type variables of a generic base stand for in a subclass."""

import typing
from typing import Any, TypeVar


def type_arguments(annotation: Any, owner: type) -> dict[Any, Any]:
    """The type variables of the class `owner`, with what they are in `annotation`: `owner` with type arguments, or a
    subclass of it, with or without. What is left open is left out.
    """
    origin: Any = typing.get_origin(annotation) or annotation
    known = dict(zip(getattr(origin, "__parameters__", ()), typing.get_args(annotation), strict=False))
    if origin is owner:
        return {variable: argument for variable, argument in known.items() if not _is_open(argument)}
    for base in origin.__dict__.get("__orig_bases__", origin.__bases__):
        if issubclass(typing.get_origin(base) or base, owner):
            return type_arguments(_filled(base, known), owner)
    return {}


def _filled(base: Any, known: dict[Any, Any]) -> Any:
    variables = _open_variables(base)
    return base[tuple(known.get(variable, variable) for variable in variables)] if variables else base


def _is_open(argument: Any) -> bool:
    return isinstance(argument, TypeVar) or bool(_open_variables(argument))


def _open_variables(annotation: Any) -> tuple[Any, ...]:
    """Those in its type arguments; a class without any has none."""
    return () if isinstance(annotation, type) else getattr(annotation, "__parameters__", ())
