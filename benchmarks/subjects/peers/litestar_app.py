"""Litestar: `Stream` and `ServerSentEvent`. It encodes Structs itself."""

from collections.abc import Sequence

from litestar import Litestar, MediaType, get, post
from litestar.response import ServerSentEvent, ServerSentEventMessage, Stream
from litestar.status_codes import HTTP_200_OK
from msgspec.json import Encoder

from benchmarks.item import ITEMS, PAGE, Item, supply
from benchmarks.sources import endless, idle, pausing, queued, ready, ticking

encode = Encoder().encode


def line(item: Item) -> bytes:
    return encode(item) + b"\n"


def event(item: Item) -> ServerSentEventMessage:
    return ServerSentEventMessage(data=encode(item))


def tick(now: float) -> bytes:
    return line(Item(id=0, name="tick", price=now))


def lines(source) -> Stream:
    return Stream(source, media_type="application/x-ndjson")


@get("/health", media_type=MediaType.TEXT)
async def health() -> str:
    return "ok"


@get("/item")
async def get_item() -> Item:
    return ITEMS[0]


@post("/item", status_code=HTTP_200_OK)
async def post_item(data: Item) -> Item:
    return data


@get("/items")
async def get_items() -> Sequence[Item]:
    return PAGE


@get("/ndjson/ready")
async def ready_lines(count: int) -> Stream:
    return lines(ready(map(line, supply(count))))


@get("/ndjson/pausing")
async def pausing_lines(count: int) -> Stream:
    return lines(pausing(map(line, supply(count))))


@get("/ndjson/queued")
async def queued_lines(count: int) -> Stream:
    return lines(queued(map(line, supply(count))))


@get("/ndjson/endless")
async def endless_lines() -> Stream:
    return lines(endless(map(line, supply())))


@get("/ndjson/ticking")
async def ticking_lines(count: int) -> Stream:
    return lines(ticking(tick, count))


@get("/sse/ready")
async def ready_events(count: int) -> ServerSentEvent:
    return ServerSentEvent(ready(map(event, supply(count))))


@get("/sse/idle")
async def idle_events() -> ServerSentEvent:
    return ServerSentEvent(idle(map(event, supply())))


app = Litestar(
    [
        health,
        get_item,
        post_item,
        get_items,
        ready_lines,
        pausing_lines,
        queued_lines,
        endless_lines,
        ticking_lines,
        ready_events,
        idle_events,
    ]
)
