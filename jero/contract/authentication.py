"""Authenticators as plain data: what they read of a request, the user that they return, and their scheme."""

import inspect
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from jero.annotations import parameter_text, read_hints, wiring_error
from jero.auth.api_key import APIKeyAuth
from jero.auth.auth import CredentialAuth, declared_kind, user_type
from jero.auth.scheme import CHALLENGE, DEFAULT_REALM, APIKeyScheme, KeyLocation, SecurityScheme
from jero.contract.inputs import Input, read_inputs
from jero.http.headers import header_pair
from jero.routing import PathTemplate, read_template

_PARAMETERS: Final = ("headers", "cookies", "params", "path", "request")
_KEY_PARAMETERS: Final[dict[KeyLocation, str]] = {"header": "headers", "query": "params", "cookie": "cookies"}
_NO_SLOTS: Final = read_template("/")
_WRITE: Final = "Write async def authenticate(self, headers: TokenHeaders) -> User"


class Authentication(Struct, frozen=True):
    """An authenticator, read at startup.

    `inputs`: the parameters of its `authenticate`. `user`: the type that it returns, a union with `None` if anonymous
    callers are admitted. `scheme`: how its credentials are sent.
    """

    authenticator: Any
    inputs: tuple[Input, ...]
    user: Any
    scheme: SecurityScheme


def read_authentication(auth: Any, where: str, template: PathTemplate = _NO_SLOTS) -> Authentication:
    """Reads an authenticator. `where` names the endpoint, whose path has the template.

    Raises `WiringError` if the authenticator cannot work.
    """
    where = f"{where}, auth"
    if isinstance(auth, type):
        raise wiring_error(where, f"got {auth.__name__}, a class", f"Give an instance of it, {auth.__name__}(...)")
    where = f"{where} {auth.__name__ if inspect.isroutine(auth) else type(auth).__name__}"
    if isinstance(auth, CredentialAuth):
        cast("CredentialAuth[Any]", auth).check_wiring(where)
    authenticate = _read_method(auth, f"{where}.authenticate")
    scheme = _read_scheme(auth, where)
    owner = _owner(auth, authenticate)
    key = _read_key(owner)
    inputs = _read_inputs(authenticate, template, f"{where}.authenticate") if key is None else (_key_input(key),)
    return Authentication(auth, inputs, _read_user(owner, authenticate, f"{where}.authenticate"), scheme)


def _read_method(auth: Any, where: str) -> Callable[..., Any]:
    authenticate: Callable[..., Any] | None = getattr(auth, "authenticate", None)
    if authenticate is None:
        raise wiring_error(where, "the method is missing", _WRITE)
    if not inspect.iscoroutinefunction(authenticate):
        raise wiring_error(where, "it is not async def", _WRITE)
    return authenticate


def _owner(auth: Any, authenticate: Callable[..., Any]) -> Any:
    """Returns the instance that the method is bound to: `auth`, unless it was given another authenticator's method."""
    owner: Any = getattr(authenticate, "__self__", auth)
    return auth if isinstance(owner, type) else owner


def _read_scheme(auth: Any, where: str) -> SecurityScheme:
    scheme = getattr(auth, "scheme", None)
    if not isinstance(scheme, SecurityScheme):
        raise wiring_error(
            where,
            "it has no scheme" if scheme is None else f"its scheme is of type {type(scheme).__name__}",
            'Name how credentials are sent: scheme = HTTPScheme(scheme="bearer")',
        )
    realm = getattr(auth, "realm", DEFAULT_REALM)
    try:
        header_pair(CHALLENGE, scheme.challenge(realm, was_sent=True))
    except (ValueError, TypeError, AttributeError) as error:
        raise wiring_error(where, f"its realm {realm!r} cannot be sent in a header", "Use a plain name") from error
    return scheme


def _read_key(owner: Any) -> APIKeyScheme | None:
    return cast("APIKeyAuth[Any]", owner).key_parameter() if isinstance(owner, APIKeyAuth) else None


def _key_input(key: APIKeyScheme) -> Input:
    # A header or a query parameter that is repeated is a fault, so all are read. Of a cookie only the first is known.
    field = ("key", tuple[str, ...] | str, msgspec.field(name=key.name, default=()))
    return Input(_KEY_PARAMETERS[key.location], msgspec.defstruct("Key", [field], frozen=True))


def _read_inputs(authenticate: Callable[..., Any], template: PathTemplate, where: str) -> tuple[Input, ...]:
    names = ", ".join(_PARAMETERS)
    parameters = inspect.signature(authenticate).parameters
    for name, parameter in parameters.items():
        if name not in _PARAMETERS or parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            found = f"the parameter {parameter_text(parameter)!r} is not one of {names}"
            raise wiring_error(where, found, "Take one or more of them")
    if not parameters:
        raise wiring_error(where, "it has no parameter, so it reads nothing", f"Take one or more of {names}")
    return read_inputs(authenticate, read_hints(authenticate, where), template, where, takes_all_slots=False)


def _read_user(owner: object, authenticate: Callable[..., Any], where: str) -> Any:
    try:
        user = user_type(authenticate, declared_kind(owner))
    except KeyError:
        instead = "Annotate it with the type of the user"
        raise wiring_error(where, "the return annotation is missing", instead) from None
    except TypeError:
        name = type(owner).__name__
        is_generic = bool(getattr(type(owner), "__parameters__", ()))
        found = f"the type of the user is unknown, because {name} has no type argument"
        instead = f"{name}[User](...)" if is_generic else f"class {name}(BearerAuth[User]), with the base that it has"
        raise wiring_error(where, found, f"Write {instead}") from None
    if user is type(None):
        raise wiring_error(where, "it returns None, which is not a user", "Annotate it with the type of the user")
    return user
