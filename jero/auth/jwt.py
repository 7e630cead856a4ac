"""JSON Web Tokens (RFC 7519), checked by PyJWT. No other file imports PyJWT."""

import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Generic, TypeAlias, cast

import jwt
import msgspec
from jwt.algorithms import AllowedPublicKeys, get_default_algorithms
from msgspec.inspect import AnyType, DataclassType, DictType, NoneType, StructType, TypedDictType, UnionType
from typing_extensions import TypeVar

from jero.annotations import name_of, wiring_error
from jero.auth.auth import MAX_CREDENTIAL_LENGTH, Expiring, declared_kind, user_type
from jero.auth.header import BearerAuth
from jero.auth.scheme import HTTPScheme, SecurityScheme
from jero.errors import Unauthorized, WiringError

logger = logging.getLogger("jero.auth")

C = TypeVar("C")

Key: TypeAlias = AllowedPublicKeys | jwt.PyJWK | str | bytes
KeyLookup: TypeAlias = Callable[[str | None], Key | Awaitable[Key | None] | None]

_HMAC: Final = frozenset({"HS256", "HS384", "HS512"})
_KNOWN: Final = frozenset(get_default_algorithms()) - {"none"}
_TIMES: Final = ("exp", "nbf", "iat")
# PyJWT raises these for a token. Some of its versions raise the last four if the token has unexpected content.
_FAULTS: Final = (jwt.PyJWTError, ArithmeticError, RecursionError, TypeError, ValueError)
_OBJECTS: Final = (AnyType, DataclassType, DictType, NoneType, StructType, TypedDictType)
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)


class _FittingKey(msgspec.Struct, frozen=True):
    """A key in the form that its algorithms use."""

    key: Any
    algorithms: tuple[str, ...]


class JWTAuth(BearerAuth[Expiring[C]], Generic[C]):
    """Bearer tokens that are JSON Web Tokens. The user is an instance of the given Struct, read from the claims.

        tokens = JWTAuth[Claims](public_key, algorithms=["RS256"], audience="https://api.example.org")

    `key`: PEM, a secret, a key of `cryptography` or a `jwt.PyJWK`; or a mapping of key ids (`kid`) to such keys; or a
    function, async or not, that takes the key id and returns such a key or `None`. Private keys are refused.
    `algorithms`: the accepted algorithms. The header of a token cannot add to them. HMAC cannot be mixed with others.
    `audience`, `issuer`: the token must name one of them. If `audience` is not given, a token with one is refused.
    `leeway`: the seconds by which clocks may differ.
    `required`: the claims that a token must have.

    With `JWTAuth[Claims | None]` the user of a request without a token is `None`. A stream ends at `exp`.
    Raises `WiringError` if the algorithms and the keys are not safe together.
    """

    scheme: SecurityScheme = HTTPScheme(scheme="bearer", bearer_format="JWT")

    def __init__(
        self,
        key: Key | Mapping[str, Key] | KeyLookup,
        *,
        algorithms: Sequence[str],
        audience: str | Sequence[str] | None = None,
        issuer: str | Sequence[str] | None = None,
        leeway: float = 0,
        required: Sequence[str] = ("exp",),
    ) -> None:
        self._algorithms = _checked(algorithms)
        self._key: _FittingKey | None = None
        self._keys: dict[str, _FittingKey] = {}
        self._lookup: KeyLookup | None = None
        if isinstance(key, Mapping):
            self._keys = _prepared(cast("Mapping[str, Key]", key), self._algorithms)
        elif callable(key):
            self._lookup = key
        else:
            self._key = _fitting_all(key, self._algorithms)
        if isinstance(required, str):
            raise wiring_error("JWTAuth", f"required={required!r} is a string", 'List the claims: required=["exp"]')
        if not 0 <= leeway < math.inf:
            raise wiring_error("JWTAuth", f"leeway={leeway!r} is not a time span", "Give seconds, such as leeway=10")
        self._audience = audience
        self._issuer = issuer
        self._leeway = leeway
        self._required = list(required)

    def check_wiring(self, where: str) -> None:
        """Raises `WiringError` if the claims, which are a JSON object, cannot be decoded into the given type."""
        super().check_wiring(where)
        try:
            info = msgspec.inspect.type_info(self._claims)
            msgspec.json.Decoder(self._claims)
        except (TypeError, NameError) as error:
            raise wiring_error(where, f"msgspec cannot decode its claims: {error}", "Name a Struct") from error
        types = info.types if isinstance(info, UnionType) else (info,)
        if not all(isinstance(type_, _OBJECTS) for type_ in types):
            found = f"its claims are of type {name_of(self._claims)}, but they are sent as a JSON object"
            raise wiring_error(where, found, "Name a Struct")

    async def verify(self, token: str) -> Expiring[C]:
        """Returns the claims of the token and its expiry. Raises `Unauthorized`, which does not name the fault."""
        if len(token) > MAX_CREDENTIAL_LENGTH:
            raise self._unfit("it is too long")
        found = await self._key_of(token)
        if found is None:
            raise self._unfit("no key fits it")
        try:
            decoded = jwt.decode_complete(
                token,
                found.key,
                algorithms=found.algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": self._required},
            )
            payload: dict[str, Any] = decoded["payload"]
            claims: C = msgspec.convert(payload, self._claims)
        except (*_FAULTS, msgspec.ValidationError) as error:
            raise self._unfit(type(error).__name__) from error
        # RFC 7519, section 2: a NumericDate is a number. PyJWT accepts text as well.
        if any(isinstance(payload.get(name), str | bool) for name in _TIMES):
            raise self._unfit("one of its times is not a number")
        # RFC 7515, section 4.1.11: a critical parameter that is not understood must be refused. PyJWT accepts some.
        if "crit" in decoded["header"]:
            raise self._unfit("it has a critical header")
        return Expiring(claims, self._expiry(payload.get("exp")))

    def _anonymous(self) -> Expiring[C]:
        nobody: Any = super()._anonymous()
        return Expiring(nobody)

    @cached_property
    def _claims(self) -> Any:
        return user_type(type(self).authenticate, declared_kind(self))

    async def _key_of(self, token: str) -> _FittingKey | None:
        if self._key is not None:
            return self._key
        try:
            kid: str | None = jwt.get_unverified_header(token).get("kid")
        except _FAULTS:
            return None
        if self._lookup is None:
            return None if kid is None else self._keys.get(kid)
        key = self._lookup(kid)
        if inspect.isawaitable(key):
            key = await key
        if key is None:
            return None
        found, reason = _fit(key, self._algorithms)
        if not found.algorithms:
            logger.info("The key %r that was looked up does not fit any of the algorithms: %s", kid, reason)
            return None
        return found

    def _expiry(self, exp: float | None) -> datetime | None:
        if exp is None:
            return None
        try:
            return datetime.fromtimestamp(exp + self._leeway, UTC)
        except (OverflowError, ValueError, OSError):  # after the year 9999
            return _LAST_MOMENT

    def _unfit(self, reason: str) -> Unauthorized:
        logger.debug("A token was refused: %s", reason)
        return Unauthorized()


