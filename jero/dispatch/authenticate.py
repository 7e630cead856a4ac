"""Who calls: asked before the body is read, and before any stream begins."""

import time
from typing import Any, cast

from jero.auth.expiring import Expiring
from jero.auth.scheme import DEFAULT_REALM, challenged
from jero.binding.fields import field_reader
from jero.contract.annotations import name_of, union_members
from jero.contract.authentication import Authentication
from jero.errors import MalformedRequest, Unauthorized
from jero.http.asgi import Scope


class Authenticator:
    """Asks the user's authenticator; what there is to know of it, it learns when it is made."""

    def __init__(self, authentication: Authentication) -> None:
        authenticator = authentication.authenticator
        self._authentication = authentication
        self._authenticate = authenticator.authenticate
        self._readers = [(one.name, field_reader(one.name, one.type)) for one in authentication.inputs]
        self._admits_anonymous = type(None) in union_members(authentication.user)
        realm: str = getattr(authenticator, "realm", DEFAULT_REALM)
        self._challenge = authentication.scheme.challenge(realm, was_sent=False)
        self._challenge_expired = authentication.scheme.challenge(realm, was_sent=True)

    async def authenticate(self, scope: Scope, slots: dict[str, str]) -> tuple[Any, float | None]:
        """The user, and when their credentials expire, in Unix seconds.

        Raises `Unauthorized`, with a challenge, where the authenticator refuses, where what it takes of the request
        is missing or malformed, and where the credentials have expired.
        """
        try:
            arguments = {name: read(scope, slots) for name, read in self._readers}
        except MalformedRequest:
            # What is missing here are credentials, and what is wrong with them is nobody's business.
            raise challenged(Unauthorized(), self._challenge) from None
        try:
            user = await self._authenticate(**arguments)
        except Unauthorized as refusal:
            challenged(refusal, self._challenge)
            raise
        expires_at: float | None = None
        if isinstance(user, Expiring):
            user, expires_at = self._unwrapped(cast("Expiring[Any]", user))
        if user is None and not self._admits_anonymous:
            raise TypeError(
                f"{type(self._authentication.authenticator).__name__}.authenticate returned None; "
                f"its return annotation says {name_of(self._authentication.user)}. Raise Unauthorized to refuse."
            )
        return user, expires_at

    def _unwrapped(self, expiring: Expiring[Any]) -> tuple[Any, float | None]:
        if expiring.expires_at is None:
            return expiring.user, None
        expires_at = expiring.expires_at.timestamp()
        if expires_at <= time.time():
            raise challenged(Unauthorized(), self._challenge_expired)
        return expiring.user, expires_at
