"""Defines the responses whose body is complete before it is sent."""

from typing import Any, ClassVar, Final, Generic, cast
from urllib.parse import quote

from typing_extensions import TypeVar

from jero.http.asgi import HeaderPairs
from jero.responses.response import H, Response

T = TypeVar("T", default=Any)

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"

# The characters of a URI reference (RFC 3986, section 2), "%" of one that is encoded already among them.
_OF_REFERENCES: Final = "%:/?#[]@!$&'()*+,;="

REDIRECTIONS: Final = frozenset({301, 302, 303, 307, 308})


class JSONResponse(Response[H], Generic[T, H], frozen=True):
    """A response with a JSON body (RFC 8259), sent as `application/json`.

    `content`: any value that the application's encoder writes.
    `status_code`, `headers`, `raw_headers`, `cookies`: as in every response.

    Raises `ValueError` and `TypeError` as every response does, for a wrong status or header.
    """

    media_types: ClassVar[tuple[str, ...]] = (JSON,)

    content: T


class Created(JSONResponse[T, H], Generic[T, H], frozen=True, kw_only=True):
    """A `JSONResponse` with status 201 (RFC 9110, section 15.3.2).

    Set a `Location` header if the new resource has a URL of its own.
    """

    status_code: int = 201


class Accepted(JSONResponse[T, H], Generic[T, H], frozen=True, kw_only=True):
    """A `JSONResponse` with status 202 (RFC 9110, section 15.3.3): the work goes on after the answer.

    `content`: how the work stands, or where its client can look. If a protocol wants no body, subclass `NoContent`, and
    set its `status_code` to 202.
    """

    status_code: int = 202


class TextResponse(Response[H], Generic[H], frozen=True):
    """A response with a text body, sent as `text/plain` in UTF-8.

    `content`: the text.
    `status_code`, `headers`, `raw_headers`, `cookies`: as in every response.

    Raises `TypeError` if `content` is not a `str`.
    """

    media_types: ClassVar[tuple[str, ...]] = (TEXT,)

    content: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(cast("object", self.content), str):
            raise TypeError(
                f"TextResponse(content={self.content!r}): it is not a str. Use JSONResponse for other data."
            )


class BytesResponse(Response[H], Generic[H], frozen=True):
    """A response with a body of bytes, sent as `application/octet-stream`.

    `content`: the body.
    `raw_headers`: a `Content-Type` in them replaces the media type.
    `status_code`, `headers`, `cookies`: as in every response.

    Raises `TypeError` if `content` is not `bytes`, a `bytearray` or a `memoryview`.
    """

    media_types: ClassVar[tuple[str, ...]] = (BYTES,)

    content: bytes

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(cast("object", self.content), bytes | bytearray | memoryview):
            raise TypeError(f"BytesResponse(content={self.content!r}): it is not bytes. Encode it first.")


class NoContent(Response[H], Generic[H], frozen=True):
    """A response without a body, with status 204 (RFC 9110, section 15.3.5).

    `status_code`: any status. 205 and 304 have no body either.
    `headers`, `raw_headers`, `cookies`: as in every response.

    A browser's `EventSource` that receives a 204 does not reconnect (WHATWG HTML, section 9.2.3).
    """

    has_body: ClassVar[bool] = False

    status_code: int = 204


class _Located(Response[H], Generic[H], frozen=True):
    """Has a location, which may be given by position."""

    has_body: ClassVar[bool] = False

    location: str


class Redirect(_Located[H], Generic[H], frozen=True, kw_only=True):
    """A response without a body that sends the client to another URL (RFC 9110, section 15.4).

    `location`: the URL, or a reference relative to that of the request. Characters that no URL has are sent
    percent-encoded. Do not pass on a URL that a client chose: it would lead your users to any site.
    `status_code`: 303 asks for the location with GET, after a form or a POST. 307 repeats the request there, with its
    method and body. 308 does so for good, and 301 and 302 are their forerunners, which turn a POST into a GET.
    `headers`, `raw_headers`, `cookies`: as in every response.

    Raises `ValueError` for another status. Raises `TypeError` if `location` is not a `str`.
    """

    status_code: int = 303

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(cast("object", self.location), str):
            raise TypeError(f"Redirect(location={self.location!r}): it is not a str. Write the URL as text.")
        if self.status_code not in REDIRECTIONS:
            raise ValueError(f"Redirect(status_code={self.status_code}): it must be 301, 302, 303, 307 or 308.")

    def header_pairs(self) -> HeaderPairs:
        """Returns the `Location`, unless a header of the response's own replaces it, and the headers as they are."""
        own = super().header_pairs()
        if any(name == b"location" for name, _ in own):
            return own
        return [(b"location", quote(self.location, safe=_OF_REFERENCES).encode()), *own]
