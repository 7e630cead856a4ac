"""Measures 1 to 10,000 open channels of a kind in this process, with one subscriber each.

The workload W16 starts this program with the number of rounds, the number of channels and the URL of a Redis, and reads
the figures that it prints as JSON. Without a URL, the channels are in memory.
"""

import asyncio
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import urlsplit

from benchmarks.item import Item
from jero.channels import Channels, MemoryStore, RedisStore, Store

EVENTS_PER_ROUND: Final = 300
# How many channels get an event while the connection is lost.
SAMPLE: Final = 100
# The seconds after which a channel goes that is not used any more, while channels come and go.
SHORT: Final = 0.1

MEDIAN: Final = "median"
CPU: Final = "cpu"
SPREAD: Final = "spread"
KIB: Final = "kib"
GROWTH: Final = "growth"
RESIDENT_GROWTH: Final = "resident growth"
CAUGHT_UP: Final = "caught up"


class Crowd:
    """A subscriber in each of `count` channels, which waits for the next event."""

    def __init__(self, rooms: Channels[Item], count: int) -> None:
        self._rooms = rooms
        self.names = [f"room {number}" for number in range(count)]
        self._events = {name: aiter(rooms[name].subscribe()) for name in self.names}
        self._next = {name: asyncio.ensure_future(anext(events)) for name, events in self._events.items()}

    async def begin(self) -> None:
        """Publishes in each channel, so that all subscribers wait and all channels have an event."""
        for name in self.names:
            await self.pass_on(name, self._rooms)

    async def pass_on(self, name: str, publisher: Channels[Item]) -> float:
        """Publishes in a channel. Returns the seconds until its subscriber has the event."""
        began = time.perf_counter()
        await publisher[name].publish(Item(1, "an item", 1.5))
        await self.arrival(name)
        return time.perf_counter() - began

    async def arrival(self, name: str) -> None:
        """Waits until the subscriber of a channel has its next event."""
        await self._next[name]
        self._next[name] = asyncio.ensure_future(anext(self._events[name]))

    async def leave(self) -> None:
        """Ends all subscribers."""
        for waiting in self._next.values():
            waiting.cancel()
        await asyncio.wait(self._next.values())
        for events in self._events.values():
            await events.aclose()


async def pass_on(store: Store, count: int, rounds: int) -> dict[str, float]:
    """Returns the figures of events in one of `count` channels, and of events in many of them in turn."""
    rooms = Channels(store, "room", Item)
    crowd = Crowd(rooms, count)
    await crowd.begin()
    delay, cpu = await _pass_on(crowd, rooms, rounds, crowd.names[-1:])
    _, spread = await _pass_on(crowd, rooms, rounds, crowd.names[:: max(1, count // EVENTS_PER_ROUND)])
    await crowd.leave()
    return {MEDIAN: delay, CPU: cpu, SPREAD: spread}


async def _pass_on(crowd: Crowd, rooms: Channels[Item], rounds: int, names: Sequence[str]) -> tuple[float, float]:
    """Returns the seconds from publish to receive, and the seconds of CPU an event. Each is the least of its rounds."""
    medians: list[float] = []
    cpu: list[float] = []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        delays = [await crowd.pass_on(names[number % len(names)], rooms) for number in range(EVENTS_PER_ROUND)]
        cpu.append((time.process_time() - began) / EVENTS_PER_ROUND)
        medians.append(median(delays))
    return min(medians), min(cpu)


async def open_channels(store: Store, count: int) -> float:
    """Returns how many KiB an open channel takes, without events and without a stream."""
    rooms = Channels(store, "empty room", Item)
    names = [f"room {number}" for number in range(count)]
    tracemalloc.start()
    for name in names:
        rooms[name].subscribe()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / count / 1024


async def come_and_go(store: Store, count: int) -> dict[str, float]:
    """Returns by how many bytes the third cycle of channels that come and go leaves more than the second."""
    rooms = Channels(store, "short room", Item, keep=SHORT, linger=SHORT)
    traced: list[int] = []
    resident: list[int] = []
    tracemalloc.start()
    for _ in range(3):
        crowd = Crowd(rooms, count)
        await crowd.begin()
        await crowd.leave()
        del crowd
        while rooms.statistics().open:  # noqa: ASYNC110 - a channel tells nobody that it goes
            await asyncio.sleep(SHORT)
        traced.append(tracemalloc.get_traced_memory()[0])
        resident.append(_resident_bytes())
    tracemalloc.stop()
    return {GROWTH: float(traced[2] - traced[1]), RESIDENT_GROWTH: float(resident[2] - resident[1])}


async def catch_up(store: Store, url: str, count: int) -> float:
    """Returns the seconds from the loss of the connection until events of that time have arrived."""
    crowd = Crowd(Channels(store, "room", Item), count)
    await crowd.begin()
    sample = crowd.names[:: max(1, count // SAMPLE)]
    async with RedisStore(url) as other:
        there = Channels(other, "room", Item)
        await there[sample[0]].publish(Item(1, "an item", 1.5))
        await crowd.arrival(sample[0])
        began = time.perf_counter()
        await _lose_connection(url)
        await asyncio.gather(*(there[name].publish(Item(1, "an item", 1.5)) for name in sample))
        await asyncio.gather(*(crowd.arrival(name) for name in sample))
        taken = time.perf_counter() - began
    await crowd.leave()
    return taken


async def _lose_connection(url: str) -> None:
    """Has Redis close each connection that receives messages."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"CLIENT KILL TYPE pubsub\r\n")
    await reader.readline()
    writer.close()
    await writer.wait_closed()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4_096


async def measure(rounds: int, count: int, url: str | None) -> dict[str, float]:
    """Returns the figures by name: of one channel, and of `count`."""

    def store() -> Store:
        return MemoryStore() if url is None else RedisStore(url)

    figures: dict[str, float] = {}
    for number in (1, count):
        async with store() as opened:
            found = await pass_on(opened, number, rounds)
        figures.update({f"{name} {number}": value for name, value in found.items()})
    async with store() as opened:
        figures[KIB] = await open_channels(opened, count)
    if url is not None:
        async with store() as opened:
            figures[CAUGHT_UP] = await catch_up(opened, url, count)
    else:
        async with store() as opened:
            figures.update(await come_and_go(opened, count))
    return figures


async def main(arguments: Sequence[str]) -> None:
    """Prints the figures."""
    rounds, count, *url = arguments
    print(json.dumps(await measure(int(rounds), int(count), url[0] if url else None)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
