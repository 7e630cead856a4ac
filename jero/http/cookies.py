"""Cookies (RFC 6265): the request's, read; the response's, written."""

import re
from datetime import datetime
from typing import Literal
from urllib.parse import unquote

from msgspec import Struct

from jero.http.headers import header_text

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_SPACE = " \t"  # str.strip() without it takes what is no whitespace in HTTP (RFC 9110, section 5.6.3) too


class Cookie(Struct, frozen=True, kw_only=True):
    """A cookie to set (RFC 6265, section 4.1), kept from scripts and from other sites unless told otherwise.

    `max_age` is in seconds; without it and `expires` the cookie ends with the browser's session.
    Raises `ValueError` for a name, value or attribute that would break out of its place in the header.
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
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no cookie name: RFC 6265, section 4.1.1, asks for a token.")
        if not _VALUE.fullmatch(self.value):
            raise ValueError(
                f"The value of cookie {self.name!r} holds a character that RFC 6265, section 4.1.1, refuses: "
                f"{self.value!r}. Encode it first, with urllib.parse.quote for one."
            )
        for attribute in (self.domain, self.path):
            if attribute is not None and not _ATTRIBUTE.fullmatch(attribute):
                raise ValueError(f"An attribute of cookie {self.name!r} is not ASCII without ';': {attribute!r}.")

    def header(self) -> str:
        """The value of the `Set-Cookie` header."""
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
    """The cookies of a `Cookie` header; the first of a name counts, and what is no pair is passed over.

    Values are percent-decoded, and freed of the quotes that some clients put around them.
    """
    cookies: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            cookies.setdefault(name.strip(_SPACE), unquote(value.strip(_SPACE).strip('"')))
    return cookies
