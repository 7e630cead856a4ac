"""sse-starlette: a queue for each subscriber. A `ServerSentEvent` is made once for all."""

import asyncio
from collections.abc import AsyncIterator

from msgspec import convert
from msgspec.json import Encoder
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.item import Item
from benchmarks.publication import Publication

encode = Encoder().encode
queues: set[asyncio.Queue[ServerSentEvent]] = set()


async def publish_item(item: Item) -> None:
    event = ServerSentEvent(encode(item).decode())
    for queue in queues:
        queue.put_nowait(event)


async def events(queue: asyncio.Queue[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
    try:
        while True:
            yield await queue.get()
    finally:
        queues.discard(queue)


async def subscribe(request: Request) -> Response:
    queue = asyncio.Queue()
    queues.add(queue)
    return EventSourceResponse(events(queue))


async def publish(request: Request) -> Response:
    await convert(dict(request.query_params), Publication, strict=False).publish(publish_item)
    return PlainTextResponse("ok")


app = Starlette(
    routes=[Route("/channel", subscribe, methods=["GET"]), Route("/channel", publish, methods=["POST"])],
)
