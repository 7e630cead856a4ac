"""User names and passwords (RFC 7617)."""

import re
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from typing import Final, Generic

from jero.auth.authorization import AuthorizationHeaders, is_of_scheme, token68
from jero.auth.base import CredentialAuth, U
from jero.auth.scheme import HTTPScheme, SecurityScheme

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
