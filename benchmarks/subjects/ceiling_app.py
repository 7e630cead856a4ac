"""The ceiling: a hand-written ASGI application that encodes with msgspec. It does not keep a framework's promises."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from msgspec.json import Decoder, Encoder

from benchmarks.closings import closings
from benchmarks.item import ITEMS, PAGE, Item, supply
from benchmarks.sources import endless, pausing, queued, ready, ticking

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

KEEPALIVE_SECONDS = 15.0
JSON = (b"content-type", b"application/json")
NDJSON = (b"content-type", b"application/x-ndjson")
SSE = (b"content-type", b"text/event-stream")

encode = Encoder().encode
decode = Decoder(Item).decode


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await ROUTES[scope["method"], scope["path"]](scope, receive, send)
    elif scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def health(_: Scope, __: Receive, send: Send) -> None:
    await answer(b"ok", (b"content-type", b"text/plain; charset=utf-8"), send)


async def get_item(_: Scope, __: Receive, send: Send) -> None:
    await answer(encode(ITEMS[0]), JSON, send)


async def post_item(_: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    await answer(encode(decode(body)), JSON, send)


async def get_items(_: Scope, __: Receive, send: Send) -> None:
    await answer(encode(PAGE), JSON, send)


async def ready_lines(scope: Scope, _: Receive, send: Send) -> None:
    await send_lines(ready(supply(count(scope))), send)


async def pausing_lines(scope: Scope, _: Receive, send: Send) -> None:
    await send_lines(pausing(supply(count(scope))), send)


async def queued_lines(scope: Scope, _: Receive, send: Send) -> None:
    await send_lines(queued(supply(count(scope))), send)


async def endless_lines(_: Scope, __: Receive, send: Send) -> None:
    await send_lines(endless(supply()), send)


async def ticking_lines(scope: Scope, _: Receive, send: Send) -> None:
    await send_lines(ticking(lambda now: Item(id=0, name="tick", price=now), count(scope)), send)


async def ready_events(scope: Scope, _: Receive, send: Send) -> None:
    await begin(SSE, send)
    async for item in ready(supply(count(scope))):
        await send({"type": "http.response.body", "body": b"data: " + encode(item) + b"\n\n", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def idle_events(_: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await begin(SSE, send)
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    while True:
        try:
            async with asyncio.timeout(KEEPALIVE_SECONDS):
                await receive()
            break
        except TimeoutError:
            await send({"type": "http.response.body", "body": b": ping\n\n", "more_body": True})
    closings.note()


async def answer(body: bytes, content_type: tuple[bytes, bytes], send: Send) -> None:
    headers = [content_type, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def begin(content_type: tuple[bytes, bytes], send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [content_type]})


async def send_lines(items: AsyncIterator[Item], send: Send) -> None:
    await begin(NDJSON, send)
    async for item in items:
        await send({"type": "http.response.body", "body": encode(item) + b"\n", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def count(scope: Scope) -> int:
    return int(parse_qs(scope["query_string"])[b"count"][0])


ROUTES = {
    ("GET", "/health"): health,
    ("GET", "/item"): get_item,
    ("POST", "/item"): post_item,
    ("GET", "/items"): get_items,
    ("GET", "/ndjson/ready"): ready_lines,
    ("GET", "/ndjson/pausing"): pausing_lines,
    ("GET", "/ndjson/queued"): queued_lines,
    ("GET", "/ndjson/endless"): endless_lines,
    ("GET", "/ndjson/ticking"): ticking_lines,
    ("GET", "/sse/ready"): ready_events,
    ("GET", "/sse/idle"): idle_events,
}
