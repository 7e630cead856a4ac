"""Pings as protocols of models have them: a comment, an event `ping`, and a chunk without content."""

import asyncio
from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint, EventStreamResponse, ServerSentEvent


class Ping(Struct, tag="ping"):
    pass


class Delta(Struct, tag="content_block_delta"):
    text: str


class Choice(Struct):
    content: str


class Chunk(Struct):
    choices: list[Choice]


async def thoughts() -> AsyncIterator[str]:
    yield "Let me think."
    await asyncio.sleep(0.7)
    yield "42."


class CommentsEndpoint(Endpoint, path="/comments"):
    async def post(self) -> EventStreamResponse[str]:
        return EventStreamResponse(stream=thoughts(), keepalive=0.5)


class MessagesEndpoint(Endpoint, path="/messages"):
    async def post(self) -> EventStreamResponse[Delta | Ping]:
        return EventStreamResponse(
            stream=self._deltas(),
            keepalive=0.5,
            ping=ServerSentEvent(event="ping", data=Ping()),
        )

    async def _deltas(self) -> AsyncIterator[ServerSentEvent[Delta | Ping]]:
        async for text in thoughts():
            yield ServerSentEvent(event="content_block_delta", data=Delta(text=text))


class ChunksEndpoint(Endpoint, path="/chunks"):
    async def post(self) -> EventStreamResponse[Chunk]:
        return EventStreamResponse(
            stream=self._chunks(),
            keepalive=0.5,
            ping=Chunk(choices=[]),
            last=ServerSentEvent(data="[DONE]"),
        )

    async def _chunks(self) -> AsyncIterator[Chunk]:
        async for text in thoughts():
            yield Chunk(choices=[Choice(content=text)])


class App(BaseApp):
    async def _wire(self) -> None:
        for endpoint in (CommentsEndpoint(), MessagesEndpoint(), ChunksEndpoint()):
            self._include_endpoint(endpoint)


app = App()
