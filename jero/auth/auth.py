"""Authenticators: their protocol, the type of their users, and the base of those whose credentials jero parses."""

import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, Protocol, cast

from msgspec import Struct
from typing_extensions import TypeVar

from jero.annotations import class_of, expanded, fill, is_open, type_arguments, union_members, union_of, wiring_error
from jero.auth.scheme import DEFAULT_REALM, SecurityScheme, challenged
from jero.errors import Unauthorized

U = TypeVar("U")
U_co = TypeVar("U_co", covariant=True)

# Characters. Longer credentials are refused unparsed; servers refuse header fields of about this size.
MAX_CREDENTIAL_LENGTH: Final = 8_192


class Auth(Protocol):
    """An authenticator: any object with these two members.

        class Tokens:
            scheme = HTTPScheme(scheme="bearer")

            async def authenticate(self, headers: TokenHeaders) -> User: ...

    `BearerAuth`, `BasicAuth` and `APIKeyAuth` have both already.
    """

    @property
    def scheme(self) -> SecurityScheme:
        """Names how the credentials are sent."""
        ...

    @property
    def authenticate(self) -> Callable[..., Coroutine[Any, Any, Any]]:
        """An `async def` that returns the user.

        It takes one or more of `headers`, `cookies`, `params`, `path`, each a Struct, and `request: Request`. The
        fields of `path` are some of the slots of the endpoint's path. It raises `Unauthorized` to refuse a request.
        `None` in its return annotation admits anonymous callers.
        """
        ...


class Expiring(Struct, Generic[U_co], frozen=True):
    """A user whose credentials expire: an authenticator declares and returns it, the handler gets only the `user`.

        class Sessions(APIKeyAuth[Expiring[User]], cookie="session"):
            async def verify(self, key: str) -> Expiring[User]: ...

    At `expires_at` an open stream of that user ends with the reason "expired". Later requests are refused.
    If `expires_at` is `None`, the credentials do not expire. Raises `ValueError` for a time without a time zone.
    """

    user: U_co
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise ValueError(f"Expiring(expires_at={self.expires_at!r}): give a time with its zone, such as UTC.")


class CredentialAuth(Generic[U]):
    """The base of authenticators whose credentials jero parses. A subclass defines `verify`.

    `realm` names what is protected. It is sent in the challenge of a 401.
    """

    realm: ClassVar[str] = DEFAULT_REALM
    scheme: SecurityScheme

    def __init_subclass__(cls, *, realm: str | None = None, **options: object) -> None:
        super().__init_subclass__(**options)
        if realm is not None:  # a dataclass with slots is created a second time, without the keyword
            cls.realm = realm

    def check_wiring(self, where: str) -> None:
        """Raises `WiringError`, which begins with `where`, if the class cannot work. It is called at startup."""
        if not inspect.iscoroutinefunction(getattr(self, "verify", None)):
            raise wiring_error(f"{where}.verify", "it is not async def", "Write async def verify")
        # The class that declares it first says what it is given, after self.
        declared: Any = next(vars(base)["verify"] for base in reversed(type(self).__mro__) if "verify" in vars(base))
        given = [parameter for parameter in inspect.signature(declared).parameters if parameter != "self"]
        try:
            inspect.signature(cast("Any", self).verify).bind(*given)
        except (TypeError, ValueError) as error:
            found = f"it does not take the credentials: {error}"
            instead = f"Write async def verify(self, {', '.join(given)})"
            raise wiring_error(f"{where}.verify", found, instead) from error

    def _anonymous(self) -> U:
        """Returns `None` as the user of a request without credentials.

        Raises `Unauthorized` if the type of the users does not include `None`.
        """
        if not admits_anonymous(declared_kind(self)):
            raise self._refused(was_sent=False)
        return cast("U", None)

    def _refused(self, *, was_sent: bool = True) -> Unauthorized:
        return Unauthorized(headers={"WWW-Authenticate": self.scheme.challenge(self.realm, was_sent=was_sent)})

    async def _verified(self, user: Awaitable[U]) -> U:
        """Returns the user. Adds the challenge to an `Unauthorized` that `verify` raises."""
        try:
            return await user
        except Unauthorized as refusal:
            challenged(refusal, self.scheme.challenge(self.realm, was_sent=True))
            raise


def declared_kind(authenticator: object) -> Any:
    """Returns the class of an authenticator, with the type arguments that `JWTAuth[Claims](...)` gives it."""
    return getattr(authenticator, "__orig_class__", type(authenticator))


def user_type(authenticate: Callable[..., Any], kind: Any) -> Any:
    """Returns the type of the users that the method `authenticate` of the class `kind` returns, without `Expiring`.

    Raises `TypeError` if a type argument is missing, `KeyError` if the return annotation is missing, and `NameError`
    or `AttributeError` if the annotation cannot be evaluated.
    """
    returned = expanded(typing.get_type_hints(authenticate)["return"])
    owner = next((base for base in class_of(kind).__mro__ if "authenticate" in vars(base)), None)
    if owner is not None:
        returned = fill(returned, type_arguments(kind, owner))
    user = union_of(map(_without_expiring, union_members(returned)))
    if isinstance(user, str | typing.ForwardRef) or is_open(user):
        raise TypeError("a type argument is missing")
    return user


@functools.cache
def admits_anonymous(kind: Any) -> bool:
    """Returns whether `None` is among the users that authenticators of the class `kind` return."""
    return type(None) in union_members(user_type(class_of(kind).authenticate, kind))


def _without_expiring(annotation: Any) -> Any:
    if annotation is Expiring:
        raise TypeError("a type argument is missing")
    return typing.get_args(annotation)[0] if class_of(annotation) is Expiring else annotation
