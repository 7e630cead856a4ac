import asyncio
from collections.abc import AsyncIterator

from jero import BaseApp, Endpoint


class WordsEndpoint(Endpoint, path="/words"):
    async def get(self) -> AsyncIterator[str]:
        for word in ("Each", "word", "leaves", "at", "once."):
            yield word
            await asyncio.sleep(0.2)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(WordsEndpoint())


app = App()
