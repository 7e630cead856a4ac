"""The first steps, in the format that each client asks for."""

from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint


class Movie(Struct):
    title: str


class MoviesEndpoint(Endpoint, path="/movies"):
    async def get(self) -> AsyncIterator[Movie]:
        for title in ("Metropolis", "Sunrise"):
            yield Movie(title=title)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(MoviesEndpoint())


app = App()
