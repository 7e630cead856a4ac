"""Writes one operation of the contract as an Operation Object."""

import re
import types
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from jero.annotations import union_members
from jero.contract.authentication import Authentication
from jero.contract.inputs import BODIES, Input
from jero.contract.operation import Operation
from jero.openapi.components import numbered
from jero.openapi.json_schema import Schema
from jero.openapi.media_types import MediaTypes
from jero.openapi.parameters import parameters
from jero.openapi.responses import responses
from jero.openapi.schemas import Schemas

_WORD_ENDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN_WORDS: Final = re.compile(r"[^A-Za-z0-9]+")


class Security:
    """The security schemes of one document, each under the name of its authenticator's class."""

    def __init__(self) -> None:
        self.schemes: dict[str, Schema] = {}

    def requirement(self, authentication: Authentication) -> list[dict[str, list[str]]]:
        """Returns the Security Requirement Objects. An empty one comes first if anonymous callers are admitted."""
        scheme: Schema = msgspec.to_builtins(authentication.scheme)
        names = numbered(type(authentication.authenticator).__name__)
        name = next(name for name in names if self.schemes.get(name, scheme) == scheme)
        self.schemes[name] = scheme
        required: list[dict[str, list[str]]] = [{name: []}]
        return [{}, *required] if types.NoneType in union_members(authentication.user) else required


class OperationWriter(Struct, frozen=True):
    """Writes the operations of one document."""

    schemas: Schemas
    media_types: MediaTypes
    security: Security

    def write(self, operation: Operation, operation_id: str, slots: Sequence[str]) -> Schema:
        """Returns the Operation Object. `slots` are the names that the slots of its path have in the document."""
        notes = operation.notes
        body = next((argument for argument in operation.inputs if argument.name in BODIES), None)
        authentication = operation.authentication
        written: Schema = {
            "tags": list(notes.tags or ()),
            "summary": notes.summary,
            "description": notes.description,
            "operationId": operation_id,
            "parameters": parameters(operation.taken, operation.template, slots, self.schemas),
            "requestBody": body and _request_body(body, self.media_types),
            "responses": responses(operation, self.media_types, self.schemas),
            "deprecated": notes.deprecated,
            "security": authentication and self.security.requirement(authentication),
        }
        return {keyword: value for keyword, value in written.items() if value}


def operation_id(operation: Operation, taken: Collection[str]) -> str:
    """Returns `movies_get` for `MoviesEndpoint.get`. If that name is taken, the words of the path are added."""
    name = _WORD_ENDS.sub("_", operation.name.removesuffix("Endpoint") or operation.name).lower()
    plain = f"{name}_{operation.method.lower()}"
    if plain not in taken:
        return plain
    with_path = f"{plain}_{_BETWEEN_WORDS.sub('_', operation.template.text).strip('_')}"
    return next(found for found in numbered(with_path) if found not in taken)


def _request_body(body: Input, media_types: MediaTypes) -> Schema:
    """Returns the Request Body Object. A body is required, except raw `content`, which may be empty."""
    content = {"content": media_types.received(body)}
    return content if body.name == "content" else {**content, "required": True}
