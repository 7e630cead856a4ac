"""The rooms of the soak: channels of a kind that come and go, in memory and on Redis."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass

from msgspec import Struct

from benchmarks.soak.state import Ledger
from jero import Endpoint, NoContent, ResumeHeaders, SSEResponse
from jero.channels import EARLIEST, Channels, Store

REDIS_URL = "SOAK_REDIS_URL"
STORES = ("memory", "redis")
# How many seconds a room stays open, and its events are kept. It is short, so that most rooms go during the soak.
SHORT = 1.0
# How many connections publish on Redis.
CONNECTIONS = 4

kind_of_stream: ContextVar[str] = ContextVar("kind_of_stream")


class Said(Struct):
    """Holds what is said in a room."""

    number: int


class RoomPath(Struct):
    """The name of a room, and where its events are kept."""

    store: str
    room: str


@dataclass
class RoomEndpoint(Endpoint, path="/rooms/{store}/{room}"):
    """A room: its events, and what is said in it."""

    rooms: Mapping[str, Channels[Said]]
    ledger: Ledger

    async def get(self, path: RoomPath, headers: ResumeHeaders) -> SSEResponse[Said]:
        """Sends the events, from the first kept one on."""
        kind_of_stream.set("room")
        events = self.rooms[path.store][path.room].subscribe(after=headers.last_event_id or EARLIEST)
        self.ledger.open += 1
        return SSEResponse(stream=events)

    async def post(self, path: RoomPath, json: Said) -> NoContent:
        """Publishes an event."""
        await self.rooms[path.store][path.room].publish(json)
        return NoContent()


def redis_url() -> str:
    """Returns the address of the Redis that the soak started."""
    return os.environ[REDIS_URL]


async def open_rooms(store: Store) -> Channels[Said]:
    """Returns the rooms of a store. Uses one of them, so that connections and tasks are there from the start."""
    rooms = Channels(store, "room", Said, keep=SHORT, linger=SHORT)
    await asyncio.gather(*(rooms["first"].publish(Said(0)) for _ in range(CONNECTIONS)))
    async with aclosing(aiter(rooms["first"].subscribe(after=EARLIEST))) as events:
        await anext(events)
    return rooms
