"""Says what to write instead of a parameter that has none of the names that jero binds.

Other frameworks bind by the type, so a parameter for the body may have any name there. The name, the type, the slots
of the path and the method say what was meant.
"""

import inspect
import typing
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from jero.annotations import class_of, custom_classes, is_struct, name_of, unfillable, union_members
from jero.http.request import Request
from jero.http.upload import UploadFile

MISSING: Final[Any] = inspect.Parameter.empty
# The type of the user if the operation has no authenticator. None would be the type of an anonymous user.
NO_USER: Final = object()

_BODY: Final = ("body", "data", "payload", "item", "model", "dto", "request_body", "json_body")
_QUERY: Final = ("query", "q", "query_params", "query_string", "search", "args", "filters")
_AS_IT_ARRIVES: Final = (AsyncIterator, AsyncIterable)


class Place(Struct, frozen=True):
    """Describes what the parameters of one function may take of a request.

    `slots`: those of its path. `user`: the type that its authenticator returns, or `NO_USER`.
    """

    slots: tuple[str, ...] = ()
    user: Any = NO_USER
    has_body: bool = False


def instead_of(name: str, annotation: Any, place: Place) -> str | None:
    """Returns what to write instead of the parameter, or `None` if only a dependency can have its type.

    `annotation` may be `MISSING`. Then `None` says that the name does not show what is meant.
    """
    return next(_meant(name, annotation, place), None)


def _meant(name: str, annotation: Any, place: Place) -> Iterator[str]:
    """Yields what the parameter may be meant as, the likeliest first."""
    field = _field(name, annotation)
    if name in place.slots:
        yield f"Write path: P, with a Struct P that has {field}"
    if annotation is not MISSING:
        yield from _by_type(annotation, name, place)
        if _custom(annotation):
            return
    if name in _BODY and place.has_body:
        yield f"Write json: {_type(annotation)}"
    if name in (*_BODY, *_QUERY):
        yield _query(annotation, field)
    if annotation is not MISSING:
        yield _body_or_query(annotation, field, place)


def _body_or_query(annotation: Any, field: str, place: Place) -> str:
    """Returns what to write instead of data whose name says nothing. A dependency may be of the type, too."""
    included = f"or include a factory of {name_of(annotation)} in _wire: self._include_dependency(factory)"
    if place.has_body and not _is_from_text(annotation):
        return f"Write json: {_type(annotation)} if it is the body, {included}"
    if is_struct(annotation):
        return f"{_query(annotation, field)} if it is the query, {included}"
    return _query(annotation, field)


def _by_type(annotation: Any, name: str, place: Place) -> Iterator[str]:
    text = name_of(annotation)
    if annotation is Request:
        yield "Write request: Request"
    if annotation in union_members(place.user) and (annotation not in (str, int) or "user" in name):
        yield f"Write user: {text}"
    if place.slots and is_struct(annotation) and set(class_of(annotation).__struct_encode_fields__) == {*place.slots}:
        yield f"Write path: {text}"
    if not place.has_body:
        return
    if annotation is bytes:
        yield "Write content: bytes"
    if typing.get_origin(annotation) in _AS_IT_ARRIVES:
        yield f"Write {'content' if typing.get_args(annotation) == (bytes,) else 'items'}: {text}"
    if UploadFile in _custom(annotation):
        yield f"Write form: F, with a Struct F that has {_field(name, annotation)}"


def _query(annotation: Any, field: str) -> str:
    if annotation is not MISSING and is_struct(annotation):
        return f"Write params: {name_of(annotation)}"
    if annotation is not MISSING and not _is_from_text(annotation):
        field = "a field for each value"
    return f"Write params: P, with a Struct P that has {field}"


def _field(name: str, annotation: Any) -> str:
    return f"the field {name}" if annotation is MISSING else f"the field {name}: {name_of(annotation)}"


def _type(annotation: Any) -> str:
    return "Item, with the type of the body" if annotation is MISSING else name_of(annotation)


def _custom(annotation: Any) -> set[type]:
    """Returns the classes in the annotation that msgspec does not know: `object` if it cannot be read at all."""
    try:
        return custom_classes(annotation)
    except (TypeError, NameError, RecursionError):
        return {object}


def _is_from_text(annotation: Any) -> bool:
    return not list(unfillable(msgspec.defstruct("P", [("value", annotation)]), takes_lists=True))
