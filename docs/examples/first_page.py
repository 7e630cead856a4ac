"""A stream in a browser: a page that shows each movie as it arrives."""

import asyncio
from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint, SSEResponse, TextResponse

PAGE = """<!doctype html>
<title>Movies</title>
<ul></ul>
<script>
  new EventSource("/movies").onmessage = (event) => {
    const line = document.createElement("li");
    line.textContent = JSON.parse(event.data).title;
    document.querySelector("ul").append(line);
  };
</script>
"""


class Movie(Struct):
    title: str


class PageEndpoint(Endpoint, path="/"):
    async def get(self) -> TextResponse:
        return TextResponse(PAGE, raw_headers={"Content-Type": "text/html; charset=utf-8"})


class MoviesEndpoint(Endpoint, path="/movies"):
    async def get(self) -> SSEResponse[Movie]:
        return SSEResponse(stream=self._movies())

    async def _movies(self) -> AsyncIterator[Movie]:
        while True:
            for title in ("Metropolis", "Sunrise"):
                yield Movie(title=title)
                await asyncio.sleep(1)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(PageEndpoint())
        self._include_endpoint(MoviesEndpoint())


app = App()
