"""Who may call: an authenticator, as plain data."""

import inspect
import typing
from collections.abc import Callable
from typing import Any, Final, cast

from msgspec import Struct

from jero.annotations import wiring_error
from jero.auth.auth import CredentialAuth
from jero.auth.scheme import CHALLENGE, DEFAULT_REALM, SecurityScheme
from jero.auth.user_type import declared_kind, user_type
from jero.contract.inputs import Input, read_inputs
from jero.http.headers import header_pair
from jero.http.path import read_template

_PARAMETERS: Final = ("headers", "cookies", "params")
_WRITE: Final = "Write async def authenticate(self, headers: TokenHeaders) -> User"


class Authentication(Struct, frozen=True):
    """An authenticator: `inputs` are what its `authenticate` takes of a request; `user` is the type that it returns,
    with `None` in a union where anonymous callers are admitted; `scheme` is how its credentials are sent.
    """

    authenticator: Any
    inputs: tuple[Input, ...]
    user: Any
    scheme: SecurityScheme


def read_authentication(auth: Any, where: str) -> Authentication:
    """Reads an authenticator; `where` names the endpoint. Raises `WiringError` for one that cannot work."""
    where = f"{where}, auth"
    if isinstance(auth, type):
        raise wiring_error(where, f"got {auth.__name__}, a class", f"Give an instance of it, {auth.__name__}(...)")
    where = f"{where} {type(auth).__name__}"
    _check_credentials(auth, where)
    authenticate = _read_method(auth, f"{where}.authenticate")
    scheme = _read_scheme(auth, where)
    inputs = _read_inputs(authenticate, f"{where}.authenticate")
    return Authentication(auth, inputs, _read_user(auth, authenticate, f"{where}.authenticate"), scheme)


def _check_credentials(auth: object, where: str) -> None:
    if isinstance(auth, CredentialAuth):
        cast("CredentialAuth[Any]", auth).check_wiring(where)


def _read_method(auth: Any, where: str) -> Callable[..., Any]:
    authenticate: Callable[..., Any] | None = getattr(auth, "authenticate", None)
    if authenticate is None:
        raise wiring_error(where, "there is no such method", _WRITE)
    if not inspect.iscoroutinefunction(authenticate):
        raise wiring_error(where, "it is not async def", _WRITE)
    return authenticate


def _read_scheme(auth: Any, where: str) -> SecurityScheme:
    scheme = getattr(auth, "scheme", None)
    if not isinstance(scheme, SecurityScheme):
        raise wiring_error(
            where,
            "it has no scheme" if scheme is None else f"its scheme is of type {type(scheme).__name__}",
            'Say how credentials are sent, scheme = HTTPScheme(scheme="bearer")',
        )
    realm = getattr(auth, "realm", DEFAULT_REALM)
    try:
        header_pair(CHALLENGE, scheme.challenge(realm, was_sent=True))
    except (ValueError, TypeError, AttributeError) as error:
        raise wiring_error(where, f"its realm {realm!r} cannot be sent in a header", "Give it a plain name") from error
    return scheme


def _read_inputs(authenticate: Callable[..., Any], where: str) -> tuple[Input, ...]:
    parameters = inspect.signature(authenticate).parameters
    for name, parameter in parameters.items():
        if name not in _PARAMETERS or parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise wiring_error(
                where,
                f"the parameter {str(parameter)!r} is none of {', '.join(_PARAMETERS)}",
                "Take one or more of them",
            )
    if not parameters:
        raise wiring_error(where, "it takes nothing of the request", f"Take one or more of {', '.join(_PARAMETERS)}")
    try:
        hints = typing.get_type_hints(authenticate, include_extras=True)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise wiring_error(
            where,
            f"an annotation cannot be read: {error}",
            "Mend it, or define or import its names at the top of the module",
        ) from error
    return read_inputs(authenticate, hints, read_template("/"), where)


def _read_user(auth: Any, authenticate: Callable[..., Any], where: str) -> Any:
    try:
        user = user_type(authenticate, declared_kind(auth))
    except KeyError:
        raise wiring_error(where, "the return annotation is missing", "Say which type the user is of") from None
    except TypeError:
        name = type(auth).__name__
        is_generic = bool(getattr(cast("object", type(auth)), "__parameters__", ()))
        raise wiring_error(
            where,
            f"the type of the users is not known: {name} is without its type argument",
            f"Write {name}[User](...)" if is_generic else f"Write class {name}(BearerAuth[User]), or what its base is",
        ) from None
    if user is type(None):
        raise wiring_error(where, "it returns None, which is no user", "Say which type the user is of")
    return user
