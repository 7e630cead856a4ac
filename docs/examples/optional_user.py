"""A user that may be nobody: who sends no token is welcome, who sends a wrong one is not."""

from msgspec import Struct

from jero import BaseApp, BearerAuth, Endpoint, Unauthorized


class Reader(Struct):
    name: str


class Readers(BearerAuth[Reader | None], realm="library"):
    async def verify(self, token: str) -> Reader:
        if token != "ada-token":  # noqa: S105 - the example is about what happens without one
            raise Unauthorized
        return Reader(name="ada")


class GreetingEndpoint(Endpoint, path="/greeting"):
    async def get(self, user: Reader | None) -> str:
        return "Hello, stranger" if user is None else f"Hello, {user.name}"


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(GreetingEndpoint(), auth=Readers())


app = App()
