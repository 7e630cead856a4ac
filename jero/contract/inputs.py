"""What a handler takes: its parameters, by name."""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from jero.contract.annotations import check_type, is_struct, name_of, wiring_error
from jero.http.path import PathTemplate

FIELDS: Final = ("path", "params", "headers", "cookies")
BODIES: Final = ("json", "content")


class Input(Struct, frozen=True):
    """A parameter: `name` says where its value comes from."""

    name: str
    type: Any


_Check: TypeAlias = Callable[[str, Any], None]


def read_inputs(
    handler: Callable[..., Any], hints: Mapping[str, Any], template: PathTemplate, where: str
) -> tuple[Input, ...]:
    """The handler's parameters. Raises `WiringError` for one that no request can fill."""
    inputs: list[Input] = []
    for name, parameter in inspect.signature(handler).parameters.items():
        check = _CHECKS.get(name)
        if check is None or parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise wiring_error(
                where,
                f"the parameter {str(parameter)!r} is nothing that jero binds",
                f"Use one of {', '.join(_CHECKS)}",
            )
        if name not in hints:
            raise wiring_error(where, f"the parameter {name!r} has no annotation", _INSTEAD[name])
        check(f"{where}, parameter {name!r}", hints[name])
        inputs.append(Input(name, hints[name]))
    _check_bodies(inputs, where)
    _check_slots(inputs, template, where)
    return tuple(inputs)


def _check_bodies(inputs: list[Input], where: str) -> None:
    bodies = [one.name for one in inputs if one.name in BODIES]
    if len(bodies) > 1:
        raise wiring_error(where, f"{' and '.join(bodies)} would both read the body", "Keep one of them")
    if bodies and where.endswith(".get"):
        raise wiring_error(
            where, f"{bodies[0]!r} asks for the body of a GET, which has none", "Use params, or another operation"
        )


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


def _check_fields(where: str, annotation: Any) -> None:
    if not is_struct(annotation):
        raise wiring_error(
            where, f"its type is {name_of(annotation)}", "Annotate it with a Struct, a field for each value"
        )
    if (typing.get_origin(annotation) or annotation).__struct_config__.array_like:
        raise wiring_error(where, f"{name_of(annotation)} is array_like, and has no names", "Use a Struct with names")
    check_type(annotation, where)


def _check_content(where: str, annotation: Any) -> None:
    if annotation is not bytes:
        raise wiring_error(where, f"its type is {name_of(annotation)}", "Annotate it with bytes")


def _check_json(where: str, annotation: Any) -> None:
    check_type(annotation, where)


_CHECKS: Final[dict[str, _Check]] = {
    **dict.fromkeys(FIELDS, _check_fields),
    "json": _check_json,
    "content": _check_content,
}
_INSTEAD: Final = {
    **dict.fromkeys(FIELDS, "Annotate it with a Struct, a field for each value"),
    "json": "Annotate it with the type of the body",
    "content": "Annotate it with bytes",
}
