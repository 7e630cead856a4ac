"""Responses whose body is whole before it is sent."""

from typing import Any, ClassVar, Final, Generic

from typing_extensions import TypeVar

from jero.responses.response import H, Response

T = TypeVar("T", default=Any)

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"


class JSONResponse(Response[H], Generic[T, H], frozen=True):
    """`content` as JSON (RFC 8259)."""

    media_types: ClassVar[tuple[str, ...]] = (JSON,)

    content: T


class Created(JSONResponse[T, H], Generic[T, H], frozen=True, kw_only=True):
    """`content` as JSON, with status 201 (RFC 9110, section 15.3.2)."""

    status_code: int = 201


class TextResponse(Response[H], Generic[H], frozen=True):
    """`content` as `text/plain` in UTF-8."""

    media_types: ClassVar[tuple[str, ...]] = (TEXT,)

    content: str


class BytesResponse(Response[H], Generic[H], frozen=True):
    """`content` as it is, `application/octet-stream` unless `raw_headers` says otherwise."""

    media_types: ClassVar[tuple[str, ...]] = (BYTES,)

    content: bytes


class NoContent(Response[H], Generic[H], frozen=True):
    """Status 204 and no body (RFC 9110, section 15.3.5); a browser's `EventSource` stops reconnecting on it."""

    has_body: ClassVar[bool] = False

    status_code: int = 204
