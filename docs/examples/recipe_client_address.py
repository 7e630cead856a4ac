"""The address of a client behind a proxy: the server finds it, from a proxy that it trusts."""

from msgspec import Struct

from jero import BaseApp, Endpoint, Request


class Caller(Struct):
    host: str | None
    scheme: str


class CallerEndpoint(Endpoint, path="/caller"):
    async def get(self, request: Request) -> Caller:
        return Caller(host=request.client.host if request.client else None, scheme=request.scheme)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(CallerEndpoint())


app = App()
