"""Credentials in the `Authorization` header: bearer tokens (RFC 6750), user names and passwords (RFC 7617)."""

import re
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections.abc import Awaitable
from typing import ClassVar, Final, Generic

from msgspec import Struct

from jero.auth.auth import MAX_CREDENTIAL_LENGTH, CredentialAuth, U
from jero.auth.scheme import HTTPScheme, SecurityScheme
from jero.http.headers import TOKEN

# RFC 9110, sections 11.2 and 11.6.2. A token68 consists of the letters of base64, of base64url and a few others.
_CREDENTIALS: Final = re.compile(rf"(?P<scheme>{TOKEN.pattern}) +(?P<token68>[A-Za-z0-9\-._~+/]+=*)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class AuthorizationHeaders(Struct, frozen=True):
    """Every `Authorization` header of a request. More than one is a fault."""

    authorization: tuple[str, ...] = ()


class AuthorizationAuth(CredentialAuth[U], ABC, Generic[U]):
    """The base of authenticators that read `Authorization`. `authorization_scheme` is the expected word, lower case."""

    authorization_scheme: ClassVar[str]

    async def authenticate(self, headers: AuthorizationHeaders) -> U:
        """Returns the user. Raises `Unauthorized` if the header is missing, malformed, repeated or over 8 KiB.

        Headers of different values are refused with 400 before.
        """
        if not headers.authorization:
            return self._anonymous()
        token68 = self._token68(headers.authorization)
        if token68 is None:
            words = [header.partition(" ")[0].lower() for header in headers.authorization]
            raise self._refused(was_sent=self.authorization_scheme in words)
        return await self._verified(self._user_of(token68))

    @abstractmethod
    def _user_of(self, token68: str) -> Awaitable[U]: ...

    def _token68(self, authorization: tuple[str, ...]) -> str | None:
        """Returns the credentials of the only header, if it is well formed and of the expected scheme."""
        if len(authorization) != 1 or len(authorization[0]) > MAX_CREDENTIAL_LENGTH:
            return None
        match = _CREDENTIALS.fullmatch(authorization[0])
        return match["token68"] if match and match["scheme"].lower() == self.authorization_scheme else None


class BearerAuth(AuthorizationAuth[U], ABC, Generic[U]):
    """`Authorization: Bearer <token>`: a subclass names the type of the user, and defines `verify`.

        class Tokens(BearerAuth[User], realm="movies"):
            async def verify(self, token: str) -> User: ...

    A request without `Authorization` is refused. With `BearerAuth[User | None]` its user is `None` instead.
    """

    scheme: SecurityScheme = HTTPScheme(scheme="bearer")
    authorization_scheme = "bearer"

    @abstractmethod
    async def verify(self, token: str) -> U:
        """Returns the user of the token. Raises `Unauthorized` to refuse it."""

    def _user_of(self, token68: str) -> Awaitable[U]:
        return self.verify(token68)


class BasicAuth(AuthorizationAuth[U], ABC, Generic[U]):
    """`Authorization: Basic <base64>`: a subclass names the type of the user, and defines `verify`.

        class Accounts(BasicAuth[User], realm="movies"):
            async def verify(self, username: str, password: str) -> User: ...

    A request without `Authorization` is refused. With `BasicAuth[User | None]` its user is `None` instead.
    """

    scheme: SecurityScheme = HTTPScheme(scheme="basic")
    authorization_scheme = "basic"

    @abstractmethod
    async def verify(self, username: str, password: str) -> U:
        """Returns the user of `username` and `password`. Raises `Unauthorized` to refuse them."""

    def _user_of(self, token68: str) -> Awaitable[U]:
        pair = _user_and_password(token68)
        if pair is None:
            raise self._refused()
        return self.verify(*pair)


def _user_and_password(token68: str) -> tuple[str, str] | None:
    """Returns both if they are base64 of UTF-8 with a colon and without control characters (RFC 7617, section 2)."""
    try:
        octets = b64decode(token68)
        text = octets.decode()
    except ValueError:
        return None
    if b64encode(octets).decode() != token68:  # the decoder skips characters that are not base64
        return None
    username, colon, password = text.partition(":")
    return (username, password) if colon and not _CONTROL.search(text) else None
