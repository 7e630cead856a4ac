"""The ceiling's channel, hand-written: shared frames, and an index into them for each subscriber. It drops no frame."""

import asyncio
from urllib.parse import parse_qsl

from msgspec import convert

from benchmarks.item import Item
from benchmarks.publication import Publication
from benchmarks.subjects.ceiling_app import SSE, Receive, Scope, Send, answer, begin, encode


class Frames:
    """The frames of all events, and a future for the subscribers that have sent all frames."""

    def __init__(self) -> None:
        self.all: list[bytes] = []
        self.news: asyncio.Future[None] | None = None

    async def publish(self, item: Item) -> None:
        self.all.append(b"data: " + encode(item) + b"\n\n")
        if self.news is not None:
            self.news.set_result(None)
            self.news = None


frames = Frames()


async def app(scope: Scope, _: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await (subscribe(send) if scope["method"] == "GET" else publish(scope, send))


async def subscribe(send: Send) -> None:
    published, number = frames.all, len(frames.all)
    await begin(SSE, send)
    while True:
        while number < len(published):
            await send({"type": "http.response.body", "body": published[number], "more_body": True})
            number += 1
        if frames.news is None:
            frames.news = asyncio.get_running_loop().create_future()
        await frames.news


async def publish(scope: Scope, send: Send) -> None:
    publication = convert(dict(parse_qsl(scope["query_string"].decode())), Publication, strict=False)
    await publication.publish(frames.publish)
    await answer(b"ok", (b"content-type", b"text/plain; charset=utf-8"), send)
