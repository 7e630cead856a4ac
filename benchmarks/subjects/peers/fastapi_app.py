"""FastAPI: its own JSON lines and server-sent events, from path operations that yield Pydantic models."""

import asyncio
from collections.abc import AsyncIterable, Iterator, Sequence
from itertools import cycle, islice

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel

from benchmarks.item import ITEMS as STRUCTS
from benchmarks.item import PAGE as STRUCTS_PAGE
from benchmarks.sources import endless, idle, queued, ticking


class Item(BaseModel):
    id: int
    name: str
    price: float


ITEMS = tuple(Item(id=item.id, name=item.name, price=item.price) for item in STRUCTS)
PAGE = ITEMS[: len(STRUCTS_PAGE)]

app = FastAPI()


def supply(count: int | None = None) -> Iterator[Item]:
    return islice(cycle(ITEMS), count)


def tick(now: float) -> Item:
    return Item(id=0, name="tick", price=now)


@app.get("/health", response_class=PlainTextResponse)
async def health() -> str:
    return "ok"


@app.get("/item")
async def get_item() -> Item:
    return ITEMS[0]


@app.post("/item")
async def post_item(item: Item) -> Item:
    return item


@app.get("/items")
async def get_items() -> Sequence[Item]:
    return PAGE


@app.get("/ndjson/ready")
async def ready_lines(count: int) -> AsyncIterable[Item]:
    for item in supply(count):
        yield item


@app.get("/ndjson/pausing")
async def pausing_lines(count: int) -> AsyncIterable[Item]:
    for item in supply(count):
        yield item
        await asyncio.sleep(0)


@app.get("/ndjson/queued")
async def queued_lines(count: int) -> AsyncIterable[Item]:
    async for item in queued(supply(count)):
        yield item


@app.get("/ndjson/endless")
async def endless_lines() -> AsyncIterable[Item]:
    async for item in endless(supply()):
        yield item


@app.get("/ndjson/ticking")
async def ticking_lines(count: int) -> AsyncIterable[Item]:
    async for item in ticking(tick, count):
        yield item


@app.get("/sse/ready", response_class=EventSourceResponse)
async def ready_events(count: int) -> AsyncIterable[Item]:
    for item in supply(count):
        yield item


@app.get("/sse/idle", response_class=EventSourceResponse)
async def idle_events() -> AsyncIterable[Item]:
    async for item in idle(supply()):
        yield item
