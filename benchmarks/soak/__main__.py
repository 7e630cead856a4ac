"""Runs the soak: `python -m benchmarks.soak [seconds]` prints its counts, and exits with 1 if a bound is broken."""

import argparse
import asyncio
import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from time import monotonic
from typing import Any

from redis.asyncio import Redis

from benchmarks.redis_server import RedisServer
from benchmarks.soak.bystanders import drain_endlessly, sample_health
from benchmarks.soak.connection import get
from benchmarks.soak.crowd import Crowd
from benchmarks.soak.findings import COUNTED, Findings, verdicts
from benchmarks.soak.guests import Guests
from benchmarks.soak.held import Held
from benchmarks.soak.server import Server, served
from benchmarks.soak.state import State

SECONDS = 180.0
# Memory grows in the first few rounds, while the allocator claims its arenas, and then stays as large.
WARM_UPS = 6
WARM_UP_SHARE = 0.03
HELD_STREAMS = 2_000
LAST_STREAMS = 100
ROOMS = 10_000
# Redis remembers each publication for a minute, so that a repeated one is not stored twice.
REDIS_SECONDS = 70.0
SETTLING_SECONDS = 15.0
DESCRIPTORS = 8_192


async def strain(port: int, seconds: float, pool: ProcessPoolExecutor, findings: Findings) -> None:
    """Opens all kinds of streams at once for `seconds`, and then has all clients leave."""
    loop = asyncio.get_running_loop()
    held, crowd = Held(port, HELD_STREAMS), Crowd(port)
    guests = Guests(port, round(ROOMS * seconds / SECONDS))
    await held.fill()
    until = monotonic() + seconds
    sampling = loop.run_in_executor(pool, sample_health, port, until)
    draining = loop.run_in_executor(pool, drain_endlessly, port, until)
    crowd.start()
    coming = asyncio.create_task(guests.come_and_go())
    await held.rotate(until)
    await coming
    await crowd.stop()
    findings.health, findings.drained = await asyncio.gather(sampling, draining)
    findings.closings = held.closing_times[:]
    await held.leave()
    findings.closings_at_once = await held.closings_of_all()
    findings.asked.append(crowd.streams)
    findings.watched += held.streams
    findings.endless += 1
    findings.unclosed += held.unclosed
    findings.dropped += held.dropped
    findings.rooms += guests.rooms
    findings.guests += guests.streams
    findings.surprises += [*crowd.surprises, *guests.surprises]


async def settled(port: int, before: State) -> State:
    """Returns the server's state as soon as no count exceeds the state `before`, or after `SETTLING_SECONDS`."""
    deadline = monotonic() + SETTLING_SECONDS
    while True:
        state = await get(port, "/state", State)
        is_settled = all(getattr(state, thing) <= getattr(before, thing) for thing in COUNTED)
        if is_settled or monotonic() > deadline:
            return state
        await asyncio.sleep(0.2)


async def left_on_redis(url: str) -> tuple[int, int]:
    """Returns how many keys and subscribed channels Redis has, as soon as it has neither, or after `REDIS_SECONDS`."""
    deadline = monotonic() + REDIS_SECONDS
    clients: Any = Redis  # type checkers do not know all types of `from_url`
    async with clients.from_url(url) as redis:
        while True:
            keys: int = await redis.dbsize()
            channels: list[bytes] = await redis.pubsub_channels()
            if not (keys or channels) or monotonic() > deadline:
                return keys, len(channels)
            await asyncio.sleep(0.2)


async def soak(server: Server, redis_url: str, seconds: float) -> Findings:
    """Runs the warm-up and the soak, and stops the server while streams are open."""
    findings = Findings()
    findings.empty = await get(server.port, "/state", State)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for _ in range(WARM_UPS):
            await strain(server.port, seconds * WARM_UP_SHARE, pool, findings)
            findings.before = await settled(server.port, findings.empty)
        await strain(server.port, seconds * (1 - WARM_UPS * WARM_UP_SHARE), pool, findings)
        findings.after = await settled(server.port, findings.before)
    findings.keys, findings.channels = await left_on_redis(redis_url)
    last = Held(server.port, LAST_STREAMS)
    await last.fill()
    findings.exit_status, findings.exit_seconds = await asyncio.to_thread(server.stop)
    return findings


def main() -> int:
    """Runs the command. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=SECONDS, help="how long it strains the server")
    seconds: float = parser.parse_args().seconds
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, most), most))
    with RedisServer() as redis, served(redis.url) as server:
        findings = asyncio.run(soak(server, redis.url, seconds))
    print(findings.report())
    found = verdicts(findings)
    for verdict in found:
        print(verdict)
    return 0 if all(verdict.is_held for verdict in found) else 1


if __name__ == "__main__":
    sys.exit(main())
