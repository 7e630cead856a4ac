"""Streams an answer, follows it again, and stops it."""

from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct

from demo_app.questions import AnswerChunk, Questions
from demo_app.upstream_problems import (
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from jero import (
    Accepted,
    BadRequest,
    Endpoint,
    Gone,
    NDJSONStreamingResponse,
    Negotiated,
    NoContent,
    NotFound,
    StreamPolicy,
    TooManyRequests,
    operation_notes,
)
from jero.channels import ChannelUnavailable

EXAMPLE: Final = "What happens when the client leaves?"
UPSTREAM: Final = [UpstreamUnauthorized, UpstreamRateLimited, UpstreamUnavailable, UpstreamFailed, UpstreamTimeout]


class Question(Struct):
    """A question."""

    text: Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"\S", examples=[EXAMPLE])]


class Asking(Struct):
    """How to ask.

    `idempotency_key`: a name that the client makes, so that a request that is repeated asks only once.
    """

    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255, description="A random text.")] | None = None
    prefer: Annotated[str, Meta(description="`respond-async` to be answered at once (RFC 7240).")] | None = None


class Asked(Struct):
    """The address of the answer, to follow it again, or to stop it."""

    location: Annotated[str, Meta(description="The address of the answer.")]


class Started(Struct):
    """An answer that has begun."""

    id: str


class AnswerPath(Struct):
    """The random id of an answer. Whoever has it may follow the answer, and stop it."""

    run_id: str


class AnswerPlace(Struct):
    """The last words that a client received before it reconnected."""

    last_event_id: Annotated[str, Meta(description="The id of an event.")] | None = None


class QuestionsEndpoint(Endpoint, path="/questions"):
    """Answers of a model, word by word as they arrive."""

    tags: ClassVar = ["questions"]
    errors: ClassVar = [*UPSTREAM, TooManyRequests, ChannelUnavailable, Gone]

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        # If the upstream stalls, the response must have a status for that: the headers wait longer than its timeout.
        self._policy = StreamPolicy(first_item_grace=questions.upstream_timeout + 5)

    async def post(
        self, json: Question, headers: Asking
    ) -> NDJSONStreamingResponse[AnswerChunk, Asked] | Accepted[Started, Asked]:
        """Answers a question, a word or two a line.

        Each line is sent as soon as the model sends its words. If the client leaves, the answer goes on: `Location` is
        where to follow it again, and to stop it. If the model fails after the first word, the transfer is cut.

        The same `Idempotency-Key` with the same question is the same answer, from its first word on.

        With `Prefer: respond-async`, the response comes at once, with status 202 and without words.
        """
        run = await self._questions.ask(json.text, headers.idempotency_key)
        asked = Asked(location=f"/questions/{run.id}")
        if _prefers_no_wait(headers.prefer or ""):
            return Accepted(Started(run.id), headers=asked)
        return NDJSONStreamingResponse(stream=await self._questions.follow(run.id), headers=asked, policy=self._policy)


def _prefers_no_wait(prefer: str) -> bool:
    """Returns whether a `Prefer` header has the preference `respond-async` (RFC 7240, section 4.1)."""
    return "respond-async" in {preference.partition(";")[0].strip().lower() for preference in prefer.split(",")}


class AnswerEndpoint(Endpoint, path="/questions/{run_id}"):
    """One answer, for ten minutes after its end."""

    tags: ClassVar = ["questions"]
    errors: ClassVar = [NotFound, ChannelUnavailable]

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    @operation_notes(errors=[BadRequest, *UPSTREAM, Gone])
    async def get(self, path: AnswerPath, headers: AnswerPlace) -> Negotiated[AnswerChunk]:
        """Follows an answer from its first word on, in the format that the client accepts.

        Each event of an event stream has an id. If `Last-Event-ID` is one of them, the words after it are sent. The
        last event is `end`, and tells how the answer ended. A client that comes back after it gets a 204.

        In the other formats, the answer is complete if the transfer is.
        """
        return Negotiated(stream=await self._questions.follow(path.run_id, headers.last_event_id))

    async def delete(self, path: AnswerPath) -> NoContent:
        """Stops an answer, and its request to the model. Does nothing if the answer has ended."""
        await self._questions.stop(path.run_id)
        return NoContent()
