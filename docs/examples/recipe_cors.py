"""CORS with cookies or tokens: which headers a page of another origin may send, and which it may read."""

import secrets

from msgspec import Struct
from starlette.middleware.cors import CORSMiddleware

from jero import BaseApp, BearerAuth, Endpoint, JSONResponse, NoContent, Unauthorized


class Total(Struct):
    x_total: int


class Tokens(BearerAuth[str]):
    async def verify(self, token: str) -> str:
        if not secrets.compare_digest(token.encode(), b"ada-token"):
            raise Unauthorized
        return "ada"


class BooksEndpoint(Endpoint, path="/books"):
    async def get(self) -> JSONResponse[list[str], Total]:
        return JSONResponse(["Emma"], headers=Total(x_total=1))

    async def put(self, json: list[str]) -> NoContent:
        return NoContent()


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_middleware(
            CORSMiddleware,
            allow_origins=["https://shop.example"],
            allow_methods=["GET", "PUT"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
            expose_headers=["X-Total", "Link", "Retry-After"],
            allow_credentials=True,
        )
        self._include_endpoint(BooksEndpoint(), auth=Tokens())


app = App()
