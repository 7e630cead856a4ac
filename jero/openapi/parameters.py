"""The parts of a request that are names and values, and a response's typed headers, as Parameter and Header Objects."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, UNSET, Struct
from msgspec.structs import FieldInfo

from jero.contract.inputs import Input
from jero.http.headers import header_name
from jero.http.path import PathTemplate
from jero.openapi.schemas import Schema, Schemas

LOCATIONS: Final = {"path": "path", "params": "query", "headers": "header", "cookies": "cookie"}
# OpenAPI 3.2, sections 4.12.1 and 4.21: these are said elsewhere, and ignored here.
_SAID_ELSEWHERE: Final = frozenset({"accept", "authorization", "content-type"})
_NULL: Final = {"type": "null"}


def parameters(inputs: Sequence[Input], template: PathTemplate, slots: Sequence[str], schemas: Schemas) -> list[Schema]:
    """The Parameter Objects of an operation; `slots` are the names of the template's slots in the document.

    A slot that the handler does not take is a parameter too: a path without it is none.
    """
    found = [parameter for one in inputs if one.name in LOCATIONS for parameter in _of_struct(one, schemas)]
    names = dict(zip(template.slots, slots, strict=True))
    taken: set[str] = set()
    for parameter in found:
        if parameter["in"] == "path":
            taken.add(parameter["name"])
            parameter["name"] = names[parameter["name"]]
    for slot, name in names.items():
        if slot not in taken:
            found.append({"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}})
    return found


def header_objects(struct: type[Struct] | None, schemas: Schemas) -> Iterator[tuple[str, Schema]]:
    """The headers that a Struct of typed headers is sent as. None of them is certain: a response may leave them out."""
    for field in () if struct is None else msgspec.structs.fields(struct):
        name = header_name(field.name, field.encode_name)
        if name.lower() != "content-type":
            header: Schema = {}
            header["schema"] = schemas.of(field.type, partial(_settle_header, header))
            yield name, header


def _of_struct(one: Input, schemas: Schemas) -> Iterator[Schema]:
    location = LOCATIONS[one.name]
    for field in msgspec.structs.fields(one.type):
        name = header_name(field.name, field.encode_name) if location == "header" else field.encode_name
        if location == "header" and name.lower() in _SAID_ELSEWHERE:
            continue
        parameter: Schema = {"name": name, "in": location}
        if location == "path" or field.required:
            parameter["required"] = True
        parameter["schema"] = schemas.of(field.type, partial(_settle_parameter, parameter, field))
        yield parameter


def _settle_parameter(parameter: Schema, field: FieldInfo, schema: Schema) -> None:
    if not _is_null(field.type, "null"):
        _leave_null_out(schema)
    _lift(parameter, schema)
    if parameter["in"] == "path" and schema.get("type") == "string":
        schema.setdefault("minLength", 1)  # an empty segment fills no slot
    elif parameter["in"] != "path" and field.default not in (NODEFAULT, UNSET, None):
        schema["default"] = msgspec.to_builtins(field.default, str_keys=True)


def _settle_header(header: Schema, schema: Schema) -> None:
    _leave_null_out(schema)
    _lift(header, schema)
    if schema.get("format") == "date-time":
        del schema["format"]  # it is sent as an HTTP date


def _is_null(annotation: Any, text: str) -> bool:
    """Whether a text is read as null; where the type admits strings, it is the string."""
    try:
        return msgspec.convert(text, annotation, strict=False) is None
    except msgspec.ValidationError:
        return False


def _leave_null_out(schema: Schema) -> None:
    """What is left out is not sent."""
    options = [option for option in schema.get("anyOf", ()) if option != _NULL]
    if len(options) == 1:
        del schema["anyOf"]
        schema.update({**options[0], **schema})
    elif options:
        schema["anyOf"] = options


def _lift(owner: Schema, schema: Schema) -> None:
    """What is said of the value is said of what carries it."""
    for keyword in ("description", "deprecated"):
        if keyword in schema:
            owner[keyword] = schema.pop(keyword)
