"""One operation of the contract as an Operation Object."""

import re
from collections.abc import Collection, Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

from msgspec import Struct

from jero.contract.inputs import BODIES, Input
from jero.contract.operation import Operation
from jero.contract.outputs import Output
from jero.openapi.media_types import MediaTypes
from jero.openapi.parameters import header_objects, parameters
from jero.openapi.problems import problem_responses
from jero.openapi.schemas import Schema, Schemas
from jero.openapi.security import Security

_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[^A-Za-z0-9]+")
_STREAM_HEADERS: Final = {
    "Cache-Control": "`no-cache`, unless the handler says otherwise.",
    "X-Accel-Buffering": "`no`, unless the handler says otherwise: proxies are to pass on each item as it comes.",
}
_NEGOTIATED_HEADERS: Final = {"Vary": "What the answer depends on."}


class OperationWriter(Struct, frozen=True):
    """Writes the operations of one document."""

    schemas: Schemas
    media_types: MediaTypes
    security: Security

    def write(self, operation: Operation, operation_id: str, slots: Sequence[str]) -> Schema:
        """The Operation Object; `slots` are the names of its path's slots in the document."""
        notes = operation.notes
        body = next((one for one in operation.inputs if one.name in BODIES), None)
        authentication = operation.authentication
        written: Schema = {
            "tags": list(notes.tags or ()),
            "summary": notes.summary,
            "description": notes.description,
            "operationId": operation_id,
            "parameters": parameters(operation.inputs, operation.template, slots, self.schemas),
            "requestBody": body and _request_body(body, self.media_types),
            "responses": self._responses(operation),
            "deprecated": notes.deprecated,
            "security": authentication and self.security.requirement(authentication),
        }
        return {keyword: value for keyword, value in written.items() if value}

    def _responses(self, operation: Operation) -> Schema:
        found: dict[int, Schema] = {}
        for output in operation.outputs:
            _merge(found, output.status, self._response(output))
        for status, response in problem_responses(operation, self.schemas):
            _merge(found, status, response)
        return {str(status): found[status] for status in sorted(found)}

    def _response(self, output: Output) -> Schema:
        response: Schema = {"description": HTTPStatus(output.status).phrase}
        headers = {
            name: {"description": description, "required": True, "schema": {"type": "string"}}
            for name, description in _framework_headers(output)
        }
        headers |= dict(header_objects(output.headers, self.schemas))
        if headers:
            response["headers"] = headers
        content = self.media_types.sent(output)
        if content:
            response["content"] = content
        return response


def _request_body(body: Input, media_types: MediaTypes) -> Schema:
    """What a handler takes as it is may be nothing at all."""
    content = {"content": media_types.received(body)}
    return content if body.name == "content" else {**content, "required": True}


def operation_id(operation: Operation, taken: Collection[str]) -> str:
    """`movies_get` for `MoviesEndpoint.get`; with the words of its path where another has that name already."""
    name = _WORD_ENDS.sub("_", operation.name.removesuffix("Endpoint") or operation.name).lower()
    plain = f"{name}_{operation.method.lower()}"
    if plain not in taken:
        return plain
    with_path = f"{plain}_{_NO_WORD.sub('_', operation.template.text).strip('_')}"
    found, number = with_path, 1
    while found in taken:
        number += 1
        found = f"{with_path}_{number}"
    return found


def _framework_headers(output: Output) -> Iterator[tuple[str, str]]:
    if output.is_stream:
        yield from _STREAM_HEADERS.items()
    if output.is_negotiated:
        yield from _NEGOTIATED_HEADERS.items()


def _merge(found: dict[int, Schema], status: int, response: Schema) -> None:
    """Adds a response; what two of one status send under one media type is any of both."""
    present = found.setdefault(status, response)
    if present is response:
        return
    if present["description"] != response["description"]:
        present["description"] += f"; {response['description']}"
    _add(present, "headers", response.get("headers", {}))
    for media_type, content in response.get("content", {}).items():
        contents = present.setdefault("content", {})
        contents[media_type] = _either(contents[media_type], content) if media_type in contents else content


def _add(owner: Schema, keyword: str, values: dict[str, Any]) -> None:
    if values:
        owner[keyword] = {**values, **owner.get(keyword, {})}


def _either(one: Schema, other: Schema) -> Schema:
    """Content that is any of both; a schema that is not filled yet is told from another by its identity alone."""
    return {
        keyword: {"anyOf": [*one[keyword].get("anyOf", (one[keyword],)), other[keyword]]}
        for keyword in ("schema", "itemSchema")
        if keyword in one and keyword in other
    }
