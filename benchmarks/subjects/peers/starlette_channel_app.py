"""Starlette: a queue for each subscriber. An event's bytes are made once for all."""

import asyncio
from collections.abc import AsyncIterator

from msgspec import convert
from msgspec.json import Encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from benchmarks.item import Item
from benchmarks.publication import Publication

encode = Encoder().encode
queues: set[asyncio.Queue[bytes]] = set()


async def publish_item(item: Item) -> None:
    frame = b"data: " + encode(item) + b"\n\n"
    for queue in queues:
        queue.put_nowait(frame)


async def events(queue: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
    try:
        while True:
            yield await queue.get()
    finally:
        queues.discard(queue)


async def subscribe(request: Request) -> Response:
    queue = asyncio.Queue()
    queues.add(queue)
    return StreamingResponse(events(queue), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


async def publish(request: Request) -> Response:
    await convert(dict(request.query_params), Publication, strict=False).publish(publish_item)
    return PlainTextResponse("ok")


app = Starlette(
    routes=[Route("/channel", subscribe, methods=["GET"]), Route("/channel", publish, methods=["POST"])],
)
