"""Writes the documents of a test's endpoints, and decodes them as a reader does."""

from typing import Any

import msgspec

from jero import Endpoint
from jero.contract.operation import Operation, read_operations
from jero.openapi.info import DocumentInfo
from jero.openapi.serve import document_bytes

INFO = DocumentInfo(title="Films", version="1.2.3")


def operations(*endpoints: Endpoint, auth: Any = None, has_enc_hook: bool = False) -> list[Operation]:
    return [
        operation
        for endpoint in endpoints
        for operation in read_operations(endpoint, None, auth=auth, has_enc_hook=has_enc_hook)
    ]


def document(
    *endpoints: Endpoint, openapi_version: str = "3.2.0", info: DocumentInfo = INFO, auth: Any = None
) -> dict[str, Any]:
    return decoded(operations(*endpoints, auth=auth), openapi_version=openapi_version, info=info)


def decoded(found: list[Operation], *, openapi_version: str = "3.2.0", info: DocumentInfo = INFO) -> dict[str, Any]:
    written: dict[str, Any] = msgspec.json.decode(document_bytes(found, info, openapi_version))
    return written


def only_operation(*endpoints: Endpoint, openapi_version: str = "3.2.0", auth: Any = None) -> dict[str, Any]:
    """Returns the Operation Object of a document that has a single operation."""
    [path] = document(*endpoints, openapi_version=openapi_version, auth=auth)["paths"].values()
    [operation] = path.values()
    return dict(operation)
