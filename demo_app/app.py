"""Defines the demo's application: `uvicorn demo_app.app:app`."""

import os
from typing import Final

from demo_app.answers import Answers, service_client
from demo_app.notifications import PUBLISH_TIMEOUT, Notification, heartbeat, publish_or_log, store_at
from demo_app.offline.service import offline_service
from demo_app.operations.health_operations import HealthEndpoint
from demo_app.operations.streaming_operations import NotificationsEndpoint, QuestionsEndpoint
from demo_app.settings import Settings
from jero import BaseApp, StreamOutcome
from jero.channels import Channel
from jero.openapi.info import Tag

DESCRIPTION: Final = """\
Two kinds of streams: an answer, word by word, and a feed that does not end.

**Start** runs a stream on this page, and shows each item as it arrives. Follow the notifications in one window. Ask a
question, or post a notification, in another.
"""


class App(BaseApp):
    """A proxy of a chat-completions service, and a feed with a notification for each answer.

    If `settings` is `None`, they are read from the environment at startup.
    """

    _notifications: Channel[Notification]

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self._settings = settings

    async def _wire(self) -> None:
        settings = self._settings or Settings.from_environment(os.environ)
        service = settings.service
        if service is None:
            service = await self._aenter(offline_service())
        client = await self._aenter(service_client(service, settings.upstream_timeout))
        store = await self._aenter(store_at(settings.redis_url))
        self._notifications = Channel(store, "notifications", Notification, publish_timeout=PUBLISH_TIMEOUT)
        await self._aenter(heartbeat(self._notifications, settings.heartbeat))
        self._include_endpoint(QuestionsEndpoint(Answers(client, service.model, settings.upstream_timeout)))
        self._include_endpoint(NotificationsEndpoint(self._notifications))
        self._include_endpoint(HealthEndpoint(service.model, offline=service.is_embedded))
        self._include_openapi(
            title="The demo of jero",
            version="1.0.0",
            openapi_version=settings.openapi_version,
            description=DESCRIPTION,
            tags=[
                Tag(name="questions", description="Answers of a model, by OpenAI's streaming chat completions."),
                Tag(name="notifications", description="Events for all subscribers."),
                Tag(name="health", description="The state of the demo."),
            ],
        )

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        await super()._on_stream_end(outcome)
        if outcome.endpoint == QuestionsEndpoint.__name__:
            text = f"An answer {outcome.reason} after {outcome.items} chunks and {outcome.duration:.1f} s."
            await publish_or_log(self._notifications, "answer", text)


app = App()
