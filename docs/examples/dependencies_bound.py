"""Dependencies that take parts of the request, and other dependencies."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Annotated, Protocol

from msgspec import Struct

from jero import BaseApp, Endpoint, Forbidden, Request
from jero.auth import BearerAuth


class Connection:
    def __init__(self, server: str) -> None:
        self.server = server

    def query(self, text: str) -> str:
        return f"{text} on {self.server}"


class Tenant(Struct):
    tenant: str


class Tracing(Struct):
    x_trace: str = "none"


class Catalogue(Protocol):
    """An interface: what handlers need to know of a catalogue."""

    def title(self, number: int) -> str: ...


class TenantCatalogue:
    def __init__(self, connection: Connection, tenant: str, trace: str) -> None:
        self._connection = connection
        self._tenant = tenant
        self._trace = trace

    def title(self, number: int) -> str:
        return self._connection.query(f"{self._tenant}'s book {number} (trace {self._trace})")


async def catalogue(
    connection: Connection, path: Tenant, user: str, headers: Tracing, language: str = "en"
) -> AsyncIterator[TenantCatalogue]:
    if user != path.tenant:
        raise Forbidden(f"{user} is not of {path.tenant}.")
    yield TenantCatalogue(connection, path.tenant, headers.x_trace)


def primary() -> AbstractAsyncContextManager[Connection]:
    return nullcontext(Connection("primary"))


async def replica(request: Request) -> AsyncIterator[Annotated[Connection, "replica"]]:
    yield Connection(f"replica for {request.method}")


class Tokens(BearerAuth[str]):
    async def verify(self, token: str) -> str:
        return token.removeprefix("token-of-")


class Book(Struct):
    tenant: str
    number: int


class BookEndpoint(Endpoint, path="/tenants/{tenant}/books/{number}"):
    async def get(self, path: Book, catalogue: Catalogue) -> str:
        return catalogue.title(path.number)


class CountEndpoint(Endpoint, path="/count"):
    async def get(self, main: Connection, reports: Annotated[Connection, "replica"]) -> list[str]:
        return [main.query("count"), reports.query("count")]


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_dependency(catalogue, as_=Catalogue)
        self._include_dependency(primary)
        self._include_dependency(replica)
        self._include_endpoint(BookEndpoint(), auth=Tokens())
        self._include_endpoint(CountEndpoint())


app = App()
