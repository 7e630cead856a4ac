"""An optional user: a request without a token is admitted, a request with a wrong token is refused."""

from msgspec import Struct

from jero import BaseApp, BearerAuth, Endpoint, Unauthorized


class Reader(Struct):
    name: str


class Readers(BearerAuth[Reader | None], realm="library"):
    async def verify(self, token: str) -> Reader:
        if token != "ada-token":  # noqa: S105 - the example is about requests without a token
            raise Unauthorized
        return Reader(name="ada")


class GreetingEndpoint(Endpoint, path="/greeting"):
    async def get(self, user: Reader | None) -> str:
        return "Hello, stranger" if user is None else f"Hello, {user.name}"


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(GreetingEndpoint(), auth=Readers())


app = App()
