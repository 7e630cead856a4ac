"""Streams an answer as NDJSON, and notifications as server-sent events."""

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
# The form of a channel's ids, in memory and on Redis. An empty id counts as no id.
EVENT_ID: Final = r"^(([0-9a-f]{16}|0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,17}))?$"


class Question(Struct):
    """A question."""

    text: Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"\S", examples=[EXAMPLE])]


class AnswerChunk(Struct):
    """A word or two of the answer."""

    text: str


class QuestionsEndpoint(Endpoint, path="/questions"):
    """Answers of a model, word by word as they arrive."""

    tags: ClassVar = ["questions"]
    errors: ClassVar = [UpstreamUnauthorized, UpstreamRateLimited, UpstreamUnavailable, UpstreamFailed, UpstreamTimeout]

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        # If the upstream stalls, the response must have a status for that: the headers wait longer than its timeout.
        self._policy = StreamPolicy(first_item_grace=answers.upstream_timeout + 5)

    async def post(self, json: Question) -> NDJSONStreamingResponse[AnswerChunk]:
        """Answers a question, a word or two a line.

        Each line is sent as soon as the model sends its words. If the client leaves, the request to the model ends too.
        If the model fails after the first word, the transfer is cut.
        """
        return NDJSONStreamingResponse(stream=self._chunks(json.text), policy=self._policy)

    async def _chunks(self, question: str) -> AsyncIterator[AnswerChunk]:
        async with aclosing(self._answers.to(question)) as words:
            async for word in words:
                yield AnswerChunk(word)


class Message(Struct):
    """A message for all subscribers."""

    text: Annotated[str, Meta(min_length=1, max_length=1_000, pattern=r"\S", examples=["The parcel is here."])]


class Posted(Struct):
    """The id of the notification, as subscribers receive it."""

    id: str


class Resumption(Struct):
    """The last event that a client received before it reconnected."""

    last_event_id: Annotated[str, Meta(pattern=EVENT_ID, description="The id of an event.")] | None = None


class NotificationsEndpoint(Endpoint, path="/notifications"):
    """Events for all subscribers. A client that reconnects is sent the events that it missed."""

    tags: ClassVar = ["notifications"]

    def __init__(self, notifications: Channel[Notification]) -> None:
        self._notifications = notifications

    @operation_notes(errors=[ChannelUnavailable])
    async def post(self, json: Message) -> Created[Posted]:
        """Publishes a notification to all subscribers.

        The response comes when the notification is stored: subscribers that are away now receive it later.
        """
        return Created(Posted(await self._notifications.publish(notification_of(json.text), event="message")))

    @operation_notes(errors=[BadRequest])
    async def get(self, headers: Resumption) -> SSEResponse[Notification]:
        """Streams the notifications, without end.

        Each event has an id and a name: `message` for a posted notification, `answer` for a question that was answered,
        failed or cancelled, and `heartbeat`. If `Last-Event-ID` is the id of an event, the events after it are sent. An
        event `gap` stands for events that are not kept any more.
        """
        return SSEResponse(stream=self._notifications.subscribe(after=headers.last_event_id))
