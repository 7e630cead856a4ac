"""BlackSheep: `StreamedContent` over bytes and `ServerSentEventsResponse`, with msgspec, as its settings allow."""

from functools import partial

from blacksheep import Application, Content, Request, Response, StreamedContent, get, post, text
from blacksheep.server.sse import ServerSentEventsResponse, TextServerSentEvent
from msgspec.json import Decoder, Encoder

from benchmarks.item import ITEMS, PAGE, Item, supply
from benchmarks.sources import endless, idle, pausing, queued, ready, ticking

encode = Encoder().encode
decode = Decoder(Item).decode

app = Application()


def line(item: Item) -> bytes:
    return encode(item) + b"\n"


def event(item: Item) -> TextServerSentEvent:
    return TextServerSentEvent(encode(item).decode())


def tick(now: float) -> bytes:
    return line(Item(id=0, name="tick", price=now))


def lines(provider) -> Response:
    return Response(200, content=StreamedContent(b"application/x-ndjson", provider))


@get("/health")
async def health() -> Response:
    return text("ok")


@get("/item")
async def get_item() -> Response:
    return Response(200, content=Content(b"application/json", encode(ITEMS[0])))


@post("/item")
async def post_item(request: Request) -> Response:
    return Response(200, content=Content(b"application/json", encode(decode(await request.read()))))


@get("/items")
async def get_items() -> Response:
    return Response(200, content=Content(b"application/json", encode(PAGE)))


@get("/ndjson/ready")
async def ready_lines(count: int) -> Response:
    return lines(partial(ready, map(line, supply(count))))


@get("/ndjson/pausing")
async def pausing_lines(count: int) -> Response:
    return lines(partial(pausing, map(line, supply(count))))


@get("/ndjson/queued")
async def queued_lines(count: int) -> Response:
    return lines(partial(queued, map(line, supply(count))))


@get("/ndjson/endless")
async def endless_lines() -> Response:
    return lines(partial(endless, map(line, supply())))


@get("/ndjson/ticking")
async def ticking_lines(count: int) -> Response:
    return lines(partial(ticking, tick, count))


@get("/sse/ready")
async def ready_events(count: int) -> Response:
    return ServerSentEventsResponse(lambda: ready(map(event, supply(count))))


@get("/sse/idle")
async def idle_events() -> Response:
    return ServerSentEventsResponse(lambda: idle(map(event, supply())))
