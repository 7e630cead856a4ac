"""A tenant in the path: the authenticator decides there, before a handler runs."""

import secrets

from msgspec import Struct

from jero import BaseApp, BearerAuth, Endpoint, NotFound, Unauthorized
from jero.auth import AuthorizationHeaders


class Account(Struct, frozen=True):
    name: str
    tenants: frozenset[str]


class Member(Struct, frozen=True):
    name: str
    tenant: str


class Tenant(Struct):
    tenant: str


class Accounts(BearerAuth[Account]):
    async def verify(self, token: str) -> Account:
        if not secrets.compare_digest(token.encode(), b"ada-token"):  # from a database
            raise Unauthorized
        return Account("ada", frozenset({"acme", "initech"}))


class Members:
    """Admits an account to the tenants that it belongs to."""

    def __init__(self, accounts: BearerAuth[Account]) -> None:
        self._accounts = accounts
        self.scheme = accounts.scheme

    async def authenticate(self, headers: AuthorizationHeaders, path: Tenant) -> Member:
        account = await self._accounts.authenticate(headers)
        if path.tenant not in account.tenants:
            raise NotFound("This tenant does not exist.")
        return Member(account.name, path.tenant)


class OrdersEndpoint(Endpoint, path="/{tenant}/orders"):
    async def get(self, user: Member) -> str:
        return f"{user.name} sees the orders of {user.tenant}"


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(OrdersEndpoint(), auth=Members(Accounts()))


app = App()
