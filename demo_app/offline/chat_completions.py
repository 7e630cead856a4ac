"""Serves OpenAI's chat completions, as far as a text client needs them. It is written with jero."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, ClassVar, Final, Literal
from uuid import uuid4

from msgspec import UNSET, Meta, Struct, UnsetType, field

from demo_app.offline.model import OfflineModel, few_words
from jero import Endpoint, EventStreamResponse, Fault, NotFound, ServerSentEvent

MODEL: Final = "jero-offline"
DONE: Final = ServerSentEvent(data="[DONE]")


class ModelNotFound(NotFound, type="model-not-found", title="Model not found"):
    """The service has no model of this name."""


class Part(Struct):
    """A part of the content of a message. Parts of other types, such as images, have no text to search for."""

    type: str
    text: str = ""


class Message(Struct):
    """One turn of the conversation."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """Returns the text of all parts."""
        if isinstance(self.content, list):
            return " ".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(Struct):
    """The options of a stream. `include_usage`: whether its last chunk has the usage."""

    include_usage: bool | None = None


class ChatCompletionRequest(Struct):
    """The part of a request that is read. A model that only quotes has no use for the rest."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @property
    def question(self) -> str:
        """Returns the user's last message."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")

    @property
    def includes_usage(self) -> bool:
        """Returns whether the stream has to report its usage."""
        return self.stream_options is not None and self.stream_options.include_usage is True


class Usage(Struct):
    """The size of a request and of its answer. A token of this model is a word."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Text(Struct, omit_defaults=True):
    """A message, or the text that a chunk adds to a message."""

    content: str | None = None
    role: Literal["assistant"] | None = None


class Choice(Struct, kw_only=True):
    """The only choice of a whole answer."""

    index: int = 0
    message: Text
    finish_reason: Literal["stop"] = "stop"


class ChunkChoice(Struct, kw_only=True):
    """The only choice of a chunk."""

    index: int = 0
    delta: Text
    finish_reason: Literal["stop"] | None = None


class Answer(Struct, kw_only=True):
    """The fields that an answer and each of its chunks begin with."""

    id: str = field(default_factory=lambda: f"chatcmpl-{uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    model: str = MODEL


class Completion(Answer, kw_only=True):
    """A whole answer."""

    object: Literal["chat.completion"] = "chat.completion"
    choices: tuple[Choice]
    usage: Usage


class CompletionChunk(Answer, kw_only=True):
    """A chunk of an answer. All chunks of one answer have the same id.

    `usage`: left out unless the request asks for it. Then the last chunk has it, and no choice.
    """

    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    choices: tuple[ChunkChoice, ...]
    usage: Usage | UnsetType | None = UNSET


class ChatCompletionsEndpoint(Endpoint, path="/chat/completions"):
    """Answers of `model`. A stream pauses for `pause` seconds after each chunk of a word or two."""

    errors: ClassVar = [ModelNotFound]

    def __init__(self, model: OfflineModel, pause: float) -> None:
        self._model = model
        self._pause = pause

    async def post(self, json: ChatCompletionRequest) -> Completion | EventStreamResponse[CompletionChunk]:
        """Answers a conversation, whole or as an event stream."""
        if json.model != MODEL:
            message = f"The model `{json.model}` does not exist: use `{MODEL}`, the only one of this service."
            raise ModelNotFound(message, errors=[Fault(("json", "model"), "Is not a model of this service")])
        answer = self._model.answer(json.question)
        if json.stream:
            return EventStreamResponse(stream=self._chunks(json, answer), last=DONE)
        return Completion(choices=(Choice(message=Text(answer, "assistant")),), usage=_usage(json, answer))

    async def _chunks(self, request: ChatCompletionRequest, answer: str) -> AsyncIterator[CompletionChunk]:
        of = Answer()
        usage = None if request.includes_usage else UNSET
        for choice in _choices(answer):
            yield CompletionChunk(id=of.id, created=of.created, choices=(choice,), usage=usage)
            await asyncio.sleep(self._pause)
        if request.includes_usage:
            yield CompletionChunk(id=of.id, created=of.created, choices=(), usage=_usage(request, answer))


def _choices(answer: str) -> Iterator[ChunkChoice]:
    yield ChunkChoice(delta=Text("", "assistant"))
    yield from (ChunkChoice(delta=Text(words)) for words in few_words(answer))
    yield ChunkChoice(delta=Text(), finish_reason="stop")


def _usage(request: ChatCompletionRequest, answer: str) -> Usage:
    asked = sum(len(message.text.split()) for message in request.messages)
    answered = len(answer.split())
    return Usage(asked, answered, asked + answered)
