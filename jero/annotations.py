"""Annotations taken apart, and what msgspec can make of them.

What the type variables of a generic base stand for in a subclass.
"""

import re
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import Struct
from msgspec.inspect import (
    AnyType,
    BoolType,
    CustomType,
    DataclassType,
    DictType,
    Field,
    FloatType,
    FrozenSetType,
    IntType,
    ListType,
    NamedTupleType,
    NoneType,
    RawType,
    SetType,
    StructType,
    TupleType,
    Type,
    TypedDictType,
    VarTupleType,
)

from jero.codec import json_decoder
from jero.errors import WiringError

_DEFAULTS: Final = ("default", "default_factory")
# The key of a JSON object is text: msgspec writes text, numbers, dates and the like as it, and none of these.
_NO_KEYS: Final = (
    BoolType,
    DataclassType,
    DictType,
    FrozenSetType,
    ListType,
    NamedTupleType,
    NoneType,
    SetType,
    StructType,
    TupleType,
    TypedDictType,
    VarTupleType,
)

_MODULES: Final = re.compile(r"(?<![\w'\".])(?:[A-Za-z_][\w<>]*\.(?:<locals>\.)?)+")


def wiring_error(where: str, found: str, instead: str) -> WiringError:
    """A refusal as a whole sentence: the place, what stands there, what to write in its stead."""
    return WiringError(f"{where}: {found}. {instead}.")


def name_of(annotation: Any) -> str:
    """An annotation as its user wrote it, near enough to be found again."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return _MODULES.sub("", str(annotation))


def is_struct(annotation: Any) -> bool:
    """Whether it is a Struct class, or a parametrized generic one."""
    origin = typing.get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Struct)


def union_members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; anything else is its own only member."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def union_of(members: Iterable[Any]) -> Any:
    """The union of at least one member."""
    first, *others = members
    union: Any = first
    for member in others:
        union = union | member
    return union


def check_type(annotation: Any, where: str, *, allow_custom: bool = False) -> None:
    """Refuses what msgspec has no JSON for: a foreign class, unless a hook takes care of it; an untagged union.

    Raises `WiringError`.
    """
    try:
        info = msgspec.inspect.type_info(annotation)
        json_decoder(annotation)
    except (TypeError, NameError) as error:
        raise wiring_error(where, f"msgspec cannot use {name_of(annotation)}: {error}", "Mend that type") from error
    found = next(_without_json(info, allow_custom=allow_custom), None)
    if found is not None:
        raise wiring_error(
            where,
            f"msgspec has no JSON for {found}" + ("" if found == name_of(annotation) else f" in {name_of(annotation)}"),
            "Use a Struct or another type that it knows, or give the application an encoder with an enc_hook",
        )


def holds_custom(annotation: Any) -> bool:
    """Whether a class that msgspec does not know is part of the type."""
    return any(isinstance(node, CustomType) for node in _nodes(msgspec.inspect.type_info(annotation)))


def _without_json(info: Type, *, allow_custom: bool) -> Iterator[str]:
    for node in _nodes(info):
        if isinstance(node, CustomType) and not allow_custom:
            yield name_of(node.cls)
        elif isinstance(node, DictType) and isinstance(node.key_type, _NO_KEYS):
            yield f"dict keys that are a {type(node.key_type).__name__.removesuffix('Type').lower()}"


def _nodes(info: Any) -> Iterator[Type]:
    """All the types that a type is made of; a recursive one is met once."""
    waiting: list[Any] = [info]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(cast("tuple[Any, ...]", node))
        elif isinstance(node, Type | Field) and id(node) not in seen:
            seen.add(id(node))
            waiting.extend(getattr(node, field) for field in node.__struct_fields__ if field not in _DEFAULTS)
            if isinstance(node, Type):
                yield node


def one_line_types(annotation: Any) -> frozenset[type]:
    """The classes among the members of a type whose JSON is on one line, whatever their fields hold.

    The encoder writes no line break; only a `msgspec.Raw` can bring some, or what a hook makes of a foreign class.
    """
    return frozenset(
        member
        for member in union_members(annotation)
        if isinstance(member, type)
        and isinstance(info := msgspec.inspect.type_info(member), StructType | DataclassType | IntType | FloatType)
        and not any(isinstance(node, RawType | AnyType | CustomType) for node in _nodes(info))
    )


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
