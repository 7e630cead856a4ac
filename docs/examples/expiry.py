"""Credentials that expire: a stream ends when the credentials that opened it expire."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from jero import APIKeyAuth, BaseApp, Endpoint, Expiring, SSEResponse, Unauthorized

LIFETIME = timedelta(seconds=1)  # about a minute in a real service


class Visitor(Struct):
    number: int


class Tick(Struct):
    visitor: int
    tick: int


class Passes(APIKeyAuth[Expiring[Visitor]], query="pass"):
    """A pass opens one stream and expires soon, since URLs are written to logs."""

    def __init__(self) -> None:
        self._visitors: dict[str, Expiring[Visitor]] = {}
        self._issued = 0

    def issue(self) -> str:
        now = datetime.now(UTC)
        unused = self._visitors.items()
        self._visitors = {key: visitor for key, visitor in unused if visitor.expires_at and visitor.expires_at > now}
        self._issued += 1
        key = secrets.token_urlsafe(32)
        self._visitors[key] = Expiring(Visitor(number=self._issued), now + LIFETIME)
        return key

    async def verify(self, key: str) -> Expiring[Visitor]:
        visitor = self._visitors.pop(key, None)
        if visitor is None:
            raise Unauthorized
        return visitor


class PassesEndpoint(Endpoint, path="/passes"):
    def __init__(self, passes: Passes) -> None:
        self._passes = passes

    async def post(self) -> str:
        return self._passes.issue()


class ClockEndpoint(Endpoint, path="/clock"):
    async def get(self, user: Visitor) -> SSEResponse[Tick]:
        return SSEResponse(stream=self._ticks(user))

    async def _ticks(self, user: Visitor) -> AsyncIterator[Tick]:
        tick = 0
        while True:
            yield Tick(visitor=user.number, tick=tick)
            tick += 1
            await asyncio.sleep(0.2)


class App(BaseApp):
    async def _wire(self) -> None:
        passes = Passes()
        self._include_endpoint(PassesEndpoint(passes))
        self._include_endpoint(ClockEndpoint(), auth=passes)


app = App()
