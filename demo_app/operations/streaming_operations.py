"""An answer as NDJSON; and notifications, which are posted, as server-sent events."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct

from demo_app.answers import Answers
from demo_app.notifications import Notification, notification_of
from demo_app.upstream_problems import (
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from jero import (
    BadRequest,
    Created,
    Endpoint,
    NDJSONStreamingResponse,
    SSEResponse,
    StreamPolicy,
    operation_notes,
)
from jero.channels import Channel, ChannelUnavailable

EXAMPLE: Final = "What happens when the client leaves?"
# The form of a channel's ids, in memory and on Redis. An empty one is none.
EVENT_ID: Final = r"^(([0-9a-f]{16}|0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,17}))?$"


class Question(Struct):
    """What is asked."""

    text: Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"\S", examples=[EXAMPLE])]


class AnswerChunk(Struct):
    """A word or two of the answer."""

    text: str


class QuestionsEndpoint(Endpoint, path="/questions"):
    """Answers by a model, word by word as they come."""

    tags: ClassVar = ["questions"]
    errors: ClassVar = [UpstreamUnauthorized, UpstreamRateLimited, UpstreamUnavailable, UpstreamFailed, UpstreamTimeout]

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        # A stalled upstream must be answered with its own status, so the headers wait longer than it is waited for.
        self._policy = StreamPolicy(first_item_grace=answers.patience + 5)

    async def post(self, json: Question) -> NDJSONStreamingResponse[AnswerChunk]:
        """Answers a question, a word or two a line.

        Each line is sent as the model says it. Whoever leaves ends the request to the model, too. Where the model fails
        after the first word, the transfer is cut.
        """
        return NDJSONStreamingResponse(stream=self._chunks(json.text), policy=self._policy)

    async def _chunks(self, question: str) -> AsyncIterator[AnswerChunk]:
        async with aclosing(self._answers.to(question)) as words:
            async for word in words:
                yield AnswerChunk(word)


class Message(Struct):
    """What all who listen are to be told."""

    text: Annotated[str, Meta(min_length=1, max_length=1_000, pattern=r"\S", examples=["The parcel is here."])]


class Posted(Struct):
    """The id of the notification, as those who listen receive it."""

    id: str


class Resumption(Struct):
    """Where a client goes on that comes back: after the last event that it received."""

    last_event_id: Annotated[str, Meta(pattern=EVENT_ID, description="The id of an event.")] | None = None


class NotificationsEndpoint(Endpoint, path="/notifications"):
    """What happens, for all who listen; a client that comes back is sent what it missed."""

    tags: ClassVar = ["notifications"]

    def __init__(self, notifications: Channel[Notification]) -> None:
        self._notifications = notifications

    @operation_notes(errors=[ChannelUnavailable])
    async def post(self, json: Message) -> Created[Posted]:
        """Tells all who listen.

        It is answered when the notification is kept: whoever is away now receives it later.
        """
        return Created(Posted(await self._notifications.publish(notification_of(json.text), event="message")))

    @operation_notes(errors=[BadRequest])
    async def get(self, headers: Resumption) -> SSEResponse[Notification]:
        """Follows what happens.

        It does not end. Each event has an id, and a name: `message` for what was posted, `answer` for a question that
        was answered, given up or left, and `heartbeat`. Whoever comes back with the id of an event in `Last-Event-ID`
        is sent what came after it; an event `gap` stands for what is no longer kept.
        """
        return SSEResponse(stream=self._notifications.subscribe(after=headers.last_event_id))
