"""Counts the files of jero that one request and one published event cross.

`python -m tools.files_crossed` prints the files in the order in which control first enters them. A maintainer who
follows one stream has to read them all: the count measures how far one behaviour is scattered.
tests/house/test_files_crossed.py holds a bound for each count.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from msgspec import Struct

import jero
from benchmarks.in_process import Client, call, scope
from jero import BaseApp, Endpoint, NDJSONStreamingResponse, SSEResponse
from jero.channels import Channel, MemoryStore
from jero.http.asgi import Message

PACKAGE = f"{Path(jero.__file__).parent}{os.sep}"
# A source that takes too long pauses for a turn of the event loop, which enters more files. On a busy machine that
# happens by chance, so the shortest of several runs counts.
RUNS = 5
# The first requests fill caches and start what is started once.
WARM_UP_REQUESTS = 3
ITEMS = 3
# Turns of the event loop until a new event stream waits for its first event, with turns to spare.
SETTLING_TURNS = 50


class Item(Struct):
    id: int


@dataclass
class Crossing:
    """The files that one run entered, in order; two visits in a row to one file count once.

    A call and the resumption of a coroutine enter a file. The return to a caller does not.
    """

    visits: list[str] = field(default_factory=list[str])

    @property
    def files(self) -> list[str]:
        """Returns each file once, in the order of the first visits."""
        return list(dict.fromkeys(self.visits))

    @property
    def returns(self) -> int:
        """Returns how often control entered a file that it had left before."""
        return len(self.visits) - len(self.files)

    def record(self, frame: FrameType, event: str, _: object) -> None:
        """Adds a visit if the frame is one of jero's. A function for `sys.setprofile`."""
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(PACKAGE):
            file = path[len(PACKAGE) :]
            if self.visits[-1:] != [file]:
                self.visits.append(file)

    def start(self) -> None:
        """Records from now on, in this thread. The event loop and all of its tasks run in one thread."""
        sys.setprofile(self.record)

    def stop(self) -> None:
        """Ends the recording."""
        sys.setprofile(None)


async def ready_items() -> AsyncIterator[Item]:
    for number in range(ITEMS):
        yield Item(number)


class ItemsEndpoint(Endpoint, path="/items"):
    async def get(self) -> NDJSONStreamingResponse[Item]:
        return NDJSONStreamingResponse(stream=ready_items())


class EventsEndpoint(Endpoint, path="/events"):
    def __init__(self, channel: Channel[Item]) -> None:
        self._channel = channel

    async def get(self) -> SSEResponse[Item]:
        return SSEResponse(stream=self._channel.subscribe())


class App(BaseApp):
    """Answers `/items` with a stream whose source never pauses, and `/events` with the events of `channel`."""

    channel: Channel[Item]

    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        self.channel = Channel(store, "items", Item)
        self._include_endpoint(ItemsEndpoint())
        self._include_endpoint(EventsEndpoint(self.channel))


class Listener(Client):
    """The server's side of one request. Calls `on_body` with the bytes of each message that has some."""

    def __init__(self, on_body: Callable[[bytes], None]) -> None:
        super().__init__()
        self._on_body = on_body

    async def send(self, message: Message) -> None:
        await super().send(message)
        if message.get("body"):
            self._on_body(message["body"])


def cross_stream() -> Crossing:
    """Records one request for a ready NDJSON stream, from `BaseApp.__call__` to its return."""
    return _shortest(_cross_stream)


def cross_event() -> Crossing:
    """Records one event on its way to one open event stream, from `Channel.publish` to the server's `send`."""
    return _shortest(_cross_event)


def _shortest(cross: Callable[[], Coroutine[None, None, Crossing]]) -> Crossing:
    return min((asyncio.run(cross()) for _ in range(RUNS)), key=lambda crossing: len(crossing.visits))


async def _cross_stream() -> Crossing:
    app, crossing, bodies = App(), Crossing(), list[bytes]()
    async with app.lifespan():
        for _ in range(WARM_UP_REQUESTS):
            await call(app, "/items")
        client, request = Listener(bodies.append), scope("/items", "")
        crossing.start()
        try:
            await app(request, client.receive, client.send)
        finally:
            crossing.stop()
    if b"".join(bodies).count(b"\n") != ITEMS:
        raise RuntimeError(f"the stream of {ITEMS} items sent {bodies}")
    return crossing


async def _cross_event() -> Crossing:
    app, crossing, bodies = App(), Crossing(), list[bytes]()

    def arrive(body: bytes) -> None:
        crossing.stop()
        bodies.append(body)

    async with app.lifespan(), AsyncExitStack() as stack:
        client = Listener(arrive)
        stream = asyncio.create_task(app(scope("/events", ""), client.receive, client.send))
        stack.push_async_callback(asyncio.wait_for, stream, timeout=5)
        stack.callback(client.leave)
        for _ in range(WARM_UP_REQUESTS):
            await _settle()
            await app.channel.publish(Item(0))
        await _settle()
        bodies.clear()
        crossing.start()
        try:
            await app.channel.publish(Item(1))
            await _settle()
        finally:
            crossing.stop()
    if len(bodies) != 1 or b'data: {"id":1}' not in bodies[0]:
        raise RuntimeError(f"the event arrived as {bodies}")
    return crossing


async def _settle() -> None:
    for _ in range(SETTLING_TURNS):
        await asyncio.sleep(0)


def main() -> None:
    """Prints both crossings."""
    for title, crossing in (("a ready NDJSON stream", cross_stream()), ("a published event", cross_event())):
        print(f"{title}: {len(crossing.files)} files, {crossing.returns} returns to a file already left")
        print(*(f"  {file}" for file in crossing.files), sep="\n", end="\n\n")


if __name__ == "__main__":
    main()
