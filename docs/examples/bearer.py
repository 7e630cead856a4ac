"""Bearer tokens: the caller is known before the handler runs."""

import secrets
from collections.abc import Mapping

from msgspec import Struct

from jero import BaseApp, BearerAuth, Endpoint, Unauthorized


class Reader(Struct):
    name: str


class Loan(Struct):
    reader: str
    title: str


class Tokens(BearerAuth[Reader], realm="library"):
    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = tokens

    async def verify(self, token: str) -> Reader:
        # Compares every token, and in constant time: the duration must not reveal how close a guess was.
        names = [name for name, known in self._tokens.items() if secrets.compare_digest(known.encode(), token.encode())]
        if not names:
            raise Unauthorized
        return Reader(name=names[0])


class LoansEndpoint(Endpoint, path="/loans"):
    async def get(self, user: Reader) -> list[Loan]:
        return [Loan(reader=user.name, title="Moby-Dick")]


class App(BaseApp):
    async def _wire(self) -> None:
        tokens = Tokens({"ada": "ada-token", "alan": "alan-token"})  # from the environment, or a database
        self._include_endpoint(LoansEndpoint(), auth=tokens)


app = App()
