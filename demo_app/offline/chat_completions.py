"""Serves OpenAI's chat completions, as far as a text client needs them. It is written with jero."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Final, Literal
from uuid import uuid4

import msgspec
from msgspec import Meta, Struct, field

from demo_app.offline.model import OfflineModel, few_words
from jero import Endpoint, StreamingResponse

MODEL: Final = "jero-offline"


class TextPart(Struct, tag_field="type", tag="text"):
    """A part of the content of a message."""

    text: str


class Message(Struct):
    """One turn of the conversation."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None


class ChatCompletionRequest(Struct):
    """The part of a request that is read. A model that only quotes has no use for the rest."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool = False

    @property
    def question(self) -> str:
        """Returns the user's last message."""
        content = next((message.content for message in reversed(self.messages) if message.role == "user"), None)
        return " ".join(part.text for part in content) if isinstance(content, list) else content or ""


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


class CompletionChunk(Answer, kw_only=True):
    """A chunk of an answer. All chunks of one answer have the same id."""

    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    choices: tuple[ChunkChoice]


class Fault(Struct):
    """The fault of a request."""

    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None


class Refusal(Struct):
    """The body of an error, in the form of OpenAI's service."""

    error: Fault


class ChatCompletionsEndpoint(Endpoint, path="/v1/chat/completions"):
    """Answers of `model`. A stream pauses for `pause` seconds after each chunk of a word or two."""

    def __init__(self, model: OfflineModel, pause: float) -> None:
        self._model = model
        self._pause = pause

    async def post(self, content: bytes) -> StreamingResponse:
        try:
            request = msgspec.json.decode(content, type=ChatCompletionRequest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _whole(Refusal(Fault(str(error))), status=400)
        if request.model != MODEL:
            message = f"The model `{request.model}` does not exist: use `{MODEL}`, the only model of this service."
            return _whole(Refusal(Fault(message, param="model", code="model_not_found")), status=404)
        answer = self._model.answer(request.question)
        if not request.stream:
            return _whole(Completion(choices=(Choice(message=Text(answer, "assistant")),)))
        return StreamingResponse(stream=self._events(answer), raw_headers={"Content-Type": "text/event-stream"})

    async def _events(self, answer: str) -> AsyncIterator[bytes]:
        """Yields the chunks as events, and then `[DONE]`, as OpenAI's service does."""
        of = Answer()
        for choice in _choices(answer):
            yield _event(msgspec.json.encode(CompletionChunk(id=of.id, created=of.created, choices=(choice,))))
            await asyncio.sleep(self._pause)
        yield _event(b"[DONE]")


def _choices(answer: str) -> Iterator[ChunkChoice]:
    yield ChunkChoice(delta=Text("", "assistant"))
    yield from (ChunkChoice(delta=Text(words)) for words in few_words(answer))
    yield ChunkChoice(delta=Text(), finish_reason="stop")


def _event(data: bytes) -> bytes:
    return b"data: %b\n\n" % data


def _whole(body: Struct, status: int = 200) -> StreamingResponse:
    """Returns JSON in one piece. It is a stream because the handler declares no other response."""
    return StreamingResponse(
        stream=_once(msgspec.json.encode(body)), status_code=status, raw_headers={"Content-Type": "application/json"}
    )


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
