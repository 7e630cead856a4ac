"""Rewrites the JSON Schemas that msgspec generates, so that generators of clients read them."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final, TypeAlias, cast

Schema: TypeAlias = dict[str, Any]

PREFIX: Final = "#/components/schemas/"

# The keywords of JSON Schema that contain schemas: one, a list of them, or an object of them. Others contain values.
_ONE: Final = (
    "items",
    "additionalProperties",
    "propertyNames",
    "contains",
    "contentSchema",
    "not",
    "if",
    "then",
    "else",
)
_LIST: Final = ("prefixItems", "anyOf", "oneOf", "allOf")
_OBJECT: Final = ("properties", "patternProperties", "dependentSchemas", "$defs")

_TYPES: Final = {"string": str, "integer": int}


def renamed(schema: Schema, names: Mapping[str, str]) -> Schema:
    """Returns a copy of the schema, with its references changed to the new names, and written for generators."""
    copy = deepcopy(schema)
    for part in _schemas(copy):
        if "$ref" in part:
            part["$ref"] = _reference(part["$ref"], names)
        if "discriminator" in part:
            mapping = part["discriminator"]["mapping"]
            part["discriminator"]["mapping"] = {tag: _reference(target, names) for tag, target in mapping.items()}
        if part.get("type") == "array":
            _complete_array(part)
        if "enum" in part:
            _complete_enumeration(part)
    return copy


def _reference(target: str, names: Mapping[str, str]) -> str:
    name = target.removeprefix(PREFIX)
    return PREFIX + names[name] if name in names else target


def _complete_array(array: Schema) -> None:
    """Removes an `items` that is false, and adds one that is missing.

    After `prefixItems`, `maxItems` says as much as `items: false`. Generators refuse a schema that is not an object,
    and an array that does not describe its elements.
    """
    if "prefixItems" in array:
        if array.get("items") is False and array.get("maxItems") == len(array["prefixItems"]):
            del array["items"]
    else:
        array.setdefault("items", {})


def _complete_enumeration(schema: Schema) -> None:
    """Adds the type of the values, if all have one."""
    values: list[object] = schema["enum"]
    for name, type_ in _TYPES.items():
        if all(type(value) is type_ for value in values):
            schema.setdefault("type", name)


def references(schema: Schema) -> Iterator[str]:
    """Yields the names of the components that a schema refers to."""
    for part in _schemas(schema):
        if "$ref" in part:
            yield part["$ref"].removeprefix(PREFIX)


def _schemas(schema: Any) -> Iterator[Schema]:
    """Yields a schema and those that it contains. Values, such as defaults, are not searched."""
    if not isinstance(schema, dict):  # true and false are schemas too
        return
    found = cast("Schema", schema)
    yield found
    parts = [found[keyword] for keyword in _ONE if keyword in found]
    parts += [part for keyword in _LIST for part in found.get(keyword, ())]
    parts += [part for keyword in _OBJECT for part in found.get(keyword, {}).values()]
    for part in parts:
        yield from _schemas(part)
