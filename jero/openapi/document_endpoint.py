"""Serves the document."""

import hashlib
from typing import Annotated

from msgspec import Meta, Struct

from jero.endpoint import Endpoint
from jero.responses.whole import BytesResponse, NoContent


class _Revalidation(Struct):
    """What a client says of the copy that it has (RFC 9110, section 13.1.2)."""

    if_none_match: Annotated[list[str], Meta(description="The entity tags of the copies that the client has.")] = []


class _Validators(Struct):
    """What a client keeps with its copy, and that it asks before it uses it."""

    content_type: str
    etag: str
    cache_control: str = "no-cache"


class DocumentEndpoint(Endpoint):
    """The document, as it was written at startup; a client that has this very one is told so."""

    def __init__(self, document: bytes) -> None:
        self._document = document
        self._validators = _Validators("application/json", f'"{hashlib.sha256(document).hexdigest()[:32]}"')

    async def get(self, headers: _Revalidation) -> BytesResponse[_Validators] | NoContent[_Validators]:
        """The OpenAPI document of this application."""
        tags = {tag.strip().removeprefix("W/") for line in headers.if_none_match for tag in line.split(",")}
        if not tags.isdisjoint((self._validators.etag, "*")):
            return NoContent(status_code=304, headers=self._validators)
        return BytesResponse(content=self._document, headers=self._validators)
