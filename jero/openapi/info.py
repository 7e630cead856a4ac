"""Describes an application for its OpenAPI document, and names where the document and its page are served."""

from collections.abc import Sequence
from typing import TypedDict

from msgspec import Struct

from jero.contract.operation import Operation
from jero.endpoint import Endpoint


class Contact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The person or team to contact about the API.

    `name`, `url`, `email`: how to name and to reach them.
    """

    name: str | None = None
    url: str | None = None
    email: str | None = None


class License(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The licence of the API.

    `name`: the licence's name.
    `identifier`: its SPDX identifier. Give either this or `url`.
    `url`: the address of its text.
    """

    name: str
    identifier: str | None = None
    url: str | None = None


class Server(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An address that the API is served at.

    `url`: absolute, or relative to the document's own URL.
    `description`: CommonMark.
    """

    url: str
    description: str | None = None


class Tag(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A group of operations.

    `name`: the name that endpoints and operations list in their `tags`.
    `description`: CommonMark.
    """

    name: str
    description: str | None = None


class DocumentInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The head of a document (OpenAPI 3.2, section 4.2).

    `title`: the API's name.
    `version`: the API's own version, not that of OpenAPI.
    `summary`: one line about the API.
    `description`: CommonMark.
    `terms_of_service`: a URL.
    `contact`: the person or team to contact.
    `license`: the API's licence.
    `servers`: the addresses of the API, each a `Server` or only its URL. If empty, clients use the document's own host.
    `tags`: the tags that have a description, in the order to show them. Operations may have further tags.
    """

    title: str
    version: str
    summary: str | None = None
    description: str | None = None
    terms_of_service: str | None = None
    contact: Contact | None = None
    license: License | None = None
    servers: Sequence[Server | str] = ()
    tags: Sequence[Tag] = ()


class Description(TypedDict, total=False):
    """The optional fields of `DocumentInfo`, as keyword arguments."""

    summary: str
    description: str | None
    terms_of_service: str
    contact: Contact
    license: License
    servers: Sequence[Server | str]
    tags: Sequence[Tag]


class Documentation(Struct, frozen=True):
    """The document to write, and the paths to serve it and its page on.

    Without a `path`, neither is served. Without a `docs_path`, only the document is.
    """

    info: DocumentInfo
    path: str | None
    docs_path: str | None
    openapi_version: str

    def endpoints(self, operations: Sequence[Operation]) -> list[tuple[Endpoint, str]]:
        """Returns the endpoints, each with the path to include it at. Raises `WiringError` as `build_document` does."""
        if self.path is None:
            return []
        # Imported only if needed: these modules take a fifth of the time that importing jero takes.
        from jero.openapi.serve import document_bytes, document_endpoint, page_endpoints

        document = document_bytes(operations, self.info, self.openapi_version)
        endpoints: list[tuple[Endpoint, str]] = [(document_endpoint(document), self.path)]
        if self.docs_path is not None:
            endpoints += page_endpoints(self.path, self.info.title, self.docs_path)
        return endpoints
