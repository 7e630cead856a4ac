"""What a handler takes: its parameters, by name."""

import inspect
import typing
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from jero.annotations import check_type, is_struct, name_of, union_members, wiring_error
from jero.http.path import PathTemplate

FIELDS: Final = ("path", "params", "headers", "cookies")
BODIES: Final = ("json", "items", "content")
# Stands for the type of a user where nobody is asked who calls.
NO_USER: Final = object()

_AS_IT_ARRIVES: Final = (AsyncIterator, AsyncIterable)


class Input(Struct, frozen=True):
    """A parameter: `name` says where its value comes from.

    `type`: its annotation; with `is_stream`, for a body that is read as it arrives, that of an item.
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
) -> tuple[Input, ...]:
    """The handler's parameters; `user_type` is what its authenticator returns.

    Raises `WiringError` for one that no request can fill.
    """
    inputs: list[Input] = []
    for name, parameter in inspect.signature(handler).parameters.items():
        read = _READERS.get(name)
        if read is None or parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise wiring_error(
                where,
                f"the parameter {str(parameter)!r} is nothing that jero binds",
                f"Use one of {', '.join(_READERS)}",
            )
        if name not in hints:
            raise wiring_error(where, f"the parameter {name!r} has no annotation", _INSTEAD[name])
        inputs.append(read(f"{where}, parameter {name!r}", name, hints[name]))
    _check_bodies(inputs, where)
    _check_threads(handler, inputs, where)
    _check_slots(inputs, template, where)
    _check_user(inputs, user_type, where)
    return tuple(inputs)


def _check_bodies(inputs: list[Input], where: str) -> None:
    bodies = [one.name for one in inputs if one.name in BODIES]
    if len(bodies) > 1:
        raise wiring_error(where, f"{' and '.join(bodies)} would both read the body", "Keep one of them")
    if bodies and where.endswith(".get"):
        raise wiring_error(
            where, f"{bodies[0]!r} asks for the body of a GET, which has none", "Use params, or another operation"
        )


def _check_threads(handler: Callable[..., Any], inputs: list[Input], where: str) -> None:
    found = next((one.name for one in inputs if one.is_stream), None)
    if found is not None and inspect.isgeneratorfunction(handler):
        raise wiring_error(
            where,
            f"{found!r} is read by async for, and the handler is a generator that runs in a thread",
            "Write an async generator",
        )


def _check_user(inputs: list[Input], user_type: Any, where: str) -> None:
    found = next((one.type for one in inputs if one.name == "user"), NO_USER)
    if found is NO_USER:
        return
    if user_type is NO_USER:
        raise wiring_error(
            where, "the parameter 'user' is taken, and nobody is asked who calls", "Include the endpoint with auth="
        )
    if not all(_fits(member, found) for member in union_members(user_type)):
        raise wiring_error(
            f"{where}, parameter 'user'",
            f"its type is {name_of(found)}, and the authenticator returns {name_of(user_type)}",
            f"Annotate it with {name_of(user_type)}",
        )


def _fits(user: Any, annotation: Any) -> bool:
    """Whether a user of that type may be given to a parameter with that annotation."""
    members = union_members(annotation)
    if user in members or any(member in (Any, object) for member in members):
        return True
    return isinstance(user, type) and any(isinstance(member, type) and issubclass(user, member) for member in members)


def _check_slots(inputs: list[Input], template: PathTemplate, where: str) -> None:
    struct = next((one.type for one in inputs if one.name == "path"), None)
    fields = () if struct is None else tuple(field.encode_name for field in msgspec.structs.fields(struct))
    if struct is not None and set(fields) != set(template.slots):
        raise wiring_error(
            where,
            f"path: {name_of(struct)} has the fields {_listed(fields)}, and the template {template.text!r} "
            f"the slots {_listed(template.slots)}",
            "Make them the same",
        )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _read_fields(where: str, name: str, annotation: Any) -> Input:
    if not is_struct(annotation):
        raise wiring_error(where, f"its type is {name_of(annotation)}", _INSTEAD[name])
    if (typing.get_origin(annotation) or annotation).__struct_config__.array_like:
        raise wiring_error(where, f"{name_of(annotation)} is array_like, and has no names", "Use a Struct with names")
    check_type(annotation, where)
    return Input(name, annotation)


def _read_content(where: str, name: str, annotation: Any) -> Input:
    is_stream = typing.get_origin(annotation) in _AS_IT_ARRIVES
    if annotation is not bytes and not (is_stream and typing.get_args(annotation) == (bytes,)):
        raise wiring_error(where, f"its type is {name_of(annotation)}", _INSTEAD[name])
    return Input(name, bytes, is_stream)


def _read_items(where: str, name: str, annotation: Any) -> Input:
    if typing.get_origin(annotation) not in _AS_IT_ARRIVES:
        raise wiring_error(where, f"its type is {name_of(annotation)}", _INSTEAD[name])
    [item] = typing.get_args(annotation)
    check_type(item, where)
    return Input(name, item, is_stream=True)


def _read_json(where: str, name: str, annotation: Any) -> Input:
    check_type(annotation, where)
    return Input(name, annotation)


def _read_user(where: str, name: str, annotation: Any) -> Input:
    return Input(name, annotation)


_READERS: Final[dict[str, _Reader]] = {
    **dict.fromkeys(FIELDS, _read_fields),
    "json": _read_json,
    "items": _read_items,
    "content": _read_content,
    "user": _read_user,
}
_INSTEAD: Final = {
    **dict.fromkeys(FIELDS, "Annotate it with a Struct, a field for each value"),
    "json": "Annotate it with the type of the body",
    "items": "Annotate it with AsyncIterator[Item]",
    "content": "Annotate it with bytes, or with AsyncIterator[bytes]",
    "user": "Annotate it with the type that the authenticator returns",
}
