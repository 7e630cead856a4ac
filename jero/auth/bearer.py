"""Bearer tokens (RFC 6750)."""

from abc import ABC, abstractmethod
from typing import Generic

from jero.auth.authorization import AuthorizationHeaders, is_of_scheme, token68
from jero.auth.base import CredentialAuth, U
from jero.auth.scheme import HTTPScheme, SecurityScheme


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
