"""Exceptions of a domain that does not know HTTP, and the responses that clients get for them."""

from msgspec import Struct

from jero import BaseApp, Conflict, Endpoint, HTTPError, JSONResponse, NotFound


class ShelfError(Exception):
    """Raised if a shelf cannot be used."""


class NoSuchShelf(ShelfError):
    """Raised if nobody has built the shelf."""


class ShelfFull(ShelfError):
    def __init__(self, free_on: list[str]) -> None:
        super().__init__("the shelf is full")
        self.free_on = free_on


class Place(Struct):
    shelf: str


class Room(Struct):
    error: str
    free_on: list[str]


class ShelfEndpoint(Endpoint, path="/shelves/{shelf}"):
    async def post(self, path: Place) -> str:
        if path.shelf == "poetry":
            raise ShelfFull(free_on=["novels"])
        if path.shelf == "novels":
            raise ShelfError("the shelf is locked: ask Ada")
        raise NoSuchShelf


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ShelfEndpoint())
        self._include_exception_handler(ShelfFull, self._full)
        self._include_exception_handler(NoSuchShelf, self._missing)
        self._include_exception_handler(ShelfError, self._refused)

    def _full(self, error: ShelfFull) -> JSONResponse[Room]:
        return JSONResponse(content=Room(error=str(error), free_on=error.free_on), status_code=409)

    def _missing(self, error: NoSuchShelf) -> NotFound:
        return NotFound("This shelf does not exist.")

    async def _refused(self, error: ShelfError) -> HTTPError:
        return Conflict("The shelf cannot be used now.")


app = App()
