"""The whole request: for what no Struct declares, in a handler, an authenticator and an exception handler."""

import logging

from msgspec import Struct

from jero import BaseApp, Conflict, Endpoint, HTTPError, Request, Unauthorized
from jero.auth import HTTPScheme

logger = logging.getLogger("shop")


class SoldOut(Exception):
    """Raised if nothing is left."""


class Tenant(Struct):
    tenant: str


class Customer(Struct):
    name: str


class Tokens:
    """Admits a customer to the shop whose name is in the path."""

    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, path: Tenant, request: Request) -> Customer:
        if request.headers.get("Authorization") != f"Bearer token-of-{path.tenant}":
            raise Unauthorized
        return Customer(name=f"a customer of {path.tenant}")


class ShopEndpoint(Endpoint, path="/shops/{tenant}/items/{item}"):
    async def get(self, user: Customer, request: Request) -> str:
        return f"{user.name} asks {request.method} {request.path}"

    async def delete(self, user: Customer) -> str:
        raise SoldOut


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ShopEndpoint(), auth=Tokens())
        self._include_exception_handler(SoldOut, self._sold_out)

    def _sold_out(self, error: SoldOut, request: Request) -> HTTPError:
        host = request.client.host if request.client else "somebody"
        logger.warning("%s asked in vain for %s", host, request.path_slots["item"])
        return Conflict(f"{request.path} is sold out.")


app = App()
