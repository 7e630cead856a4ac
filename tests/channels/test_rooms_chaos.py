"""Rooms under everything at once: clients that come and go between two processes, and connections that are cut."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncGenerator

import pytest

from jero.channels import EARLIEST, Channels, RedisStore
from jero.channels.channel import After
from tests.channels.proxy import Proxy
from tests.channels.reading import Follower, Note, numbers
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program

pytestmark = needs_program("redis-server")

ROOMS = [str(number) for number in range(8)]
EVENTS = 150
CLIENTS = 24


@pytest.fixture
async def proxy(mortal_server: RedisServer) -> AsyncGenerator[Proxy, None]:
    async with Proxy(mortal_server.port) as proxy:
        yield proxy


class Wanderer:
    """A client of one room that leaves after some events, and comes back to either process with its last id."""

    def __init__(self, room: str, kinds: list[Channels[Note]], chance: random.Random) -> None:
        self._room = room
        self._kinds = kinds
        self._chance = chance
        self.received: list[int] = []

    async def read(self, count: int) -> None:
        after: After = EARLIEST
        while len(self.received) < count:
            follower = Follower(self._chance.choice(self._kinds)[self._room].subscribe(after=after))
            for _ in range(self._chance.randint(1, 20)):
                if len(self.received) == count:
                    break
                event = await follower.next()
                self.received += numbers([event]) or [-1]
                after = event.id
            await follower.close()
            await asyncio.sleep(self._chance.choice([0, 0.005, 0.03]))


async def publish(room: str, kinds: list[Channels[Note]], chance: random.Random, published: list[str]) -> None:
    """Publishes from either process, so that each note comes after the one before."""
    for number in range(EVENTS):
        published.append(await chance.choice(kinds)[room].publish(Note(number)))
        await asyncio.sleep(chance.choice([0, 0, 0.01]))


@pytest.mark.parametrize("seed", range(3))
async def test_wandering_clients_receive_every_event_once_although_connections_are_cut(
    mortal_server: RedisServer, proxy: Proxy, seed: int
) -> None:
    chance = random.Random(seed)
    async with RedisStore(proxy.url) as first, RedisStore(proxy.url) as second:
        kinds = [
            Channels(store, "room", Note, history=1_000, linger=linger, publish_timeout=20)
            for store, linger in ((first, 0.02), (second, 0.2))
        ]
        published: dict[str, list[str]] = defaultdict(list)
        publishing = asyncio.gather(*(publish(room, kinds, chance, published[room]) for room in ROOMS))
        clients = [Wanderer(chance.choice(ROOMS), kinds, chance) for _ in range(CLIENTS)]
        reading = asyncio.gather(*(client.read(EVENTS) for client in clients))
        for _ in range(8):
            await asyncio.sleep(0.15)
            proxy.cut()
        await publishing
        await reading
        for client in clients:
            assert client.received == [*range(EVENTS)]
        assert sum(kind.statistics().gaps for kind in kinds) == 0
