"""Starlette: `StreamingResponse` over bytes. It leaves JSON and framing to its user, who uses msgspec."""

from msgspec.json import Decoder, Encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from benchmarks.item import ITEMS, PAGE, Item, supply
from benchmarks.sources import endless, idle, pausing, queued, ready, ticking

encode = Encoder().encode
decode = Decoder(Item).decode


def line(item: Item) -> bytes:
    return encode(item) + b"\n"


def event(item: Item) -> bytes:
    return b"data: " + encode(item) + b"\n\n"


def tick(now: float) -> bytes:
    return line(Item(id=0, name="tick", price=now))


def count(request: Request) -> int:
    return int(request.query_params["count"])


def lines(source) -> StreamingResponse:
    return StreamingResponse(source, media_type="application/x-ndjson")


def events(source) -> StreamingResponse:
    return StreamingResponse(source, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


async def health(request: Request) -> Response:
    return PlainTextResponse("ok")


async def get_item(request: Request) -> Response:
    return Response(encode(ITEMS[0]), media_type="application/json")


async def post_item(request: Request) -> Response:
    return Response(encode(decode(await request.body())), media_type="application/json")


async def get_items(request: Request) -> Response:
    return Response(encode(PAGE), media_type="application/json")


async def ready_lines(request: Request) -> Response:
    return lines(ready(map(line, supply(count(request)))))


async def pausing_lines(request: Request) -> Response:
    return lines(pausing(map(line, supply(count(request)))))


async def queued_lines(request: Request) -> Response:
    return lines(queued(map(line, supply(count(request)))))


async def endless_lines(request: Request) -> Response:
    return lines(endless(map(line, supply())))


async def ticking_lines(request: Request) -> Response:
    return lines(ticking(tick, count(request)))


async def ready_events(request: Request) -> Response:
    return events(ready(map(event, supply(count(request)))))


async def idle_events(request: Request) -> Response:
    return events(idle(map(event, supply())))


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/item", get_item, methods=["GET"]),
        Route("/item", post_item, methods=["POST"]),
        Route("/items", get_items),
        Route("/ndjson/ready", ready_lines),
        Route("/ndjson/pausing", pausing_lines),
        Route("/ndjson/queued", queued_lines),
        Route("/ndjson/endless", endless_lines),
        Route("/ndjson/ticking", ticking_lines),
        Route("/sse/ready", ready_events),
        Route("/sse/idle", idle_events),
    ]
)
