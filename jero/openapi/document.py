"""Writes the operations of an application as one OpenAPI document (OpenAPI 3.2.0 or 3.1.0)."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from jero.contract.operation import Operation
from jero.errors import WiringError
from jero.openapi.info import DocumentInfo, Server
from jero.openapi.json_schema import Schema
from jero.openapi.media_types import MediaTypes
from jero.openapi.operation import OperationWriter, Security, operation_id
from jero.openapi.schemas import Schemas

# The keyword for the schema of one item of a stream: before 3.2, `schema` is the nearest.
_ITEM_KEYWORDS: Final = {"3.2.0": "itemSchema", "3.1.0": "schema"}
# The default of OpenAPI, written out for the linters that miss it: the host of the document.
_DEFAULT_SERVERS: Final = ("/",)
_ALWAYS: Final = ("paths", "security")


def build_document(
    operations: Sequence[Operation], info: DocumentInfo, openapi_version: str = "3.2.0"
) -> dict[str, Any]:
    """Returns the document as dicts, lists and scalars.

    Raises `WiringError` if `openapi_version` is neither "3.2.0" nor "3.1.0", if `servers` is a string, or if a type
    has no schema.
    """
    item_keyword = _ITEM_KEYWORDS.get(openapi_version)
    if item_keyword is None:
        versions = " or ".join(map(repr, _ITEM_KEYWORDS))
        raise WiringError(f"_include_openapi: openapi_version={openapi_version!r} is not supported. Write {versions}.")
    schemas, security = Schemas(), Security()
    paths = _paths(operations, OperationWriter(schemas, MediaTypes(schemas, item_keyword), security))
    components = {"schemas": schemas.components(), "securitySchemes": dict(sorted(security.schemes.items()))}
    document = {
        "openapi": openapi_version,
        "info": _info(info),
        "servers": _servers(info.servers or _DEFAULT_SERVERS),
        "security": [],  # as nothing means too: each operation with an authenticator has its own
        "tags": msgspec.to_builtins(info.tags),
        "paths": paths,
        "components": {kind: named for kind, named in components.items() if named},
    }
    return {keyword: value for keyword, value in document.items() if value or keyword in _ALWAYS}


def _paths(operations: Sequence[Operation], writer: OperationWriter) -> dict[str, Schema]:
    """Returns the Path Item Objects, in the order of inclusion.

    Templates that differ only in the names of their slots are one path (OpenAPI 3.2, section 4.8.2). That path has
    the slot names of the template that was included first.
    """
    firsts: dict[tuple[str | None, ...], Operation] = {}
    paths: dict[str, Schema] = {}
    taken: set[str] = set()
    for operation in operations:
        first = firsts.setdefault(operation.template.segments, operation).template
        name = operation_id(operation, taken)
        taken.add(name)
        paths.setdefault(first.text, {})[operation.method.lower()] = writer.write(operation, name, first.slots)
    return paths


def _info(info: DocumentInfo) -> dict[str, Any]:
    written = {
        "title": info.title,
        "summary": info.summary,
        "description": info.description,
        "termsOfService": info.terms_of_service,
        "contact": info.contact,
        "license": info.license,
        "version": info.version,
    }
    return {keyword: msgspec.to_builtins(value) for keyword, value in written.items() if value is not None}


def _servers(servers: Sequence[Server | str]) -> list[dict[str, str]]:
    if isinstance(servers, str):
        raise WiringError(f"_include_openapi: servers is {servers!r}, a string. List them: servers=[{servers!r}].")
    found = [Server(url=server) if isinstance(server, str) else server for server in servers]
    written: list[dict[str, str]] = msgspec.to_builtins(found)
    return written
