"""Reads the cookies of a request, and writes those of a response (RFC 6265)."""

import re
from datetime import datetime
from types import NoneType
from typing import Final, Literal

from msgspec import Struct

from jero.http.headers import TOKEN, header_text

_VALUE: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_ATTRIBUTE: Final = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_LONGEST: Final = 10**12
_SAME_SITE: Final = ("strict", "lax", "none", None)
_TYPES: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "name": ((str,), "a str"),
    "value": ((str,), "a str"),
    "max_age": ((int, NoneType), "an int, in seconds, or None"),
    "expires": ((datetime, NoneType), "a datetime or None"),
    "domain": ((str, NoneType), "a str or None"),
    "path": ((str, NoneType), "a str or None"),
    "secure": ((bool,), "True or False"),
    "http_only": ((bool,), "True or False"),
    "same_site": ((str, NoneType), "'strict', 'lax', 'none' or None"),
}
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

    Raises `TypeError` if a field has another type. Raises `ValueError` if the name, the value or an attribute contains
    a character that is not allowed there, or if a browser would ignore the cookie or the attribute: a `path` that does
    not begin with "/", "none" without `secure`, a name with the prefix `__Secure-` or `__Host-` without what it needs.
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
        self._check_types()
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

        if self.domain == "" or (self.path is not None and not self.path.startswith("/")):
            raise ValueError(
                f"Cookie {self.name!r} has domain={self.domain!r} and path={self.path!r}: a browser ignores an empty "
                'domain and a path that does not begin with "/". Write None or a whole value.'
            )
        self._check_attributes()

    def _check_types(self) -> None:
        """Raises `TypeError`: a field of another type would be written into the header unchecked."""
        for field, (types, described) in _TYPES.items():
            value: object = getattr(self, field)
            # A bool is an int, but not a number of seconds.
            if not isinstance(value, types) or (field == "max_age" and isinstance(value, bool)):
                raise TypeError(
                    f"Cookie({field}={value!r}): it is of type {type(value).__name__}. Give {described} instead."
                )

    def _check_attributes(self) -> None:
        if self.max_age is not None and abs(self.max_age) > _LONGEST:
            raise ValueError(f"Cookie {self.name!r} has a max_age of more than {_LONGEST} seconds. Give a smaller one.")
        if self.expires is not None:
            try:
                header_text(self.expires)
            except (ValueError, OverflowError) as error:
                found = f"Cookie {self.name!r} has expires={self.expires!r}, which no header can have: {error}"
                raise ValueError(f"{found}. Give another moment.") from error
        if self.same_site not in _SAME_SITE:
            raise ValueError(
                f"Cookie {self.name!r} has same_site={self.same_site!r}. Write 'strict', 'lax', 'none' or None."
            )
        needs_secure = self.same_site == "none" or self.name.lower().startswith(("__secure-", "__host-"))
        if needs_secure and not self.secure:
            raise ValueError(f"Browsers ignore cookie {self.name!r} without secure=True. Set it.")
        if self.name.lower().startswith("__host-") and (self.path != "/" or self.domain is not None):
            raise ValueError(
                f'Browsers ignore cookie {self.name!r} unless path is "/" and domain is `None`. Set both so.'
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
