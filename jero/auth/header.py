"""The `Authorization` header (RFC 9110, section 11.6.2).

Bearer tokens (RFC 6750).

User names and passwords (RFC 7617).
"""

import re
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from typing import Final, Generic

from msgspec import Struct

from jero.auth.auth import MAX_CREDENTIAL_LENGTH, CredentialAuth, U
from jero.auth.scheme import HTTPScheme, SecurityScheme

# RFC 9110, section 11.2: token68 has the letters of base64, base64url and a few more.
_CREDENTIALS: Final = re.compile(r"(?P<scheme>[!#$%&'*+\-.^_`|~0-9A-Za-z]+) +(?P<token68>[A-Za-z0-9\-._~+/]+=*)")


class AuthorizationHeaders(Struct, frozen=True):
    """Every `Authorization` header of a request: more than one is a fault."""

    authorization: tuple[str, ...] = ()


def token68(headers: AuthorizationHeaders, scheme: str) -> str | None:
    """What stands after the scheme, where there is one header, of that scheme, and well formed."""
    if len(headers.authorization) != 1 or len(headers.authorization[0]) > MAX_CREDENTIAL_LENGTH:
        return None
    match = _CREDENTIALS.fullmatch(headers.authorization[0])
    return match["token68"] if match and match["scheme"].lower() == scheme else None


def is_of_scheme(headers: AuthorizationHeaders, scheme: str) -> bool:
    """Whether a header attempts that scheme, however badly."""
    return any(one.partition(" ")[0].lower() == scheme for one in headers.authorization)


class BearerAuth(CredentialAuth[U], ABC, Generic[U]):
    """`Authorization: Bearer <token>`: subclass it, naming the user's type, and define `verify`.

        class Tokens(BearerAuth[User], realm="movies"):
            async def verify(self, token: str) -> User: ...

    Whoever sends no `Authorization` is refused; with `BearerAuth[User | None]` the user is then `None`.
    """

    scheme: SecurityScheme = HTTPScheme(scheme="bearer")

    @abstractmethod
    async def verify(self, token: str) -> U:
        """The user that the token stands for. Raises `Unauthorized` to refuse it."""

    async def authenticate(self, headers: AuthorizationHeaders) -> U:
        """The user. Raises `Unauthorized` where the header is missing, malformed, doubled or over 8 KiB."""
        if not headers.authorization:
            return self._anonymous()
        token = token68(headers, "bearer")
        if token is None:
            raise self._refused(was_sent=is_of_scheme(headers, "bearer"))
        return await self._verified(self.verify(token))


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class BasicAuth(CredentialAuth[U], ABC, Generic[U]):
    """`Authorization: Basic <base64>`: subclass it, naming the user's type, and define `verify`.

        class Accounts(BasicAuth[User], realm="movies"):
            async def verify(self, username: str, password: str) -> User: ...

    Whoever sends no `Authorization` is refused; with `BasicAuth[User | None]` the user is then `None`.
    """

    scheme: SecurityScheme = HTTPScheme(scheme="basic")

    @abstractmethod
    async def verify(self, username: str, password: str) -> U:
        """The user of that name and password. Raises `Unauthorized` to refuse them."""

    async def authenticate(self, headers: AuthorizationHeaders) -> U:
        """The user. Raises `Unauthorized` where the header is missing, malformed, doubled or over 8 KiB."""
        if not headers.authorization:
            return self._anonymous()
        pair = _read(token68(headers, "basic"))
        if pair is None:
            raise self._refused(was_sent=is_of_scheme(headers, "basic"))
        return await self._verified(self.verify(*pair))


def _read(encoded: str | None) -> tuple[str, str] | None:
    """User name and password, where they are base64 of UTF-8 with a colon and no control character (section 2)."""
    try:
        octets = b64decode(encoded or "")
        text = octets.decode()
    except ValueError:
        return None
    if b64encode(octets).decode() != encoded:  # the decoder passes over what is not base64
        return None
    username, colon, password = text.partition(":")
    return (username, password) if colon and not _CONTROL.search(text) else None
