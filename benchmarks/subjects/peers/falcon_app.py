"""Falcon: `resp.stream` over bytes and `resp.sse` over `SSEvent`s, with msgspec, as its recipe recommends."""

from falcon.asgi import App, Request, Response, SSEvent
from msgspec.json import Decoder, Encoder

from benchmarks.item import ITEMS, PAGE, Item, supply
from benchmarks.sources import endless, idle, pausing, queued, ready, ticking

encode = Encoder().encode
decode = Decoder(Item).decode


def line(item: Item) -> bytes:
    return encode(item) + b"\n"


def event(item: Item) -> SSEvent:
    return SSEvent(data=encode(item))


def tick(now: float) -> bytes:
    return line(Item(id=0, name="tick", price=now))


def count(req: Request) -> int:
    return req.get_param_as_int("count", required=True)


class Health:
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = "text/plain; charset=utf-8"
        resp.text = "ok"


class OneItem:
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.data = encode(ITEMS[0])

    async def on_post(self, req: Request, resp: Response) -> None:
        resp.data = encode(decode(await req.stream.read()))


class Items:
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.data = encode(PAGE)


class Lines:
    """Streams the lines of one source. `resp.stream` takes any async iterable of bytes."""

    def __init__(self, source, *, counted: bool = True) -> None:
        self._source = source
        self._counted = counted

    async def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = "application/x-ndjson"
        resp.stream = self._source(map(line, supply(count(req) if self._counted else None)))


class TickingLines:
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = "application/x-ndjson"
        resp.stream = ticking(tick, count(req))


class ReadyEvents:
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.sse = ready(map(event, supply(count(req))))


class IdleEvents:
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.sse = idle(map(event, supply()))


app = App()
app.add_route("/health", Health())
app.add_route("/item", OneItem())
app.add_route("/items", Items())
app.add_route("/ndjson/ready", Lines(ready))
app.add_route("/ndjson/pausing", Lines(pausing))
app.add_route("/ndjson/queued", Lines(queued))
app.add_route("/ndjson/endless", Lines(endless, counted=False))
app.add_route("/ndjson/ticking", TickingLines())
app.add_route("/sse/ready", ReadyEvents())
app.add_route("/sse/idle", IdleEvents())
