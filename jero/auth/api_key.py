"""Keys of a name of one's own, in a header, in the query or in a cookie."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Literal, TypeAlias

import msgspec

from jero.auth.auth import MAX_CREDENTIAL_LENGTH, CredentialAuth, U
from jero.auth.scheme import APIKeyScheme, SecurityScheme
from jero.auth.user_type import type_argument
from jero.errors import WiringError
from jero.http.cookies import Cookie
from jero.http.headers import header_pair

_Location: TypeAlias = Literal["header", "query", "cookie"]
_Method: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]


class APIKeyAuth(CredentialAuth[U], ABC, Generic[U]):
    """A key in a header, the query or a cookie: subclass it, naming the user's type and the place, and define `verify`.

        class Sessions(APIKeyAuth[User], cookie="session"):
            async def verify(self, key: str) -> User: ...

    Another place is `header="X-API-Key"` or `query="key"`. Whoever sends no key is refused; with
    `APIKeyAuth[User | None]` the user is then `None`.
    """

    scheme: SecurityScheme
    authenticate: _Method

    def __init_subclass__(
        cls, *, header: str | None = None, query: str | None = None, cookie: str | None = None, **options: Any
    ) -> None:
        super().__init_subclass__(**options)
        places: dict[_Location, str | None] = {"header": header, "query": query, "cookie": cookie}
        named: list[tuple[_Location, str]] = [(place, name) for place, name in places.items() if name is not None]
        if len(named) > 1:
            raise WiringError(f"{cls.__name__}: it names several places for its key. Keep one of them.")
        for location, name in named:
            _check_name(cls.__name__, location, name)
            cls.scheme = APIKeyScheme(name=name, location=location)
            cls.authenticate = cls._reading(location, name)

    @abstractmethod
    async def verify(self, key: str) -> U:
        """The user that the key stands for. Raises `Unauthorized` to refuse it."""

    def check_wiring(self, where: str) -> None:
        """Raises `WiringError` where the class names no place for the key."""
        super().check_wiring(where)
        if not hasattr(self, "authenticate"):
            raise WiringError(
                f"{where}: it does not say where its key is sent. "
                f'Write class {type(self).__name__}(APIKeyAuth[User], header="X-API-Key"), or query= or cookie=.'
            )

    async def _authenticate(self, keys: tuple[str, ...]) -> U:
        if not keys:
            return self._anonymous()
        key = keys[0]
        if len(keys) > 1 or not key or len(key) > MAX_CREDENTIAL_LENGTH or not key.isprintable():
            raise self._refused()
        return await self._verified(self.verify(key))

    @classmethod
    def _reading(cls, location: _Location, name: str) -> _Method:
        """The method `authenticate`, annotated with a Struct that reads the key of that name."""

        async def from_header(self: APIKeyAuth[U], headers: Any) -> U:
            return await self._authenticate(headers.key)

        async def from_query(self: APIKeyAuth[U], params: Any) -> U:
            return await self._authenticate(params.key)

        async def from_cookie(self: APIKeyAuth[U], cookies: Any) -> U:
            return await self._authenticate(() if cookies.key is None else (cookies.key,))

        # A header or a parameter that is sent twice is a fault; of a cookie the first counts, as everywhere.
        methods: dict[_Location, tuple[_Method, str, Any, Any]] = {
            "header": (from_header, "headers", tuple[str, ...], ()),
            "query": (from_query, "params", tuple[str, ...], ()),
            "cookie": (from_cookie, "cookies", str | None, None),
        }
        method, argument, type_, default = methods[location]
        struct = msgspec.defstruct("Key", [("key", type_, msgspec.field(name=name, default=default))], frozen=True)
        method.__annotations__ = {argument: struct, "return": type_argument(cls, APIKeyAuth)}
        return method


def _check_name(where: str, location: _Location, name: str) -> None:
    try:
        if location == "header":
            header_pair(name, "")
        elif location == "cookie":
            Cookie(name=name, value="")
        elif not name:
            raise ValueError("A name has at least one letter.")
    except ValueError as error:
        raise WiringError(f"{where}: {location}={name!r} names no {location}. {error}") from error
