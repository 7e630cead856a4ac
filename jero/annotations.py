"""Annotations: taken apart, their type variables filled in, and checked for what msgspec can do with them."""

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import partial
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

import msgspec
import typing_extensions
from msgspec import Struct
from msgspec.inspect import (
    AnyType,
    ByteArrayType,
    BytesType,
    CustomType,
    DataclassType,
    DecimalType,
    DictType,
    ExtType,
    Field,
    FloatType,
    FrozenSetType,
    IntType,
    ListType,
    LiteralType,
    MemoryViewType,
    Metadata,
    NamedTupleType,
    RawType,
    SetType,
    StrType,
    StructType,
    TupleType,
    Type,
    TypedDictType,
    UnionType,
    UUIDType,
    VarTupleType,
)

from jero.errors import WiringError

_DEFAULTS: Final = ("default", "default_factory")
_HASHED_BY_VALUE: Final = (AnyType, DecimalType, FloatType, IntType, UUIDType)
# `type X = ...` (PEP 695), and its backport, which is a class of its own in some versions.
_ALIASES: Final[tuple[Any, ...]] = tuple(
    {typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType)}
)

# What no text is read as: not a query parameter, a header, a cookie or a slot of a path.
_NOT_FROM_TEXT: Final = (
    DataclassType,
    DictType,
    ExtType,
    NamedTupleType,
    RawType,
    StructType,
    TypedDictType,
)
_LISTS: Final = (FrozenSetType, ListType, SetType, TupleType, VarTupleType)

EventForm: TypeAlias = Literal["text", "bytes", "json", "any", "mixed"]

_MODULES: Final = re.compile(r"(?<![\w'\".])(?:[A-Za-z_][\w<>]*\.(?:<locals>\.)?)+")


def wiring_error(where: str, found: str, instead: str) -> WiringError:
    """Returns a `WiringError` that names the place, what was found there and what to write instead."""
    return WiringError(f"{where}: {found}. {instead}.")


def name_of(annotation: Any) -> str:
    """Returns the text of an annotation without the names of modules, close to what its user wrote."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return without_modules(str(annotation))


def without_modules(text: str) -> str:
    """Returns a text without the names of modules before those of classes."""
    return _MODULES.sub("", text)


def parameter_text(parameter: inspect.Parameter) -> str:
    """Returns a parameter as its user wrote it, without its default."""
    text = str(parameter.replace(annotation=parameter.empty, default=parameter.empty))
    if parameter.annotation is parameter.empty:
        return text
    annotation = parameter.annotation
    return f"{text}: {annotation if isinstance(annotation, str) else name_of(annotation)}"


def function_of(called: Any) -> Any:
    """Returns the function or class that has the annotations of a callable.

    It is inside a `partial`, and the `__call__` of any other object.
    """
    while isinstance(called, partial):
        called = cast("partial[Any]", called).func
    return called if inspect.isroutine(called) or isinstance(called, type) else type(called).__call__


def read_hints(function: Callable[..., Any], where: str) -> dict[str, Any]:
    """Returns the annotations of `function` by name. Strings are evaluated, aliases expanded, and `Annotated` is kept.

    Raises `WiringError` if an annotation cannot be evaluated.
    """
    try:
        hints = typing.get_type_hints(function, include_extras=True)
        return {name: expanded(annotation) for name, annotation in hints.items()}
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise wiring_error(
            where,
            f"an annotation cannot be read: {error}",
            "Correct it, or define or import its names at the top of the module",
        ) from error


def expanded(annotation: Any, within: tuple[Any, ...] = ()) -> Any:
    """Returns the annotation with the values of aliases (`type X = ...`) in their places.

    An alias that contains itself is expanded once: msgspec reads the rest. `within` lists the aliases around.
    """
    origin = typing.get_origin(annotation)
    alias = annotation if isinstance(annotation, _ALIASES) else origin
    if isinstance(alias, _ALIASES):
        if alias in within:
            return annotation
        known = dict(zip(alias.__type_params__, typing.get_args(annotation), strict=False))
        return expanded(fill(alias.__value__, known), (*within, alias))
    if origin is None or origin is typing.Literal:
        return annotation
    arguments = typing.get_args(annotation)
    if origin is typing.Annotated:
        inner = expanded(arguments[0], within)
        return annotation if inner is arguments[0] else typing.Annotated[(inner, *arguments[1:])]
    new = tuple(expanded(argument, within) for argument in arguments)
    if all(new_argument is argument for new_argument, argument in zip(new, arguments, strict=True)):
        return annotation
    return union_of(new) if origin in (typing.Union, types.UnionType) else origin[new]


def unwrapped(annotation: Any) -> Any:
    """Returns the type inside `Annotated`, `NewType` and aliases. Returns any other annotation unchanged."""
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, _ALIASES):
            annotation = annotation.__value__
        else:
            return annotation


def class_of(annotation: Any) -> Any:
    """Returns a class without its type arguments: `list` for `list[int]`. Returns any other annotation unchanged."""
    return typing.get_origin(annotation) or annotation


def is_struct(annotation: Any) -> bool:
    """Returns whether the annotation is a Struct class, with or without type arguments."""
    origin = class_of(annotation)
    return isinstance(origin, type) and issubclass(origin, Struct)


def union_members(annotation: Any) -> tuple[Any, ...]:
    """Returns the members of a union. Any other annotation is returned as the only member."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def union_of(members: Iterable[Any]) -> Any:
    """Returns the union of at least one member."""
    first, *others = members
    union: Any = first
    for member in others:
        union = union | member
    return union


