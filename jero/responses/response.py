"""Defines the status, the headers and the cookies that every response has."""

from collections.abc import Sequence
from typing import ClassVar, Final, Generic, cast

from msgspec import Struct
from typing_extensions import TypeVar

from jero.http.asgi import HeaderPairs
from jero.http.cookies import Cookie
from jero.http.headers import RawHeaders, raw_pairs, typed_pairs

H = TypeVar("H", default=None)

BODILESS: Final = frozenset({204, 205, 304})  # RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5


class Response(Struct, Generic[H], frozen=True, kw_only=True):
    """The base class of all responses.

    `status_code`: from 200 to 599.
    `headers`: a Struct of typed headers. Fields that are `None` or UNSET are not sent, a list repeats its header.
    `raw_headers`: a mapping or pairs of names and values. They replace headers that jero sets, such as `Content-Type`.
    `cookies`: the cookies to set.

    Raises `ValueError` for another status, for 204, 205 or 304 with a body, and for a raw header that HTTP does not
    allow (RFC 9110, section 5). Raises `TypeError` if `headers` is not a Struct.
    """

    # Whether the class has a body, and the media types that its body may have.
    has_body: ClassVar[bool] = True
    media_types: ClassVar[tuple[str, ...]] = ()

    status_code: int = 200
    headers: H | None = None
    raw_headers: RawHeaders = ()
    cookies: Sequence[Cookie] = ()

    def __post_init__(self) -> None:
        owner, status = type(self).__name__, self.status_code
        if not isinstance(cast("object", status), int) or not 200 <= status <= 599:
            raise ValueError(f"{owner}(status_code={status!r}): the status of a response is from 200 to 599.")
        if self.has_body and status in BODILESS:
            raise ValueError(f"{owner}(status_code={status}): this status allows no body. Return NoContent.")
        if self.headers is not None and not isinstance(self.headers, Struct):
            raise TypeError(f"{owner}(headers=...): it is not a Struct. Pass a mapping or pairs as raw_headers.")
        if self.raw_headers:
            raw_pairs(self.raw_headers)

    def header_pairs(self) -> HeaderPairs:
        """Returns the raw headers, the typed headers, and a `Set-Cookie` for each cookie.

        Raises `ValueError` for a typed header that HTTP does not allow (RFC 9110, section 5).
        """
        pairs = raw_pairs(self.raw_headers) if self.raw_headers else []
        if isinstance(self.headers, Struct):
            pairs += typed_pairs(self.headers)
        pairs += [(b"set-cookie", cookie.header().encode("latin-1")) for cookie in self.cookies]
        return pairs
