"""Publishes notifications, and streams them as server-sent events."""

from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct

from demo_app.notifications import Notification, notification_of
from jero import BadRequest, Created, Endpoint, SSEResponse, operation_notes
from jero.channels import Channel, ChannelUnavailable

# The form of a channel's ids, in memory and on Redis. An empty id counts as no id.
EVENT_ID: Final = r"^(([0-9a-f]{16}|0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,17}))?$"


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
