"""A jero application inside Starlette, which starts it up and shuts it down."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct
from starlette.applications import Starlette
from starlette.routing import Mount

from jero import BaseApp, Endpoint, NDJSONStreamingResponse


class Word(Struct):
    word: str


class WordsEndpoint(Endpoint, path="/words"):
    async def get(self) -> NDJSONStreamingResponse[Word]:
        return NDJSONStreamingResponse(stream=self._words())

    async def _words(self) -> AsyncIterator[Word]:
        for word in ("in", "Starlette"):
            yield Word(word=word)


@asynccontextmanager
async def connected() -> AsyncGenerator[None, None]:
    print("database connected")
    yield
    print("database closed")


class Streams(BaseApp):
    async def _wire(self) -> None:
        await self._aenter(connected())
        self._include_endpoint(WordsEndpoint())


streams = Streams()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
    async with streams.lifespan():
        yield


app = Starlette(routes=[Mount(path="/streams", app=streams)], lifespan=lifespan)