def _checked(algorithms: Sequence[str]) -> tuple[str, ...]:
    if isinstance(algorithms, str) or not algorithms:
        found = f"algorithms={algorithms!r} is not a list of algorithms"
        raise wiring_error("JWTAuth", found, 'List each algorithm that you sign with: algorithms=["RS256"]')
    for name in algorithms:
        if name not in _KNOWN:
            found = f"algorithms={list(algorithms)!r} contains {name!r}, which does not prove who signed"
            raise wiring_error("JWTAuth", found, f"Use one of {', '.join(sorted(_KNOWN))}")
    if 0 < len(_HMAC & set(algorithms)) < len(set(algorithms)):
        raise wiring_error(
            "JWTAuth",
            f"algorithms={list(algorithms)!r} mixes HMAC with public-key algorithms, so that anyone who knows the "
            "public key could sign with it",
            "Create a JWTAuth for each",
        )
    return tuple(algorithms)


def _prepared(keys: Mapping[str, Key], algorithms: tuple[str, ...]) -> dict[str, _FittingKey]:
    prepared: dict[str, _FittingKey] = {}
    for kid, key in keys.items():
        prepared[kid], reason = _fit(key, algorithms)
        if not prepared[kid].algorithms:
            raise WiringError(f"JWTAuth: the key {kid!r} does not fit any of {', '.join(algorithms)}: {reason}")
    return prepared


def _fitting_all(key: Key, algorithms: tuple[str, ...]) -> _FittingKey:
    found, reason = _fit(key, algorithms)
    if reason:
        raise WiringError(f"JWTAuth: the key does not fit each of {', '.join(algorithms)}: {reason}")
    return found


def _fit(key: Key, algorithms: tuple[str, ...]) -> tuple[_FittingKey, str]:
    """Returns the key with the algorithms that it fits, and the reason why it does not fit the others."""
    fitting: list[str] = []
    prepared: Any = key
    reason = ""
    for name in algorithms:
        algorithm = jwt.get_algorithm_by_name(name)
        try:
            if isinstance(key, jwt.PyJWK) and key.algorithm_name != name:
                raise jwt.InvalidKeyError(f"It is a key for {key.algorithm_name}.")
            usable = algorithm.prepare_key(key.key if isinstance(key, jwt.PyJWK) else key)
            if hasattr(usable, "private_bytes"):
                raise jwt.InvalidKeyError("It is a private key; give only the public key.")
            if too_short := algorithm.check_key_length(usable):
                raise jwt.InvalidKeyError(too_short)
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            reason = str(error)
        else:
            prepared = usable
            fitting.append(name)
    return _FittingKey(prepared, tuple(fitting)), reason