def type_arguments(annotation: Any, owner: type) -> dict[Any, Any]:
    """Returns the type arguments that `annotation` gives to the class `owner`, by type variable.

    `annotation` is `owner` or a subclass, with or without type arguments. Variables that stay open are left out.
    """
    origin = class_of(annotation)
    known = dict(zip(getattr(origin, "__parameters__", ()), typing.get_args(annotation), strict=False))
    if origin is owner:
        return {variable: expanded(argument) for variable, argument in known.items() if not is_open(argument)}
    for base in origin.__dict__.get("__orig_bases__", origin.__bases__):
        if issubclass(class_of(base), owner):
            return type_arguments(fill(base, known), owner)
    return {}


def fill(annotation: Any, known: Mapping[Any, Any]) -> Any:
    """Returns the annotation with the type variables in `known` replaced by their arguments."""
    if isinstance(annotation, TypeVar):
        return known.get(annotation, annotation)
    variables = _open_variables(annotation)
    return annotation[tuple(known.get(variable, variable) for variable in variables)] if variables else annotation


def is_open(annotation: Any) -> bool:
    """Returns whether the annotation is a type variable, or has one among its type arguments."""
    return isinstance(annotation, TypeVar) or bool(_open_variables(annotation))


def _open_variables(annotation: Any) -> tuple[Any, ...]:
    """Returns the type variables among the type arguments. A generic class without arguments has no open ones."""
    return () if isinstance(annotation, type) else getattr(annotation, "__parameters__", ())


def holds_custom(annotation: Any) -> bool:
    """Returns whether the type contains a class that msgspec does not know."""
    return bool(custom_classes(annotation))


def custom_classes(annotation: Any) -> set[type]:
    """Returns the classes in the type that msgspec does not know."""
    return {node.cls for node in nodes(msgspec.inspect.type_info(annotation)) if isinstance(node, CustomType)}


def holds_any(annotation: Any) -> bool:
    """Returns whether the type allows every value somewhere."""
    return any(isinstance(node, AnyType) for node in nodes(msgspec.inspect.type_info(annotation)))


def hashes_numbers(annotation: Any) -> bool:
    """Returns whether the type contains a set, or a dict with keys, of numbers or UUIDs: a client can choose hashes."""
    hashed: list[Type] = []
    for node in nodes(msgspec.inspect.type_info(annotation)):
        if isinstance(node, SetType | FrozenSetType):
            hashed.append(node.item_type)
        elif isinstance(node, DictType):
            hashed.append(node.key_type)
    return any(isinstance(node, _HASHED_BY_VALUE) for item in hashed for node in nodes(item))


