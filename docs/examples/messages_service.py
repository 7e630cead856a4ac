"""A stand-in for Anthropic's service: it repeats the question. Run `uvicorn messages_service:app --port 8001`."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

from msgspec import Struct

from jero import BaseApp, Endpoint, EventStreamResponse, JSONResponse, ServerSentEvent, StreamOutcome


class Turn(Struct):
    role: str
    content: str


class MessagesRequest(Struct):
    model: str
    max_tokens: int
    messages: list[Turn]
    stream: bool = False


class Text(Struct, tag="text"):
    text: str


class Usage(Struct):
    input_tokens: int
    output_tokens: int


class Message(Struct, tag="message"):
    content: list[Text]
    usage: Usage
    stop_reason: Literal["end_turn"] | None = None
    stop_sequence: str | None = None
    id: str = "msg_1"
    role: Literal["assistant"] = "assistant"
    model: str = "m"


class MessageStart(Struct, tag="message_start"):
    message: Message


class ContentBlockStart(Struct, tag="content_block_start"):
    content_block: Text
    index: int = 0


class TextDelta(Struct, tag="text_delta"):
    text: str


class ContentBlockDelta(Struct, tag="content_block_delta"):
    delta: TextDelta
    index: int = 0


class ContentBlockStop(Struct, tag="content_block_stop"):
    index: int = 0


class StopReason(Struct):
    stop_reason: Literal["end_turn"] = "end_turn"
    stop_sequence: str | None = None


class OutputUsage(Struct):
    output_tokens: int


class MessageDelta(Struct, tag="message_delta"):
    delta: StopReason
    usage: OutputUsage


class MessageStop(Struct, tag="message_stop"):
    pass


class Error(Struct):
    type: str
    message: str


class Failure(Struct, tag="error"):
    error: Error


Event = MessageStart | ContentBlockStart | ContentBlockDelta | ContentBlockStop | MessageDelta | MessageStop | Failure


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


async def events(question: str) -> AsyncIterator[Event]:
    tokens = len(question.split())
    yield MessageStart(Message(content=[], usage=Usage(tokens, 0)))
    yield ContentBlockStart(Text(""))
    async for word in words(question):
        yield ContentBlockDelta(TextDelta(word))
        if word == "tire ":
            yield Failure(Error("overloaded_error", "Overloaded"))
            return
    yield ContentBlockStop()
    yield MessageDelta(StopReason(), OutputUsage(tokens))
    yield MessageStop()


async def named(events: AsyncIterator[Event]) -> AsyncIterator[ServerSentEvent[Event]]:
    async for data in events:
        yield ServerSentEvent(event=str(data.__struct_config__.tag), data=data)


class MessagesEndpoint(Endpoint, path="/v1/messages"):
    cancel_on_disconnect = True

    async def post(self, json: MessagesRequest) -> Message | JSONResponse[Failure] | EventStreamResponse[Event]:
        question = json.messages[-1].content
        if question == "Are you busy?":
            failure = Failure(Error("rate_limit_error", "Ask again later."))
            return JSONResponse(content=failure, status_code=429, raw_headers={"Retry-After": "20"})
        if question == "Please think.":
            await thinking()
        if json.stream:
            return EventStreamResponse(stream=named(events(question)))
        answer = "".join([word async for word in words(question)])
        tokens = len(question.split())
        return Message(content=[Text(answer)], usage=Usage(tokens, tokens), stop_reason="end_turn")


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(MessagesEndpoint())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        print(f"{outcome.reason} after {outcome.items} events")


app = App()
