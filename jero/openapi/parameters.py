"""Writes the fields of Structs as Parameter Objects of a request, and as Header Objects of a response."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, UNSET, Struct
from msgspec.structs import FieldInfo

from jero.contract.inputs import Input
from jero.http.headers import header_name
from jero.openapi.json_schema import Schema
from jero.openapi.schemas import Schemas
from jero.routing import PathTemplate

LOCATIONS: Final = {"path": "path", "params": "query", "headers": "header", "cookies": "cookie"}
# The document describes these elsewhere, and tools ignore them here (OpenAPI 3.2, sections 4.12.1 and 4.21).
_DESCRIBED_ELSEWHERE: Final = frozenset({"accept", "authorization", "content-type"})
_NULL: Final = {"type": "null"}


def parameters(inputs: Sequence[Input], template: PathTemplate, slots: Sequence[str], schemas: Schemas) -> list[Schema]:
    """Returns the Parameter Objects of an operation.

    `slots` are the names that the template's slots have in the document. A slot is a parameter even if the handler
    does not take it: clients need it to build the path.
    """
    written = (_of_struct(argument, schemas) for argument in inputs if argument.name in LOCATIONS)
    # Two that take the same parameter are the handler, which comes first, and a dependency.
    by_name: dict[tuple[str, str], Schema] = {}
    for parameter in chain.from_iterable(written):
        key = parameter["in"], parameter["name"].lower() if parameter["in"] == "header" else parameter["name"]
        if by_name.setdefault(key, parameter) is not parameter and parameter.get("required"):
            by_name[key]["required"] = True
    found = list(by_name.values())
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
    """Yields the name and the Header Object of each typed header. No header is required: a response may omit it."""
    for field in () if struct is None else msgspec.structs.fields(struct):
        name = header_name(field.name, field.encode_name)
        if name.lower() != "content-type":
            header: Schema = {}
            header["schema"] = schemas.of(field.type, partial(_complete_header, header))
            yield name, header


def _of_struct(argument: Input, schemas: Schemas) -> Iterator[Schema]:
    location = LOCATIONS[argument.name]
    for field in msgspec.structs.fields(argument.type):
        name = header_name(field.name, field.encode_name) if location == "header" else field.encode_name
        if location == "header" and name.lower() in _DESCRIBED_ELSEWHERE:
            continue
        parameter: Schema = {"name": name, "in": location}
        if location == "path" or field.required:
            parameter["required"] = True
        parameter["schema"] = schemas.of(field.type, partial(_complete_parameter, parameter, field))
        yield parameter


def _complete_parameter(parameter: Schema, field: FieldInfo, schema: Schema) -> None:
    if not _reads_null(field.type):
        _remove_null(schema)
    _lift(parameter, schema)
    if parameter["in"] == "path" and schema.get("type") == "string":
        schema.setdefault("minLength", 1)  # an empty segment does not fill a slot
    elif parameter["in"] != "path" and field.default not in (NODEFAULT, UNSET, None):
        schema["default"] = msgspec.to_builtins(field.default, str_keys=True)


def _complete_header(header: Schema, schema: Schema) -> None:
    _remove_null(schema)
    _lift(header, schema)
    if schema.get("format") == "date-time":
        del schema["format"]  # it is sent as an HTTP date


def _reads_null(annotation: Any) -> bool:
    """Returns whether the text "null" is read as `None`. A type that admits strings reads it as a string."""
    try:
        return msgspec.convert("null", annotation, strict=False) is None
    except msgspec.ValidationError:
        return False


def _remove_null(schema: Schema) -> None:
    """Removes null from the options: a parameter or header that is null is not sent."""
    options = [option for option in schema.get("anyOf", ()) if option != _NULL]
    if len(options) == 1:
        del schema["anyOf"]
        schema.update({**options[0], **schema})
    elif options:
        schema["anyOf"] = options


def _lift(owner: Schema, schema: Schema) -> None:
    """Moves keywords that describe the value to the parameter or header that carries it."""
    for keyword in ("description", "deprecated"):
        if keyword in schema:
            owner[keyword] = schema.pop(keyword)
