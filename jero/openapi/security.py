"""How callers are known, as Security Scheme and Security Requirement Objects."""

import types

import msgspec

from jero.annotations import union_members
from jero.contract.authentication import Authentication
from jero.openapi.schemas import Schema


class Security:
    """The security schemes of one document: each under the name of its authenticator's class."""

    def __init__(self) -> None:
        self.schemes: dict[str, Schema] = {}

    def requirement(self, authentication: Authentication) -> list[dict[str, list[str]]]:
        """What a caller must send; an empty requirement first, where anonymous callers are admitted."""
        scheme: Schema = msgspec.to_builtins(authentication.scheme)
        name = self._name(type(authentication.authenticator).__name__, scheme)
        self.schemes[name] = scheme
        required: list[dict[str, list[str]]] = [{name: []}]
        return [{}, *required] if types.NoneType in union_members(authentication.user) else required

    def _name(self, name: str, scheme: Schema) -> str:
        """The name, unless another scheme has it."""
        found, number = name, 1
        while self.schemes.get(found, scheme) != scheme:
            number += 1
            found = f"{name}_{number}"
        return found