def fast_path_types(annotation: Any) -> frozenset[type]:
    """Returns the members of a type that are classes and whose JSON never contains a line break.

    The encoder itself writes no line breaks. Only a `msgspec.Raw`, or the output of an `enc_hook`, can contain them.
    A type that is `msgspec.Raw` alone is returned all the same: its line breaks are looked for.
    """
    if unwrapped(annotation) is msgspec.Raw:
        return frozenset({msgspec.Raw})
    return frozenset(
        member
        for member in union_members(annotation)
        if isinstance(member, type)
        and isinstance(info := msgspec.inspect.type_info(member), StructType | DataclassType | IntType | FloatType)
        and not any(isinstance(node, RawType | AnyType | CustomType) for node in nodes(info))
    )


def unfillable(struct: Any, *, takes_lists: bool) -> Iterator[tuple[str, str]]:
    """Yields the fields of a Struct that no text can fill, each with the name of its type.

    `takes_lists`: a name may be sent several times, for a list of texts. Without it, a list may only be a default.
    """
    for field in cast("StructType", msgspec.inspect.type_info(struct)).fields:
        found = next(_no_texts(field.type, is_item=False), None)
        if found is None and not takes_lists and field.required and _lists(field.type):
            found = "list"
        if found is not None:
            yield field.name, found


def _no_texts(info: Type, *, is_item: bool) -> Iterator[str]:
    """Yields the names of the types in `info` that are not made from one text, or from a list of texts."""
    if isinstance(info, Metadata):
        yield from _no_texts(info.type, is_item=is_item)
    elif isinstance(info, UnionType):
        for member in info.types:
            yield from _no_texts(member, is_item=is_item)
    elif isinstance(info, _NOT_FROM_TEXT) or (is_item and isinstance(info, _LISTS)):
        cls: Any = getattr(info, "cls", None)
        yield type(info).__name__.removesuffix("Type").lower() if cls is None else name_of(cls)
    elif isinstance(info, TupleType):
        for item in info.item_types:
            yield from _no_texts(item, is_item=True)
    elif isinstance(info, _LISTS):
        yield from _no_texts(cast("Any", info).item_type, is_item=True)


def _lists(info: Type) -> bool:
    members = info.types if isinstance(info, UnionType) else (info,)
    return any(isinstance(member.type if isinstance(member, Metadata) else member, _LISTS) for member in members)


def event_form(annotation: Any) -> EventForm:
    """Returns the form in which an event stream sends values of the type.

    "text" and "bytes" are sent unchanged, "json" as JSON. "any": the class of each value decides. "mixed": some values
    are sent unchanged and others as JSON, so a reader could not tell the text `5` from the number 5.

    Raises `TypeError` if msgspec cannot read the annotation.
    """
    forms = set(_event_forms(msgspec.inspect.type_info(annotation)))
    if len(forms) == 1:
        return forms.pop()
    return "json" if forms == {"any", "json"} else "mixed"


def _event_forms(info: Type) -> Iterator[EventForm]:
    """Yields the form of each member of the type."""
    if isinstance(info, Metadata):
        yield from _event_forms(info.type)
    elif isinstance(info, UnionType):
        for member in info.types:
            yield from _event_forms(member)
    elif isinstance(info, LiteralType):
        for value in info.values:
            yield "text" if isinstance(value, str) else "json"
    elif isinstance(info, CustomType):
        yield _form_of_class(info.cls)
    elif isinstance(info, BytesType | ByteArrayType | MemoryViewType):
        yield "bytes"
    else:
        yield "any" if isinstance(info, AnyType) else "text" if isinstance(info, StrType) else "json"


def _form_of_class(cls: type) -> EventForm:
    if issubclass(cls, Enum):
        return "json"
    if issubclass(cls, str | bytes | bytearray):
        return "text" if issubclass(cls, str) else "bytes"
    return "any" if cls is object else "json"


def nodes(info: Any) -> Iterator[Type]:
    """Yields the type and every type inside it. A recursive type is yielded once."""
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
