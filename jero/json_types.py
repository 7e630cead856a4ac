"""Refuses annotations that are not types, and types that JSON does not represent."""

import inspect
import types
import typing
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, cast

import msgspec
from msgspec.inspect import (
    BoolType,
    CustomType,
    DataclassType,
    DictType,
    FrozenSetType,
    ListType,
    NamedTupleType,
    NoneType,
    SetType,
    StructType,
    TupleType,
    Type,
    TypedDictType,
    VarTupleType,
)

from jero.annotations import custom_classes, is_struct, name_of, nodes, wiring_error, without_modules
from jero.codec import json_decoder

# The key of a JSON object is a string. msgspec writes strings, numbers and dates as keys, but none of these types.
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


_VALUES: Final = (list, tuple, dict, set, bool, int, float, bytes, types.ModuleType)


def check_type(annotation: Any, where: str, *, allow_custom: bool = False) -> None:
    """Raises `WiringError` if msgspec cannot represent the type in JSON.

    That is so for a class that msgspec does not know, unless `allow_custom`, and for an untagged union of Structs.
    """
    find = _class_without_json if isinstance(annotation, type) else _type_without_json
    try:
        unknown = find(annotation, allow_custom=allow_custom)
    except RecursionError as error:
        found = f"{name_of(annotation)} is an alias that contains itself, which msgspec cannot use"
        raise wiring_error(where, found, "Write a Struct for the part that repeats") from error
    except (TypeError, NameError) as error:
        raise wiring_error(where, *_unusable(annotation, str(error))) from error
    if unknown is not None:
        check_pydantic(annotation, where)
        place = "" if unknown == name_of(annotation) else f" in {name_of(annotation)}"
        raise wiring_error(
            where,
            f"msgspec has no JSON for {unknown}{place}",
            "Use a Struct or another type that it knows, or give the application an encoder with an enc_hook",
        )


def _unusable(annotation: Any, error: str) -> tuple[str, str]:
    """Returns why msgspec cannot use an annotation, and what to write instead."""
    if _is_value(annotation):
        return _value(annotation)
    if "must be tagged" in error:
        structs = [name_of(member) for member in _members(annotation) if is_struct(member)]
        first = structs[0] if structs else "Item"
        found = f"{name_of(annotation)} has a union of Structs without tags, which JSON cannot tell apart"
        return found, f"Write class {first}(Struct, tag=True), and the same for the others"
    return f"msgspec cannot use {name_of(annotation)}: {without_modules(error).removesuffix('.')}", "Change that type"


def _is_value(annotation: Any) -> bool:
    """Returns whether an annotation is a value, such as a function, a number or a list of types, and not a type."""
    return isinstance(annotation, _VALUES) or inspect.isroutine(annotation)


def _value(annotation: object) -> tuple[str, str]:
    """Returns why a value cannot be an annotation, and what to write instead."""
    if annotation is any:
        return "any is a function, and not a type", "Write Any, imported from typing"
    kind = type(annotation).__name__
    if kind in ("list", "tuple") and annotation:
        types_of_items = ", ".join(name_of(item) for item in cast("tuple[Any, ...]", annotation))
        text = f"[{types_of_items}]" if kind == "list" else f"({types_of_items})"
        return f"{text} is a {kind}, and not a type", f"Write {kind}[{types_of_items}]"
    text = getattr(annotation, "__name__", None) or repr(annotation)
    return f"{text} is a value, and not a type", "Write the type of what is sent"


def _members(annotation: Any) -> Iterator[Any]:
    """Yields the annotation, and those inside of it."""
    yield annotation
    for inner in typing.get_args(annotation):
        yield from _members(inner)


def check_pydantic(annotation: Any, where: str) -> None:
    """Raises `WiringError` if there is a Pydantic model in the type."""
    with suppress(TypeError, NameError, RecursionError):  # what cannot be read is reported elsewhere
        for found in custom_classes(annotation):
            if any(base.__module__ == "pydantic.main" for base in found.__mro__):
                raise wiring_error(where, f"{name_of(found)} is a Pydantic model", "Write a Struct with its fields")


def _type_without_json(annotation: Any, *, allow_custom: bool) -> str | None:
    """Returns the name of a type in `annotation` that msgspec cannot represent in JSON, or `None`.

    Raises `TypeError` or `NameError` if msgspec cannot read the annotation.
    """
    info = msgspec.inspect.type_info(annotation)
    json_decoder(annotation)
    return next(_without_json(info, allow_custom=allow_custom), None)


# Many handlers name the same few classes. Annotations of other kinds are not always hashable.
_class_without_json = lru_cache(maxsize=1_024)(_type_without_json)


def _without_json(info: Type, *, allow_custom: bool) -> Iterator[str]:
    for node in nodes(info):
        if isinstance(node, CustomType) and not allow_custom:
            yield name_of(node.cls)
        elif isinstance(node, DictType) and isinstance(node.key_type, _NO_KEYS):
            yield f"dict keys that are a {type(node.key_type).__name__.removesuffix('Type').lower()}"
