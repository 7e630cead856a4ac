"""Inputs: the parameters of a handler, each bound by its name to a part of the request."""

import inspect
import typing
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

import typing_extensions
from msgspec import Struct

from jero.annotations import (
    class_of,
    custom_classes,
    is_struct,
    name_of,
    parameter_text,
    unfillable,
    union_members,
    unwrapped,
    wiring_error,
)
from jero.contract.unbound import MISSING, NO_USER, Place, instead_of
from jero.http.request import Request
from jero.http.upload import UploadFile
from jero.json_types import check_pydantic, check_type
from jero.routing import PathTemplate

# They are read from the request without its body. `request` is the request itself.
FIELDS: Final = ("path", "params", "headers", "cookies", "request")
_STRUCTS: Final = ("path", "params", "headers", "cookies")
BODIES: Final = ("json", "items", "content", "form")
URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"

_SENT: Final = {
    "path": "a slot of the path",
    "params": "a query parameter",
    "headers": "a header",
    "cookies": "a cookie",
    "form": "a field of a form",
}
_REPEATED: Final = ("params", "headers", "form")  # may be sent several times, for a list
_AS_IT_ARRIVES: Final = (AsyncIterator, AsyncIterable)


class Input(Struct, frozen=True):
    """A parameter. `name` decides which part of the request fills it.

    `type` is its annotation. With `is_stream`, the body is read as it arrives, and `type` is the type of an item.
    """

    name: str
    type: Any
    is_stream: bool = False


_Reader: TypeAlias = Callable[[str, str, Any], Input]


def read_inputs(
    handler: Callable[..., Any],
    hints: Mapping[str, Any],
    template: PathTemplate,
    where: str,
    *,
    user_type: Any = NO_USER,
    takes_all_slots: bool = True,
) -> tuple[Input, ...]:
    """Returns the parameters of the handler that have one of the `NAMES`.

    `user_type` is the type that its authenticator returns.
    `takes_all_slots`: a Struct `path` has a field for each slot of the template; otherwise, for some of them.
    Raises `WiringError` if no request can fill a parameter.
    """
    inputs: list[Input] = []
    for name, parameter in inspect.signature(handler).parameters.items():
        is_named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if not is_named or (name not in _READERS and name not in hints):
            text = parameter_text(parameter)
            found = f"jero cannot bind the parameter {text!r}, because it binds arguments by fixed names"
            place = Place(template.slots, user_type, has_body=has_body(where))
            instead = instead_of(name, _type_of_default(parameter), place) if is_named else None
            raise wiring_error(where, found, instead or f"Use one of {', '.join(_READERS)}")
        if name in _READERS:
            inputs.append(read_input(name, hints, where))
    _check_bodies(inputs, where)
    _check_threads(handler, inputs, where)
    _check_slots(inputs, template, where, takes_all=takes_all_slots)
    _check_user(inputs, user_type, where)
    return tuple(inputs)


def _type_of_default(parameter: inspect.Parameter) -> Any:
    """Returns the type that a parameter without an annotation is meant to have, if its default shows that."""
    kinds = (bool, int, float, str)
    return next((kind for kind in kinds if type(parameter.default) is kind), MISSING)


def read_input(name: str, hints: Mapping[str, Any], where: str) -> Input:
    """Returns a parameter that has one of the `NAMES`. Raises `WiringError` if no request can fill it."""
    if name not in hints:
        raise wiring_error(where, f"the parameter {name!r} has no annotation", _INSTEAD[name])
    return _READERS[name](f"{where}, parameter {name!r}", name, hints[name])


def check_scope(inputs: Sequence[Input], template: PathTemplate, user_type: Any, where: str) -> None:
    """Raises `WiringError` if an operation with that path and that type of user cannot fill the `path` or the `user`.

    The fields of `path` may be some of the slots.
    """
    _check_slots(inputs, template, where, takes_all=False)
    _check_user(inputs, user_type, where)


