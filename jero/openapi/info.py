"""What a document says of the application as a whole."""

from collections.abc import Sequence

from msgspec import Struct


class Contact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom to ask about the API."""

    name: str | None = None
    url: str | None = None
    email: str | None = None


class License(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The licence of the API: `identifier` is one of SPDX's, and stands in place of `url`."""

    name: str
    identifier: str | None = None
    url: str | None = None


class Server(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the API is served: `url` may be relative to the document's."""

    url: str
    description: str | None = None


class Tag(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A group of operations; `description` is CommonMark."""

    name: str
    description: str | None = None


class DocumentInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The head of a document (OpenAPI 3.2, section 4.2): `version` is the API's own, `description` is CommonMark.

    `servers`: where the API is served, or only its URL; none, where the document is. `tags`: those that have a
    description, in the order they are shown in; operations may name others.
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
