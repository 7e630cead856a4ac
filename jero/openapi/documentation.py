"""An application's documentation: the document and the page that shows it, as endpoints."""

from collections.abc import Sequence
from importlib import import_module
from typing import TypedDict

from jero.contract.operation import Operation
from jero.endpoint import Endpoint
from jero.openapi.info import Contact, DocumentInfo, License, Server, Tag


class Description(TypedDict, total=False):
    """What may be said of an application, beside its title and version: see `DocumentInfo`."""

    summary: str
    description: str | None
    terms_of_service: str
    contact: Contact
    license: License
    servers: Sequence[Server | str]
    tags: Sequence[Tag]


class Documentation:
    """What is to be written, and where it is served; without a `path` neither the document nor its page are."""

    def __init__(self, info: DocumentInfo, path: str | None, docs_path: str | None, openapi_version: str) -> None:
        self._info = info
        self._path = path
        self._docs_path = docs_path
        self._openapi_version = openapi_version

    def endpoints(self, operations: Sequence[Operation]) -> list[tuple[Endpoint, str]]:
        """The endpoints, each with the path to include it at. Raises `WiringError` as `document_bytes` does."""
        if self._path is None:
            return []
        # Imported here for they are a fifth of the time that it takes to import jero, and not every application's.
        writing = import_module("jero.openapi.document")
        document: bytes = writing.document_bytes(operations, self._info, self._openapi_version)
        endpoints: list[tuple[Endpoint, str]] = [(writing.openapi_endpoint(document), self._path)]
        if self._docs_path is not None:
            page = import_module("jero.openapi.page")
            endpoints += page.page_endpoints(self._path, self._info.title, self._docs_path)
        return endpoints
