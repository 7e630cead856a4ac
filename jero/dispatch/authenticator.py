"""Authenticates requests: calls the user's authenticator with what that reads of a request, and checks its answer."""

import time
from typing import Any, cast

from jero.allowed import AllowedValues
from jero.annotations import name_of
from jero.auth.auth import Expiring
from jero.auth.scheme import DEFAULT_REALM, challenged
from jero.binding.faults import RepeatedHeader
from jero.binding.fields import field_reader
from jero.contract.authentication import Authentication
from jero.errors import MalformedRequest, Unauthorized
from jero.http.asgi import Scope


class Authenticator:
    """Calls the user's authenticator, whose signature is read once, when this is made."""

    def __init__(self, authentication: Authentication) -> None:
        authenticator = authentication.authenticator
        self._authentication = authentication
        self._authenticate = authenticator.authenticate
        self._readers = [(taken.name, field_reader(taken.name, taken.type)) for taken in authentication.inputs]
        self._users = AllowedValues([authentication.user])
        realm: str = getattr(authenticator, "realm", DEFAULT_REALM)
        self._challenge = authentication.scheme.challenge(realm, was_sent=False)
        self._challenge_expired = authentication.scheme.challenge(realm, was_sent=True)

    async def authenticate(self, scope: Scope, slots: dict[str, str]) -> tuple[Any, float | None]:
        """Returns the user, and when the credentials expire, in Unix seconds, or `None` if they do not.

        Raises `Unauthorized`, with a challenge, if the authenticator refuses, if the credentials are missing or
        malformed, and if they have expired. Raises `RepeatedHeader` if a header that has one value has several.
        """
        try:
            arguments = {name: read(scope, slots) for name, read in self._readers}
        except RepeatedHeader:
            raise
        except MalformedRequest:
            # What the authenticator reads are credentials. The response must not show what is wrong with them.
            raise challenged(Unauthorized(), self._challenge) from None
        try:
            user = await self._authenticate(**arguments)
        except Unauthorized as refusal:
            challenged(refusal, self._challenge)
            raise
        expires_at: float | None = None
        if isinstance(user, Expiring):
            user, expires_at = self._unwrap(cast("Expiring[Any]", user))
        if type(user) not in self._users.exact and not self._users.allows(user):
            found = "None" if user is None else type(user).__name__
            instead = "Raise Unauthorized to refuse" if user is None else "Return what the annotation says"
            raise TypeError(
                f"{type(self._authentication.authenticator).__name__}.authenticate returned {found}; "
                f"its return annotation says {name_of(self._authentication.user)}. {instead}."
            )
        return user, expires_at

    def expired(self) -> Unauthorized:
        """Returns the refusal of credentials that have expired."""
        return challenged(Unauthorized(), self._challenge_expired)

    def _unwrap(self, expiring: Expiring[Any]) -> tuple[Any, float | None]:
        if expiring.expires_at is None:
            return expiring.user, None
        expires_at = expiring.expires_at.timestamp()
        if expires_at <= time.time():
            raise self.expired()
        return expiring.user, expires_at