def has_body(where: str) -> bool:
    """Returns whether the requests of the operation have a body. `where`: its class and its method."""
    return not where.endswith(".get")


def _read_fields(where: str, name: str, annotation: Any) -> Input:
    annotation = unwrapped(annotation)
    check_pydantic(annotation, where)
    if name != "form":
        _check_upload(annotation, where)
    if not is_struct(annotation):
        raise wiring_error(where, f"its type is {name_of(annotation)}, which is not a Struct", _INSTEAD[name])
    if class_of(annotation).__struct_config__.array_like:
        found = f"{name_of(annotation)} is array_like, so its fields are not read by name"
        raise wiring_error(where, found, "Use a Struct that is not array_like")
    if name == "form":
        _check_form(annotation, where)
    else:
        check_type(annotation, where)
    for field, kind in unfillable(annotation, takes_lists=name in _REPEATED):
        found = f"the field {field!r} of {name_of(annotation)} is of type {kind}, which {_SENT[name]} cannot fill"
        raise wiring_error(where, found, "Write a str, a number or another type that is read from one text")
    return Input(name, annotation)


def form_media_type(struct: Any) -> str:
    """Returns the usual media type of the forms that fill the Struct. Only `multipart/form-data` can carry files."""
    return MULTIPART if UploadFile in custom_classes(struct) else URLENCODED


def _check_form(struct: Any, where: str) -> None:
    """Raises `WiringError` if msgspec does not know the type of a field, unless that is `UploadFile`."""
    check_type(struct, where, allow_custom=True)
    for unknown in custom_classes(struct) - {UploadFile}:
        found = f"{name_of(struct)} contains {name_of(unknown)}, a class that msgspec does not know"
        raise wiring_error(where, found, "Use UploadFile for a file, and a type that is read from one text for others")


def _read_content(where: str, name: str, annotation: Any) -> Input:
    annotation = unwrapped(annotation)
    is_stream = typing.get_origin(annotation) in _AS_IT_ARRIVES
    if annotation is not bytes and not (is_stream and typing.get_args(annotation) == (bytes,)):
        raise wiring_error(where, f"its type is {name_of(annotation)}, but content is raw bytes", _INSTEAD[name])
    return Input(name, bytes, is_stream)


def _read_items(where: str, name: str, annotation: Any) -> Input:
    annotation = unwrapped(annotation)
    if typing.get_origin(annotation) not in _AS_IT_ARRIVES:
        found = f"its type is {name_of(annotation)}, but items are read one by one with async for"
        raise wiring_error(where, found, _INSTEAD[name])
    [item] = typing.get_args(annotation)
    check_type(item, where)
    return Input(name, item, is_stream=True)


def _check_upload(annotation: Any, where: str) -> None:
    """Raises `WiringError` if there is a file of a form in the type of another argument."""
    with suppress(TypeError, NameError, RecursionError):  # what cannot be read is reported elsewhere
        if UploadFile in custom_classes(annotation):
            form = name_of(annotation) if is_struct(annotation) else "F, with a Struct F that has a field of that type"
            raise wiring_error(where, "only a form has an UploadFile", f"Write form: {form}")


def _read_json(where: str, name: str, annotation: Any) -> Input:
    _check_upload(annotation, where)
    check_type(annotation, where)
    return Input(name, annotation)


def _read_user(where: str, name: str, annotation: Any) -> Input:
    return Input(name, annotation)


def _read_request(where: str, name: str, annotation: Any) -> Input:
    if unwrapped(annotation) is not Request:
        found = f"its type is {name_of(annotation)}, but the request is of jero's class Request"
        raise wiring_error(where, found, _INSTEAD[name])
    return Input(name, Request)


