"""What an authenticator is, and what those share whose credentials jero parses."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar, Final, Generic, Protocol, cast

from typing_extensions import TypeVar

from jero.auth.scheme import DEFAULT_REALM, SecurityScheme, challenged
from jero.auth.user_type import admits_anonymous, declared_kind
from jero.errors import Unauthorized, WiringError

U = TypeVar("U")

# No more is parsed; servers refuse header fields of about this size.
MAX_CREDENTIAL_LENGTH: Final = 8_192


class Auth(Protocol):
    """An authenticator: any object with these two members.

        class Tokens:
            scheme = HTTPScheme(scheme="bearer")

            async def authenticate(self, headers: TokenHeaders) -> User: ...

    `BearerAuth`, `BasicAuth` and `APIKeyAuth` have them already.
    """

    @property
    def scheme(self) -> SecurityScheme:
        """How the credentials are sent."""
        ...

    @property
    def authenticate(self) -> Callable[..., Coroutine[Any, Any, Any]]:
        """An `async def` that takes one or more of `headers`, `cookies`, `params`, each a Struct, and returns the user.

        It raises `Unauthorized` to refuse. `None` in its return annotation admits anonymous callers.
        """
        ...


class CredentialAuth(Generic[U]):
    """The base of authenticators whose credentials are parsed by jero: a subclass is left with their `verify`.

    `realm` names what is protected, in the challenge of a 401.
    """

    realm: ClassVar[str] = DEFAULT_REALM
    scheme: SecurityScheme

    def __init_subclass__(cls, *, realm: str | None = None, **options: object) -> None:
        super().__init_subclass__(**options)
        if realm is not None:  # a dataclass with slots is made a second time, without the keyword
            cls.realm = realm

    def check_wiring(self, where: str) -> None:
        """Called at startup. Raises `WiringError`, which begins with `where`, for a class that cannot work."""
        if not inspect.iscoroutinefunction(getattr(self, "verify", None)):
            raise WiringError(f"{where}.verify: it is not async def. Write async def verify.")

    def _anonymous(self) -> U:
        """The user of a request without credentials. Raises `Unauthorized` unless the type of the users has `None`."""
        if not admits_anonymous(declared_kind(self)):
            raise self._refused(was_sent=False)
        return cast("U", None)

    def _refused(self, *, was_sent: bool = True) -> Unauthorized:
        return Unauthorized(headers={"WWW-Authenticate": self.scheme.challenge(self.realm, was_sent=was_sent)})

    async def _verified(self, user: Awaitable[U]) -> U:
        """The user, unless `verify` refuses."""
        try:
            return await user
        except Unauthorized as refusal:
            challenged(refusal, self.scheme.challenge(self.realm, was_sent=True))
            raise
