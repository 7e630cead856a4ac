"""JSON Web Tokens (RFC 7519), on PyJWT: the one file that imports it."""

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

from jero.auth.auth import MAX_CREDENTIAL_LENGTH
from jero.auth.expiring import Expiring
from jero.auth.header import BearerAuth
from jero.auth.scheme import HTTPScheme, SecurityScheme
from jero.auth.user_type import declared_kind, user_type
from jero.errors import Unauthorized, WiringError

logger = logging.getLogger("jero.auth")

C = TypeVar("C")

Key: TypeAlias = AllowedPublicKeys | jwt.PyJWK | str | bytes
KeyLookup: TypeAlias = Callable[[str | None], Key | Awaitable[Key | None] | None]

_HMAC: Final = frozenset({"HS256", "HS384", "HS512"})
_KNOWN: Final = frozenset(get_default_algorithms()) - {"none"}
_TIMES: Final = ("exp", "nbf", "iat")
# What PyJWT raises for a token; the last four of themselves, where some of its versions do not expect what was sent.
_FAULTS: Final = (jwt.PyJWTError, ArithmeticError, RecursionError, TypeError, ValueError)
_OBJECTS: Final = (AnyType, DataclassType, DictType, NoneType, StructType, TypedDictType)
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)


class _FittingKey(msgspec.Struct, frozen=True):
    """A key as its algorithms use it."""

    key: Any
    algorithms: tuple[str, ...]


class JWTAuth(BearerAuth[Expiring[C]], Generic[C]):
    """Bearer tokens that are JSON Web Tokens; the user is their claims, as the Struct that is named.

        tokens = JWTAuth[Claims](public_key, algorithms=["RS256"], audience="https://api.example.org")

    `key`: PEM, a secret, a key of `cryptography` or a `jwt.PyJWK`; a mapping of such by key id (`kid`); or a
    function, async or not, from the key id to such or to `None`. None of them is a private key.
    `algorithms`: those that are accepted, whatever a token says of itself; HMAC and others are not mixed.
    `audience`, `issuer`: one of these has to be the token's; without `audience` a token that names one is refused.
    `leeway`: seconds by which clocks may differ. `required`: the claims that a token must have.

    With `JWTAuth[Claims | None]` the user of a request without a token is `None`. A stream ends at `exp`.
    Raises `WiringError` for algorithms and keys that are not safe together.
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
            raise WiringError(f'JWTAuth(required={required!r}): list the names of the claims, such as ["exp"].')
        if not 0 <= leeway < math.inf:
            raise WiringError(f"JWTAuth(leeway={leeway!r}): give seconds, such as 10.")
        self._audience = audience
        self._issuer = issuer
        self._leeway = leeway
        self._required = list(required)

    def check_wiring(self, where: str) -> None:
        """Raises `WiringError` where the claims, which are a JSON object, cannot become what is named for them."""
        super().check_wiring(where)
        try:
            info = msgspec.inspect.type_info(self._claims)
            msgspec.json.Decoder(self._claims)
        except (TypeError, NameError) as error:
            raise WiringError(f"{where}: msgspec cannot decode its claims: {error}. Name a Struct.") from error
        types = info.types if isinstance(info, UnionType) else (info,)
        if not all(isinstance(one, _OBJECTS) for one in types):
            raise WiringError(f"{where}: its claims are {self._claims}, and no JSON object is one. Name a Struct.")

    async def verify(self, token: str) -> Expiring[C]:
        """The claims of the token, and when it expires. Raises `Unauthorized`, without a word of what is wrong."""
        if len(token) > MAX_CREDENTIAL_LENGTH:
            raise self._unfit("it is too long")
        found = await self._key_of(token)
        if found is None:
            raise self._unfit("there is no key for it")
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
        # RFC 7519, section 2: a NumericDate is a number; PyJWT takes text as well.
        if any(isinstance(payload.get(name), str | bool) for name in _TIMES):
            raise self._unfit("a time in it is no number")
        # RFC 7515, section 4.1.11: what is critical there, and is not understood here, is refused.
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
            logger.info("The key %r that was looked up fits none of the algorithms: %s", kid, reason)
            return None
        return found

    def _expiry(self, exp: float | None) -> datetime | None:
        if exp is None:
            return None
        try:
            return datetime.fromtimestamp(exp + self._leeway, UTC)
        except (OverflowError, ValueError, OSError):  # past the year 9999
            return _LAST_MOMENT

    def _unfit(self, reason: str) -> Unauthorized:
        logger.debug("A token was refused: %s", reason)
        return Unauthorized()


def _checked(algorithms: Sequence[str]) -> tuple[str, ...]:
    if isinstance(algorithms, str) or not algorithms:
        raise WiringError(f'JWTAuth(algorithms={algorithms!r}): list each that you sign with, such as ["RS256"].')
    for name in algorithms:
        if name not in _KNOWN:
            raise WiringError(
                f"JWTAuth(algorithms={list(algorithms)!r}): {name!r} is none that proves who signed. "
                f"Use one of {', '.join(sorted(_KNOWN))}."
            )
    if 0 < len(_HMAC & set(algorithms)) < len(set(algorithms)):
        raise WiringError(
            f"JWTAuth(algorithms={list(algorithms)!r}): HMAC stands beside an algorithm of public keys, so that who "
            "knows a public key could sign with it. Make a JWTAuth for each."
        )
    return tuple(algorithms)


def _prepared(keys: Mapping[str, Key], algorithms: tuple[str, ...]) -> dict[str, _FittingKey]:
    prepared: dict[str, _FittingKey] = {}
    for kid, key in keys.items():
        prepared[kid], reason = _fit(key, algorithms)
        if not prepared[kid].algorithms:
            raise WiringError(f"JWTAuth: the key {kid!r} fits none of {', '.join(algorithms)}: {reason}")
    return prepared


def _fitting_all(key: Key, algorithms: tuple[str, ...]) -> _FittingKey:
    found, reason = _fit(key, algorithms)
    if reason:
        raise WiringError(f"JWTAuth: the key does not fit each of {', '.join(algorithms)}: {reason}")
    return found


def _fit(key: Key, algorithms: tuple[str, ...]) -> tuple[_FittingKey, str]:
    """The key with those of the algorithms that it fits, and why it does not fit the others."""
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
                raise jwt.InvalidKeyError("It is a private key; give the public one alone.")
            if too_short := algorithm.check_key_length(usable):
                raise jwt.InvalidKeyError(too_short)
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            reason = str(error)
        else:
            prepared = usable
            fitting.append(name)
    return _FittingKey(prepared, tuple(fitting)), reason
