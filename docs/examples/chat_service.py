"""A stand-in for a chat service: it repeats the question. Run `uvicorn chat_service:app --port 8001`."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from jero import BaseApp, Endpoint, EventStreamResponse, JSONResponse, ServerSentEvent, StreamOutcome


class Message(Struct):
    role: str
    content: str


class StreamOptions(Struct):
    include_usage: bool | None = None


class ChatRequest(Struct):
    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None


class Usage(Struct):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Delta(Struct, omit_defaults=True):
    content: str | None = None


class ChunkChoice(Struct):
    delta: Delta
    index: int = 0
    finish_reason: Literal["stop"] | None = None


class Chunk(Struct):
    choices: list[ChunkChoice]
    id: str = "chat-1"
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int = 1
    model: str = "m"
    usage: Usage | UnsetType = UNSET


class Choice(Struct):
    message: Message
    index: int = 0
    finish_reason: Literal["stop"] = "stop"


class Completion(Struct):
    choices: list[Choice]
    usage: Usage
    id: str = "chat-1"
    object: Literal["chat.completion"] = "chat.completion"
    created: int = 1
    model: str = "m"


class Error(Struct):
    message: str
    type: str


class Refusal(Struct):
    error: Error


async def thinking() -> None:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        print("the client left before the answer")
        raise


async def words(question: str) -> AsyncIterator[str]:
    for word in question.split():
        yield f"{word} "
        await asyncio.sleep(3600 if word == "wait" else 0.05)
        if word == "die":
            raise RuntimeError("The service died.")


def usage_of(question: str) -> Usage:
    tokens = len(question.split())
    return Usage(prompt_tokens=tokens, completion_tokens=tokens, total_tokens=2 * tokens)


async def chunks(question: str, *, has_usage: bool) -> AsyncIterator[Chunk]:
    async for word in words(question):
        yield Chunk(choices=[ChunkChoice(delta=Delta(content=word))])
    yield Chunk(choices=[ChunkChoice(delta=Delta(), finish_reason="stop")])
    if has_usage:
        yield Chunk(choices=[], usage=usage_of(question))


class ChatEndpoint(Endpoint, path="/v1/chat/completions"):
    cancel_on_disconnect = True

    async def post(self, json: ChatRequest) -> Completion | JSONResponse[Refusal] | EventStreamResponse[Chunk]:
        question = json.messages[-1].content
        if question == "Are you busy?":
            refusal = Refusal(error=Error(message="Ask again later.", type="rate_limit_exceeded"))
            return JSONResponse(content=refusal, status_code=429, raw_headers={"Retry-After": "20"})
        if question == "Please think.":
            await thinking()
        if json.stream:
            has_usage = json.stream_options is not None and bool(json.stream_options.include_usage)
            stream = chunks(question, has_usage=has_usage)
            return EventStreamResponse(stream=stream, last=ServerSentEvent(data="[DONE]"))
        answer = "".join([word async for word in words(question)])
        message = Message(role="assistant", content=answer)
        return Completion(choices=[Choice(message=message)], usage=usage_of(question))


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ChatEndpoint())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        print(f"{outcome.reason} after {outcome.items} chunks")


app = App()
