"""An application whose endpoint raises, with handlers for its own exceptions."""

from collections.abc import Callable
from typing import Any

import httpx
from msgspec import Struct

from jero import BaseApp, Endpoint, JSONResponse
from jero.testing import TestClient


class ShopError(Exception):
    """The base class of the application's exceptions."""


class SoldOut(ShopError):
    """A subclass of it."""


class SoldOutForever(SoldOut):
    """A subclass of the subclass."""


class Note(Struct):
    """The body of an answer."""

    note: str


class RaisingEndpoint(Endpoint, path="/raise"):
    """Raises `error`."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def get(self) -> str:
        raise self.error


class App(BaseApp):
    """Includes an endpoint, and exception handlers as pairs of a class and its handler."""

    def __init__(self, endpoint: Endpoint, *handlers: tuple[Any, Any], **options: Any) -> None:
        super().__init__(**options)
        self._endpoint = endpoint
        self._handlers = handlers

    async def _wire(self) -> None:
        self._include_endpoint(self._endpoint)
        for exception, handler in self._handlers:
            self._include_exception_handler(exception, handler)


def answered(error: Exception, *handlers: tuple[Any, Any], method: str = "GET") -> httpx.Response:
    """Returns the answer to a request whose endpoint raises `error`."""
    with TestClient(App(RaisingEndpoint(error), *handlers)) as client:
        return client.request(method, "/raise")


def saying(note: str, status_code: int = 409) -> Callable[[Exception], JSONResponse[Note]]:
    """Returns a handler that returns a note."""
    return lambda error: JSONResponse(content=Note(note), status_code=status_code)


def returning(answer: object) -> Callable[[Exception], Any]:
    """Returns a handler that returns `answer`."""
    return lambda error: answer
