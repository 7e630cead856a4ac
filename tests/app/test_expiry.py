"""Credentials that expire while a handler runs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse
from jero.auth import BearerAuth, Expiring
from jero.testing import TestClient


class User(Struct):
    name: str


class Tokens(BearerAuth[Expiring[User]], realm="feeds"):
    async def verify(self, token: str) -> Expiring[User]:
        return Expiring(User(token), datetime.now(UTC) + timedelta(seconds=0.05))


class FeedEndpoint(Endpoint, path="/"):
    """Answers later than its caller's credentials live."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def get(self, user: User) -> NDJSONStreamingResponse[int]:
        await asyncio.sleep(0.1)
        return NDJSONStreamingResponse(stream=self._numbers())

    async def post(self, user: User) -> AsyncIterator[int]:
        await asyncio.sleep(0.1)
        return self._numbers()

    async def _numbers(self) -> AsyncIterator[int]:
        self.steps.append("begun")
        yield 1


class App(BaseApp):
    def __init__(self, endpoint: FeedEndpoint) -> None:
        super().__init__()
        self._endpoint = endpoint

    async def _wire(self) -> None:
        self._include_endpoint(self._endpoint, auth=Tokens())


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_stream_is_refused_if_the_credentials_have_expired_when_the_handler_returns(method: str) -> None:
    endpoint = FeedEndpoint()
    with TestClient(App(endpoint)) as client:
        response = client.request(method, "/", headers={"Authorization": "Bearer ada"})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="feeds", error="invalid_token"'
    assert endpoint.steps == []
