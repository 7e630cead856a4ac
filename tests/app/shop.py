"""An application whose handler raises, with handlers for the exceptions of its own."""

from collections.abc import Callable
from typing import Any

import httpx
from msgspec import Struct

from jero import BaseApp, Endpoint, JSONResponse
from jero.testing import TestClient


class ShopError(Exception):
    """The root of an application's own."""


class SoldOut(ShopError):
    """One of them."""


class SoldOutForever(SoldOut):
    """And one nearer to the point."""


class Note(Struct):
    """What a client is told."""

    note: str


class RaisingEndpoint(Endpoint, path="/raise"):
    """Raises this."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def get(self) -> str:
        raise self.error


class App(BaseApp):
    """Handles these classes by these handlers."""

    def __init__(self, endpoint: Endpoint, *handlers: tuple[Any, Any], **options: Any) -> None:
        super().__init__(**options)
        self._endpoint = endpoint
        self._handlers = handlers

    async def _wire(self) -> None:
        self._include_endpoint(self._endpoint)
        for exception, handler in self._handlers:
            self._include_exception_handler(exception, handler)


def answered(error: Exception, *handlers: tuple[Any, Any], method: str = "GET") -> httpx.Response:
    """The answer to a request whose handler raises `error`."""
    with TestClient(App(RaisingEndpoint(error), *handlers)) as client:
        return client.request(method, "/raise")


def saying(note: str, status_code: int = 409) -> Callable[[Exception], JSONResponse[Note]]:
    """A handler that gives a note."""
    return lambda error: JSONResponse(content=Note(note), status_code=status_code)


def giving(answer: object) -> Callable[[Exception], Any]:
    """A handler that gives this."""
    return lambda error: answer
