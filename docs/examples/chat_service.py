"""A stand-in for a chat service: it repeats the question. Run `uvicorn chat_service:app --port 8001`."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct

from jero import BaseApp, Endpoint, StreamingResponse, TooManyRequests


class Message(Struct):
    role: str
    content: str


class Question(Struct):
    model: str
    messages: list[Message]


def event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


def chunk(**choice: Any) -> bytes:
    return event(json.dumps({"object": "chat.completion.chunk", "choices": [{"index": 0, **choice}]}))


class ChatEndpoint(Endpoint, path="/v1/chat/completions"):
    async def post(self, json: Question) -> StreamingResponse:
        question = json.messages[-1].content
        if question == "Are you busy?":
            raise TooManyRequests("Ask again later.", headers={"Retry-After": "20"})
        return StreamingResponse(stream=self._events(question), raw_headers={"Content-Type": "text/event-stream"})

    async def _events(self, question: str) -> AsyncIterator[bytes]:
        for word in question.split():
            yield chunk(delta={"content": f"{word} "})
            await asyncio.sleep(0.05)
            if word == "die":
                return
        yield chunk(delta={}, finish_reason="stop")
        yield event("[DONE]")


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ChatEndpoint())


app = App()