_READERS: Final[dict[str, _Reader]] = {
    **dict.fromkeys(_STRUCTS, _read_fields),
    "json": _read_json,
    "items": _read_items,
    "content": _read_content,
    "form": _read_fields,
    "user": _read_user,
    "request": _read_request,
}
# The names of parameters that are filled from the request. Any other parameter is a dependency.
NAMES: Final = tuple(_READERS)
_INSTEAD: Final = {
    **dict.fromkeys((*_STRUCTS, "form"), "Annotate it with a Struct, a field for each value"),
    "json": "Annotate it with the type of the body",
    "items": "Annotate it with AsyncIterator[Item]",
    "content": "Annotate it with bytes, or with AsyncIterator[bytes]",
    "user": "Annotate it with the type that the authenticator returns",
    "request": "Annotate it with Request, imported from jero",
}


def _check_bodies(inputs: list[Input], where: str) -> None:
    bodies = [input_.name for input_ in inputs if input_.name in BODIES]
    if len(bodies) > 1:
        raise wiring_error(where, f"{' and '.join(bodies)} would both read the body", "Keep one of them")
    if bodies and not has_body(where):
        found = f"{bodies[0]!r} is read from the body, but a GET request has no body"
        raise wiring_error(where, found, "Use params, or another operation")


def _check_threads(handler: Callable[..., Any], inputs: list[Input], where: str) -> None:
    found = next((input_.name for input_ in inputs if input_.is_stream), None)
    if found is not None and inspect.isgeneratorfunction(handler):
        raise wiring_error(
            where,
            f"{found!r} is read with async for, but the handler is a generator that runs in a thread",
            "Write an async generator",
        )


def _check_slots(inputs: Sequence[Input], template: PathTemplate, where: str, *, takes_all: bool) -> None:
    struct = next((input_.type for input_ in inputs if input_.name == "path"), None)
    fields: tuple[str, ...] = () if struct is None else class_of(struct).__struct_encode_fields__
    differ = set(fields) ^ set(template.slots) if takes_all else set(fields) - set(template.slots)
    if struct is not None and differ:
        raise wiring_error(
            where,
            f"path: {name_of(struct)} has the fields [{', '.join(fields)}], but the template {template.text!r} has "
            f"the slots [{', '.join(template.slots)}]",
            "Use the same names" if takes_all else "Use the names of some of the slots",
        )


def _check_user(inputs: Sequence[Input], user_type: Any, where: str) -> None:
    found = next((input_.type for input_ in inputs if input_.name == "user"), NO_USER)
    if found is NO_USER:
        return
    if user_type is NO_USER:
        raise wiring_error(
            where, "no authenticator fills the parameter 'user'", "Include the endpoint with auth=, or remove user"
        )
    if not all(_fits(member, found) for member in union_members(user_type)):
        raise wiring_error(
            f"{where}, parameter 'user'",
            f"its type is {name_of(found)}, but the authenticator returns {name_of(user_type)}",
            f"Annotate it with {name_of(user_type)}",
        )


def _fits(user: Any, annotation: Any) -> bool:
    """Returns whether a parameter with that annotation accepts a user of the type `user`, as far as classes show it."""
    members = [_without_notes(member) for member in union_members(_without_notes(annotation))]
    user = _without_notes(user)
    if user in members or any(member in (Any, object) for member in members):
        return True
    if isinstance(user, typing.NewType):  # its values are of the type that it names
        return _fits(user.__supertype__, annotation)
    literals = typing.get_args(user) if typing.get_origin(user) is typing.Literal else ()
    kinds = tuple(map(type, literals)) or union_members(user)
    if kinds != (user,):
        return all(_fits(kind, annotation) for kind in kinds)
    return any(_is_subclass(user, member) for member in members)


def _without_notes(annotation: Any) -> Any:
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation


def _is_subclass(user: Any, member: Any) -> bool:
    """Returns whether a class may be another one or inherit from it. Type arguments of two classes are not compared."""
    kind, wanted = class_of(user), class_of(member)
    if not isinstance(kind, type) or not isinstance(wanted, type):
        return False
    if kind is wanted:
        return not typing.get_args(user) or not typing.get_args(member)
    try:
        return issubclass(kind, wanted)
    except TypeError:  # a protocol whose members Python does not compare
        return typing_extensions.is_protocol(wanted)
