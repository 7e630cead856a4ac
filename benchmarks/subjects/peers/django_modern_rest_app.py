"""django-modern-rest: JSON lines and SSE controllers, with msgspec.

Its answers are not validated, as its documentation advises for production.
"""

from collections.abc import AsyncIterator, Sequence

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path
from dmr import Body, Controller, Query
from dmr.plugins.msgspec import MsgspecSerializer
from dmr.streaming.jsonl import JsonLinesController
from dmr.streaming.sse import SSEController, SSEvent
from msgspec import Struct

from benchmarks.item import ITEMS, PAGE, Item, supply
from benchmarks.sources import endless, idle, pausing, queued, ready, ticking

settings.configure(
    ALLOWED_HOSTS=["*"],
    DEBUG=False,
    DMR_SETTINGS={"validate_responses": False},
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
)
django.setup(set_prefix=False)


class Count(Struct):
    count: int


def event(item: Item) -> SSEvent[Item]:
    return SSEvent(item)


def tick(now: float) -> Item:
    return Item(id=0, name="tick", price=now)


async def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


class OneItem(Controller[MsgspecSerializer]):
    async def get(self) -> Item:
        return ITEMS[0]

    async def post(self, parsed_body: Body[Item]) -> Item:
        return parsed_body


class Items(Controller[MsgspecSerializer]):
    async def get(self) -> Sequence[Item]:
        return PAGE


class ReadyLines(JsonLinesController[MsgspecSerializer]):
    async def get(self, parsed_query: Query[Count]) -> AsyncIterator[Item]:
        return ready(supply(parsed_query.count))


class PausingLines(JsonLinesController[MsgspecSerializer]):
    async def get(self, parsed_query: Query[Count]) -> AsyncIterator[Item]:
        return pausing(supply(parsed_query.count))


class QueuedLines(JsonLinesController[MsgspecSerializer]):
    async def get(self, parsed_query: Query[Count]) -> AsyncIterator[Item]:
        return queued(supply(parsed_query.count))


class EndlessLines(JsonLinesController[MsgspecSerializer]):
    async def get(self) -> AsyncIterator[Item]:
        return endless(supply())


class TickingLines(JsonLinesController[MsgspecSerializer]):
    async def get(self, parsed_query: Query[Count]) -> AsyncIterator[Item]:
        return ticking(tick, parsed_query.count)


class ReadyEvents(SSEController[MsgspecSerializer]):
    async def get(self, parsed_query: Query[Count]) -> AsyncIterator[SSEvent[Item]]:
        return ready(map(event, supply(parsed_query.count)))


class IdleEvents(SSEController[MsgspecSerializer]):
    async def get(self) -> AsyncIterator[SSEvent[Item]]:
        return idle(map(event, supply()))


urlpatterns = [
    path("health", health),
    path("item", OneItem.as_view()),
    path("items", Items.as_view()),
    path("ndjson/ready", ReadyLines.as_view()),
    path("ndjson/pausing", PausingLines.as_view()),
    path("ndjson/queued", QueuedLines.as_view()),
    path("ndjson/endless", EndlessLines.as_view()),
    path("ndjson/ticking", TickingLines.as_view()),
    path("sse/ready", ReadyEvents.as_view()),
    path("sse/idle", IdleEvents.as_view()),
]

app = ASGIHandler()
