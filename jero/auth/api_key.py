"""Keys under a name of the user's choice, in a header, in the query or in a cookie."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic

from jero.annotations import wiring_error
from jero.auth.auth import MAX_CREDENTIAL_LENGTH, CredentialAuth, U
from jero.auth.scheme import APIKeyScheme, KeyLocation, SecurityScheme
from jero.http.cookies import Cookie
from jero.http.headers import header_pair


class APIKeyAuth(CredentialAuth[U], ABC, Generic[U]):
    """A key in a header, the query or a cookie: a subclass names the type of the user and the place of the key.

        class Sessions(APIKeyAuth[User], cookie="session"):
            async def verify(self, key: str) -> User: ...

    It also defines `verify`. Other places are `header="X-API-Key"` and `query="key"`. A request without a key is
    refused. With `APIKeyAuth[User | None]` its user is `None` instead.
    """

    scheme: SecurityScheme
    _key_scheme: ClassVar[APIKeyScheme | None] = None

    def __init_subclass__(
        cls, *, header: str | None = None, query: str | None = None, cookie: str | None = None, **options: Any
    ) -> None:
        super().__init_subclass__(**options)
        names: dict[KeyLocation, str | None] = {"header": header, "query": query, "cookie": cookie}
        schemes = [APIKeyScheme(name=name, location=at) for at, name in names.items() if name is not None]
        if len(schemes) > 1:
            raise wiring_error(cls.__name__, "it names several places for its key", "Keep one of them")
        for scheme in schemes:
            _check_name(cls.__name__, scheme)
            cls.scheme = cls._key_scheme = scheme

    @abstractmethod
    async def verify(self, key: str) -> U:
        """Returns the user of the key. Raises `Unauthorized` to refuse it."""

    async def authenticate(self, **parameters: Any) -> U:
        """Returns the user. Raises `Unauthorized` if the key is missing, malformed, repeated or over 8 KiB.

        The only parameter is `headers`, `params` or `cookies`: a Struct whose field `key` has the key, or a tuple of
        all keys that were sent.
        """
        [parameter] = parameters.values()
        keys: tuple[str, ...] = (parameter.key,) if isinstance(parameter.key, str) else parameter.key
        if not keys:
            return self._anonymous()
        key = keys[0]
        if len(keys) > 1 or not key or len(key) > MAX_CREDENTIAL_LENGTH or not key.isprintable():
            raise self._refused()
        return await self._verified(self.verify(key))

    @classmethod
    def key_parameter(cls) -> APIKeyScheme | None:
        """Returns the place and the name of the key, or `None` if a subclass defines its own `authenticate`."""
        return cls._key_scheme if cls._reads_key() else None

    @classmethod
    def _reads_key(cls) -> bool:
        return next(base for base in cls.__mro__ if "authenticate" in vars(base)) is APIKeyAuth

    def check_wiring(self, where: str) -> None:
        """Raises `WiringError` if the class does not name the place of the key."""
        super().check_wiring(where)
        if self._key_scheme is None and self._reads_key():
            raise wiring_error(
                where,
                "it does not name the place of its key",
                f'Write class {type(self).__name__}(APIKeyAuth[User], header="X-API-Key"), or query= or cookie=',
            )


def _check_name(where: str, scheme: APIKeyScheme) -> None:
    try:
        if scheme.location == "header":
            header_pair(scheme.name, "")
        elif scheme.location == "cookie":
            Cookie(name=scheme.name, value="")
        elif not scheme.name:
            raise ValueError("A name has at least one letter.")
    except ValueError as error:
        found = f"{scheme.location}={scheme.name!r} cannot be the name of a key"
        raise wiring_error(where, found, str(error).removesuffix(".")) from error
