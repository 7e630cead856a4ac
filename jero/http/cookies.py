"""Reads the cookies of a request, and writes those of a response (RFC 6265)."""

import re
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from jero.http.headers import TOKEN, header_text

_VALUE: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_ATTRIBUTE: Final = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_SPACE: Final = " \t"  # HTTP's whitespace (RFC 9110, section 5.6.3); str.strip() alone would remove more


class Cookie(Struct, frozen=True, kw_only=True):
    """A cookie to set (RFC 6265, section 4.1). By default it is `HttpOnly` and `SameSite=Lax`.

    `name`: a token (RFC 9110, section 5.6.2).
    `value`: ASCII without spaces, quotes, commas, semicolons and backslashes. Encode other text first, and decode it
    when you read it: jero reads back what it has written, and decodes nothing.
    `max_age`: seconds to keep the cookie. 0 deletes it.
    `expires`: the moment to delete it; without a time zone, in UTC. `max_age` has priority. If both are `None`, the
    cookie ends with the browser's session.
    `domain`: sends the cookie to this host and its subdomains. `None`: to the host that set it alone.
    `path`: sends the cookie for this path and those below it. `None`: for the directory of the request's path.
    `secure`: sends the cookie over HTTPS alone.
    `http_only`: hides the cookie from scripts.
    `same_site`: which requests from other sites send the cookie. "none" needs `secure`.

    Raises `ValueError` if the name, the value or an attribute contains a character that is not allowed there.
    """

    name: str
    value: str
    max_age: int | None = None
    expires: datetime | None = None
    domain: str | None = None
    path: str | None = "/"
    secure: bool = False
    http_only: bool = True
    same_site: Literal["strict", "lax", "none"] | None = "lax"

    def __post_init__(self) -> None:
        if not TOKEN.fullmatch(self.name):
            raise ValueError(
                f"{self.name!r} is not a cookie name: RFC 6265, section 4.1.1, allows letters, digits "
                "and !#$%&'*+-.^_`|~."
            )
        if not _VALUE.fullmatch(self.value):
            raise ValueError(
                f"The value of cookie {self.name!r} contains a character that RFC 6265, section 4.1.1, forbids: "
                f"{self.value!r}. Encode it first, for example with urllib.parse.quote."
            )
        for attribute in (self.domain, self.path):
            if attribute is not None and not _ATTRIBUTE.fullmatch(attribute):
                raise ValueError(
                    f"An attribute of cookie {self.name!r} contains ';' or a character outside printable ASCII: "
                    f"{attribute!r}. Remove it."
                )

    def header(self) -> str:
        """Returns the value of the `Set-Cookie` header."""
        parts = [f"{self.name}={self.value}"]
        valued = {
            "Max-Age": self.max_age,
            "Expires": None if self.expires is None else header_text(self.expires),
            "Domain": self.domain,
            "Path": self.path,
            "SameSite": self.same_site and self.same_site.capitalize(),
        }
        parts += [f"{name}={value}" for name, value in valued.items() if value is not None]
        parts += [name for name, present in (("Secure", self.secure), ("HttpOnly", self.http_only)) if present]
        return "; ".join(parts)


def read_cookies(header: str) -> dict[str, str]:
    """Returns the cookies of a `Cookie` header. The first of a name counts; a part without `=` is ignored.

    Values are read unchanged (RFC 6265, section 5.4), but lose a pair of quotes around them, which some clients add.
    """
    cookies: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            value = value.strip(_SPACE)
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            cookies.setdefault(name.strip(_SPACE), value)
    return cookies
