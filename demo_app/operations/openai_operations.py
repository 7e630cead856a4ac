"""Serves OpenAI's API as a gateway: completions, whole or streamed, and the list of models."""

import asyncio
from typing import Annotated, ClassVar, Final, TypeAlias

from msgspec import Meta, Raw
from msgspec.json import encode

from demo_app.completions import CompletionRequest, Completions
from demo_app.metrics import Metrics
from demo_app.openai_errors import openai_error
from demo_app.upstream_problems import UpstreamFailed, UpstreamRateLimited, UpstreamTimeout, problem_for
from jero import (
    BadRequest,
    Endpoint,
    EventStreamResponse,
    JSONResponse,
    NotFound,
    ServerSentEvent,
    StreamPolicy,
)

DONE: Final = ServerSentEvent(data="[DONE]")

_PART: Final = {
    "type": "object",
    "properties": {"type": {"type": "string"}, "text": {"type": "string"}},
    "required": ["type"],
}
_MESSAGE: Final = {
    "type": "object",
    "properties": {
        "role": {"enum": ["developer", "system", "user", "assistant", "tool", "function"]},
        "content": {"type": ["string", "array", "null"], "items": _PART},
    },
    "required": ["role"],
}
# The document names what the gateway and every service know. All other fields are passed on.
ChatCompletionRequest: TypeAlias = Annotated[
    Raw,
    Meta(
        extra_json_schema={
            "type": "object",
            "properties": {
                "model": {"type": ["string", "null"], "description": "The server's model if it is left out."},
                "messages": {"type": "array", "items": _MESSAGE, "minItems": 1},
                "stream": {"type": ["boolean", "null"], "description": "Whether the answer is an event stream."},
            },
            "required": ["messages"],
            "example": {"messages": [{"role": "user", "content": "What happens when the client leaves?"}]},
        }
    ),
]
ChatCompletion: TypeAlias = Annotated[
    Raw, Meta(description="The service's answer, unchanged.", extra_json_schema={"type": "object"})
]
ChatCompletionChunk: TypeAlias = Annotated[
    Raw, Meta(description="A chunk of the service's answer, unchanged.", extra_json_schema={"type": "object"})
]
ModelList: TypeAlias = Annotated[
    Raw, Meta(description="The service's list, unchanged.", extra_json_schema={"type": "object"})
]


class ChatCompletionsEndpoint(Endpoint, path="/chat/completions"):
    """Answers of a model, in the form of OpenAI's API."""

    errors: ClassVar = [BadRequest, NotFound, UpstreamRateLimited, UpstreamFailed, UpstreamTimeout]
    cancel_on_disconnect: ClassVar = True
    max_body_bytes: ClassVar = 20 * 1024 * 1024  # messages may contain images

    def __init__(self, completions: Completions, metrics: Metrics, upstream_timeout: float) -> None:
        self._completions = completions
        self._metrics = metrics
        # If the upstream stalls, the response must have a status for that: the headers wait longer than its timeout.
        self._policy = StreamPolicy(first_item_grace=upstream_timeout + 5)

    async def post(
        self, json: ChatCompletionRequest
    ) -> JSONResponse[ChatCompletion] | EventStreamResponse[ChatCompletionChunk]:
        """Answers a conversation, whole or as an event stream.

        The request is passed on to the service as it came, and the answer is passed back as it came, with all fields.
        The stream ends with `[DONE]` exactly if the answer is complete. If it breaks, its last event is an error. If
        the client leaves, the request to the service ends.
        """
        request = self._completions.read(json)
        if not request.is_stream:
            return JSONResponse(await self._whole(request))
        return EventStreamResponse(
            stream=self._completions.chunks(request), last=DONE, on_error=_error_event, policy=self._policy
        )

    async def _whole(self, request: CompletionRequest) -> Raw:
        outcome = "failed"
        try:
            answer = await self._completions.whole(request)
            outcome = "completed"
            return answer
        except asyncio.CancelledError:
            outcome = "disconnected"
            raise
        finally:
            self._metrics.answered(type(self).__name__, outcome)


class ModelsEndpoint(Endpoint, path="/models"):
    """The models of the service."""

    errors: ClassVar = [UpstreamRateLimited, UpstreamFailed, UpstreamTimeout]
    cancel_on_disconnect: ClassVar = True

    def __init__(self, completions: Completions) -> None:
        self._completions = completions

    async def get(self) -> JSONResponse[ModelList]:
        """Lists the models that the service offers to this server."""
        return JSONResponse(await self._completions.models())


def _error_event(error: Exception) -> Raw:
    return Raw(encode(openai_error(problem_for(error).problem())))
