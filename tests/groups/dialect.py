"""An API with OpenAI's shape of errors below a prefix, beside one whose errors are problems."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

from msgspec import Struct

from jero import (
    BaseApp,
    Conflict,
    Endpoint,
    Forbidden,
    NDJSONStreamingResponse,
    Problem,
    Request,
    ServiceUnavailable,
    StreamPolicy,
)
from jero.auth import BearerAuth


class Detail(Struct):
    message: str
    type: str
    code: str | None = None


class Dialect(Struct):
    """The body of an error of OpenAI's API."""

    error: Detail


class User(Struct, frozen=True):
    name: str


class Tokens(BearerAuth[User]):
    async def verify(self, token: str) -> User:
        if token != "right":
            raise Forbidden
        return User(token)


class Film(Struct):
    title: str


class Tenant(Struct):
    tenant: str


class Films(Endpoint, path="/films"):
    """Can be refused in each way that jero knows."""

    max_body_bytes = 20
    body_timeout = 0.01
    handler_timeout = 0.01

    async def get(self) -> AsyncIterator[Film]:
        raise NotImplementedError

    async def post(self, json: Film) -> Film:
        if json.title == "late":
            await asyncio.get_running_loop().create_future()
        raise ValueError("secret")

    async def delete(self) -> str:
        raise ServiceUnavailable("Come back.", headers={"Retry-After": "7"})


class Ticks(Endpoint, path="/ticks"):
    """Streams. Its source fails before the first byte if `error` is given."""

    stream_policy: ClassVar = StreamPolicy(max_per_caller=1)

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._ticks())

    async def _ticks(self) -> AsyncIterator[int]:
        if self._error is not None:
            raise self._error
        yield 1
        await asyncio.get_running_loop().create_future()


class Broken(Ticks, path="/broken"):
    def __init__(self) -> None:
        super().__init__(Conflict("Not now.", headers={"X-Reason": "busy"}))


def dialect(problem: Problem, request: Request) -> Dialect:
    return Dialect(Detail(problem.detail or problem.title, problem.type, request.path_slots.get("tenant")))


class App(BaseApp):
    """Wires what it is given."""

    def __init__(self, wire: Callable[[Any], None], **options: Any) -> None:
        super().__init__(**options)
        self._include = wire

    async def _wire(self) -> None:
        self._include(self)


def in_two_shapes(app: Any) -> None:
    """Includes the same endpoints below `/v1` and `/v2`, of which only the first speaks the dialect."""
    app._include_group("/v1", Films(), Ticks(), Broken(), auth=Tokens(), problems=dialect)
    app._include_group("/v2", Films(), Ticks(), Broken(), auth=Tokens())
