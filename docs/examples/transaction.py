"""A context manager as a stream's source: a transaction that rolls back automatically."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse


class Letter(Struct):
    text: str


class Mailbox:
    """Loses its letters only to a stream that completes."""

    def __init__(self, *letters: Letter) -> None:
        self._letters = deque(letters)

    @asynccontextmanager
    async def emptying(self) -> AsyncGenerator[AsyncIterator[Letter], None]:
        taken: list[Letter] = []
        try:
            yield self._take_into(taken)
        except BaseException as error:  # StreamInterrupted if the client left
            self._letters.extendleft(reversed(taken))
            print(f"rolled back: {error}")
            raise
        print(f"committed: {len(taken)} letters")

    async def _take_into(self, taken: list[Letter]) -> AsyncIterator[Letter]:
        while self._letters:
            taken.append(self._letters.popleft())
            yield taken[-1]
            await asyncio.sleep(0.2)


class LettersEndpoint(Endpoint, path="/letters"):
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def post(self) -> NDJSONStreamingResponse[Letter]:
        return NDJSONStreamingResponse(stream=self._mailbox.emptying())


class App(BaseApp):
    async def _wire(self) -> None:
        mailbox = Mailbox(Letter("first"), Letter("second"), Letter("third"))
        self._include_endpoint(LettersEndpoint(mailbox))


app = App()
