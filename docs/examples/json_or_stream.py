"""JSON or a stream: the request says which of the two its client wants."""

from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint, EventStreamResponse, ServerSentEvent


class Prompt(Struct):
    prompt: str
    stream: bool = False


class Completion(Struct):
    text: str


class Chunk(Struct):
    delta: str


class CompletionsEndpoint(Endpoint, path="/completions"):
    async def post(self, json: Prompt) -> Completion | EventStreamResponse[Chunk]:
        if json.stream:
            return EventStreamResponse(
                stream=self._chunks(json.prompt),
                last=ServerSentEvent(data="[DONE]"),
            )
        chunks = [chunk.delta async for chunk in self._chunks(json.prompt)]
        return Completion(text="".join(chunks))

    async def _chunks(self, prompt: str) -> AsyncIterator[Chunk]:
        for word in ("You ", "said: ", prompt):
            yield Chunk(delta=word)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(CompletionsEndpoint())


app = App()
