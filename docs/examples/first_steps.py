from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse


class Movie(Struct):
    title: str


class MoviesEndpoint(Endpoint, path="/movies"):
    async def get(self) -> NDJSONStreamingResponse[Movie]:
        return NDJSONStreamingResponse(stream=self._movies())

    async def _movies(self) -> AsyncIterator[Movie]:
        for title in ("Metropolis", "Sunrise"):
            yield Movie(title=title)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(MoviesEndpoint())


app = App()
