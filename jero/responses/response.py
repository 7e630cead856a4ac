"""What every response has: a status, headers, cookies."""

from collections.abc import Sequence
from typing import ClassVar, Generic

from msgspec import Struct
from typing_extensions import TypeVar

from jero.http.asgi import HeaderPairs
from jero.http.cookies import Cookie
from jero.http.headers import RawHeaders, raw_pairs, typed_pairs

H = TypeVar("H", default=None)

_BODILESS = frozenset({204, 205, 304})


class Response(Struct, Generic[H], frozen=True, kw_only=True):
    """The root of the responses. `media_types`: what a response of that class can be sent as.

    `headers` is a Struct of typed headers, `raw_headers` a mapping or pairs; a header in `raw_headers` stands in
    place of the one that jero would have sent. Raises `ValueError` for a status that is none or that allows
    no body where there is one, and for CR, LF or NUL in a header.
    """

    has_body: ClassVar[bool] = True
    media_types: ClassVar[tuple[str, ...]] = ()

    status_code: int = 200
    headers: H | None = None
    raw_headers: RawHeaders = ()
    cookies: Sequence[Cookie] = ()

    def __post_init__(self) -> None:
        if not 200 <= self.status_code <= 599:
            raise ValueError(f"status_code={self.status_code!r}: the status of a response is from 200 to 599.")
        if self.has_body and self.status_code in _BODILESS:
            raise ValueError(f"status_code={self.status_code}: that response has no body; return NoContent.")
        if self.headers is not None and not isinstance(self.headers, Struct):
            raise TypeError(f"headers={self.headers!r}: it is a Struct of typed headers; give others as raw_headers.")
        if self.raw_headers:
            raw_pairs(self.raw_headers)

    def header_pairs(self) -> HeaderPairs:
        """The headers that the handler asked for: typed, raw, and a `Set-Cookie` for each cookie."""
        pairs = raw_pairs(self.raw_headers) if self.raw_headers else []
        if isinstance(self.headers, Struct):
            pairs += typed_pairs(self.headers)
        pairs += [(b"set-cookie", cookie.header().encode("latin-1")) for cookie in self.cookies]
        return pairs
