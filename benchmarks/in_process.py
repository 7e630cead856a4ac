"""Calls a subject's application in this process, without a server or a socket.

Started by the workload W10 with the module of an application and a number of items; it prints nanoseconds of CPU
an item.
"""

import asyncio
import importlib
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from benchmarks.item import ITEM_BYTES

Message: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

WARM_UP_ITEMS = 1_000


class Client:
    """Counts what is sent, and leaves when it has all."""

    def __init__(self) -> None:
        self._asked = False
        self._ended = asyncio.Event()
        self.status = 0
        self.bytes = 0

    async def receive(self) -> Message:
        if self._asked:
            await self._ended.wait()
            return {"type": "http.disconnect"}
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
            if not message.get("more_body"):
                self._ended.set()
        else:
            self.status = message["status"]


async def start(app: App) -> asyncio.Task[None]:
    """Starts the application as a server does; gives the task of its lifespan."""
    started = asyncio.Event()
    messages: list[Message] = [{"type": "lifespan.startup"}]

    async def receive() -> Message:
        while not messages:
            await asyncio.get_running_loop().create_future()
        return messages.pop()

    async def send(message: Message) -> None:
        started.set()

    async def live() -> None:
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    lifespan = asyncio.create_task(live())
    ended = asyncio.create_task(started.wait())
    # An application may know no lifespan, and say so by raising.
    await asyncio.wait((lifespan, ended), return_when=asyncio.FIRST_COMPLETED)
    return lifespan


def scope(path: str, query: str) -> Message:
    """A GET request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }


async def measure(app: App, count: int) -> float:
    """Nanoseconds of CPU an item of a stream whose source is ready."""
    lifespan = await start(app)
    await call(app, WARM_UP_ITEMS)
    began = time.process_time_ns()
    await call(app, count)
    spent = time.process_time_ns() - began
    lifespan.cancel()
    return spent / count


async def call(app: App, count: int) -> None:
    """One request for a stream of so many items. Raises `RuntimeError` where they are not sent."""
    client = Client()
    await app(scope("/ndjson/ready", f"count={count}"), client.receive, client.send)
    if client.status != 200 or client.bytes < count * ITEM_BYTES:
        raise RuntimeError(f"status {client.status}, {client.bytes} bytes of {count} items")


if __name__ == "__main__":
    print(asyncio.run(measure(importlib.import_module(sys.argv[1]).app, int(sys.argv[2]))))
