"""sse-starlette: `EventSourceResponse` over `ServerSentEvent`s, in a Starlette application."""

from msgspec.json import Encoder
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.item import Item, supply
from benchmarks.sources import idle, ready

encode = Encoder().encode


def event(item: Item) -> ServerSentEvent:
    return ServerSentEvent(encode(item).decode())


async def health(request: Request) -> Response:
    return PlainTextResponse("ok")


async def ready_events(request: Request) -> Response:
    return EventSourceResponse(ready(map(event, supply(int(request.query_params["count"])))))


async def idle_events(request: Request) -> Response:
    return EventSourceResponse(idle(map(event, supply())))


app = Starlette(routes=[Route("/health", health), Route("/sse/ready", ready_events), Route("/sse/idle", idle_events)])
