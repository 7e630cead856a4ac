"""Two streams: an answer as NDJSON, and notifications as server-sent events."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from demo_app.answers import Answers
from demo_app.notifications import Notification, NotificationFeed
from demo_app.upstream_problems import (
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from jero import BadRequest, Endpoint, NDJSONStreamingResponse, ResumeHeaders, SSEResponse, StreamPolicy


class Question(Struct):
    """What is asked."""

    text: Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"\S")]


class AnswerChunk(Struct):
    """A word or two of the answer."""

    text: str


class QuestionsEndpoint(Endpoint, path="/questions"):
    """Answers a question, word by word as they come."""

    errors: ClassVar = [UpstreamUnauthorized, UpstreamRateLimited, UpstreamUnavailable, UpstreamFailed, UpstreamTimeout]

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        # A stalled upstream must be answered with its own status, so the headers wait longer than it is waited for.
        self._policy = StreamPolicy(first_item_grace=answers.patience + 5)

    async def post(self, json: Question) -> NDJSONStreamingResponse[AnswerChunk]:
        return NDJSONStreamingResponse(stream=self._chunks(json.text), policy=self._policy)

    async def _chunks(self, question: str) -> AsyncIterator[AnswerChunk]:
        async with aclosing(self._answers.to(question)) as words:
            async for word in words:
                yield AnswerChunk(word)


class NotificationsEndpoint(Endpoint, path="/notifications"):
    """What happens in this process; a client that comes back is sent what it missed."""

    errors: ClassVar = [BadRequest]

    def __init__(self, feed: NotificationFeed) -> None:
        self._feed = feed

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Notification]:
        return SSEResponse(stream=self._feed.subscribe(after=headers.last_event_id))
