"""Teaches schemathesis how lines of JSON are written, and how msgspec reads an integer."""

from importlib import import_module
from typing import Any, cast

import msgspec

schemathesis: Any = import_module("schemathesis")  # its types are partly unknown

LINES = ("application/x-ndjson", "application/jsonl")


def write_lines(context: object, value: Any) -> bytes:
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    return msgspec.json.Encoder().encode_lines(items)


def before_load_schema(context: object, raw_schema: dict[str, Any]) -> None:
    """Changes the schema of an item into that of the whole body: schemathesis makes a body of its `schema` alone."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            content = operation.get("requestBody", {}).get("content", {})
            for media_type in content.keys() & set(LINES):
                item = content[media_type].get("itemSchema") or content[media_type]["schema"]
                content[media_type] = {"schema": {"type": "array", "items": item}}


def map_body(context: object, body: Any) -> Any:
    """Writes 2.0 as 2: both are integers to JSON Schema, only 2 is an integer to msgspec."""
    return _with_integers(body)


def _with_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_integers(member) for key, member in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_with_integers(element) for element in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


schemathesis.serializer(*LINES)(write_lines)
schemathesis.hook(before_load_schema)
schemathesis.hook(map_body)
