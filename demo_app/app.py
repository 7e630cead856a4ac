"""Defines the demo's application: `uvicorn demo_app.app:app`."""

import os
from typing import Final

from starlette.middleware.trustedhost import TrustedHostMiddleware

from demo_app.answers import Answers
from demo_app.completions import Completions
from demo_app.metrics import Metrics
from demo_app.notifications import PUBLISH_TIMEOUT, Notification, heartbeat, publish_or_log, store_at
from demo_app.offline.service import offline_service
from demo_app.openai_errors import answer_refusal, openai_error
from demo_app.operations.health_operations import HealthEndpoint
from demo_app.operations.metrics_operations import MetricsEndpoint
from demo_app.operations.notification_operations import NotificationsEndpoint
from demo_app.operations.openai_operations import ChatCompletionsEndpoint, ModelsEndpoint
from demo_app.operations.page_operations import PageEndpoint, PageFileEndpoint
from demo_app.operations.question_operations import AnswerEndpoint, QuestionsEndpoint
from demo_app.questions import Questions, answer_runs
from demo_app.settings import Service, Settings
from demo_app.upstream import Upstream
from demo_app.upstream_problems import UpstreamRefused
from jero import BaseApp, StreamOutcome, StreamStart
from jero.channels import Channel
from jero.openapi.info import License, Tag

DESCRIPTION: Final = """\
A gateway to a model, and two kinds of streams: an answer, word by word, and a feed that does not end.

**Start** runs a stream on this page, and shows each item as it arrives. Follow the notifications in one window. Ask a
question, or post a notification, in another.
"""


class App(BaseApp):
    """A gateway to a chat-completions service, and a feed with a notification for each answer.

    If `settings` is `None`, they are read from the environment at startup. `service`: answers, once the application has
    started.
    """

    service: Service
    _notifications: Channel[Notification]
    _metrics: Metrics

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self._settings = settings

    async def _wire(self) -> None:
        settings = self._settings or Settings.from_environment(os.environ)
        service = settings.service
        if service is None:
            service = await self._aenter(offline_service())
        self.service = service
        self._metrics = Metrics()
        self._include_middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts, www_redirect=False)
        upstream = await self._aenter(Upstream(self.service, settings.upstream_timeout))
        completions = Completions(upstream, self._metrics)
        self._include_openai(completions, settings.upstream_timeout)
        store = await self._aenter(store_at(settings.redis_url))
        self._notifications = Channel(store, "notifications", Notification, publish_timeout=PUBLISH_TIMEOUT)
        await self._aenter(heartbeat(self._notifications, settings.heartbeat))
        runs = await self._aenter(answer_runs(store))
        questions = Questions(Answers(upstream, self._metrics), runs, self._answered)
        self._include_endpoint(QuestionsEndpoint(questions))
        self._include_endpoint(AnswerEndpoint(questions))
        self._include_endpoint(NotificationsEndpoint(self._notifications))
        self._include_endpoint(PageEndpoint())
        self._include_endpoint(PageFileEndpoint())
        self._include_endpoint(HealthEndpoint(self.service.model, offline=self.service.is_embedded))
        self._include_endpoint(MetricsEndpoint(self._metrics.registry))
        self._include_openapi(
            title="The demo of jero",
            version="1.0.0",
            openapi_version=settings.openapi_version,
            description=DESCRIPTION,
            license=License(name="MIT", identifier="MIT"),
            tags=[
                Tag(name="openai", description="OpenAI's API, for its SDKs. Their base URL is `/v1` of this server."),
                Tag(name="questions", description="Answers of a model, by OpenAI's streaming chat completions."),
                Tag(name="notifications", description="Events for all subscribers."),
                Tag(name="health", description="The state of the demo."),
                Tag(name="page", description="The page of the demo, on `/`."),
            ],
        )

    def _include_openai(self, completions: Completions, upstream_timeout: float) -> None:
        """Serves OpenAI's API. All refusals below its prefix have the form of that API."""
        self._include_group(
            "/v1",
            ChatCompletionsEndpoint(completions, self._metrics, upstream_timeout),
            ModelsEndpoint(completions),
            tags=["openai"],
            exception_handlers={UpstreamRefused: answer_refusal},
            problems=openai_error,
        )

    async def _on_stream_start(self, start: StreamStart) -> None:
        self._metrics.stream_started(start)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        await super()._on_stream_end(outcome)
        self._metrics.stream_ended(outcome)
        if outcome.endpoint == ChatCompletionsEndpoint.__name__:
            self._metrics.first_token_after(outcome.first_item_after, outcome.endpoint)
            await self._notify(outcome)

    async def _answered(self, outcome: StreamOutcome) -> None:
        """Counts and reports an answer to a question, when it has ended. Its streams count for themselves."""
        endpoint = QuestionsEndpoint.__name__
        self._metrics.answered(endpoint, outcome.reason)
        self._metrics.first_token_after(outcome.first_item_after, endpoint)
        await self._notify(outcome)

    async def _notify(self, outcome: StreamOutcome) -> None:
        text = f"An answer {outcome.reason} after {outcome.items} chunks and {outcome.duration:.1f} s."
        await publish_or_log(self._notifications, "answer", text)


app = App()
