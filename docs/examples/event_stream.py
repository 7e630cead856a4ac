"""Events for clients that read them once: the words of an answer, in reply to a POST."""

import asyncio
from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint, EventStreamResponse, ServerSentEvent, ServiceUnavailable


class Question(Struct):
    text: str


class Word(Struct):
    word: str


class AnswersEndpoint(Endpoint, path="/answers"):
    async def post(self, json: Question) -> EventStreamResponse[Word]:
        return EventStreamResponse(
            stream=self._words(json.text),
            last=ServerSentEvent(data="[DONE]"),
        )

    async def _words(self, text: str) -> AsyncIterator[Word]:
        await asyncio.sleep(0.2)
        if not text:
            raise ServiceUnavailable("The model is asleep.", headers={"Retry-After": "3"})
        for word in text.rstrip("?").split():
            yield Word(word=word)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(AnswersEndpoint())


app = App()
