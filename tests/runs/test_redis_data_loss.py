"""A Redis that has lost a run, or some of it: the run ends as lost, everywhere, and never with a hole."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from jero import NotFound, ServerSentEvent
from tests.channels.proxy import Proxy
from tests.channels.reading import PATIENCE, Follower
from tests.channels.redis_server import RedisServer, running_redis
from tests.programs import needs_program
from tests.runs.worker import OWNER
from tests.runs.workers import Source, check, read, two_workers, until, until_stored

pytestmark = needs_program("redis-server")


@pytest.fixture
def other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Starts another server."""
    with running_redis(tmp_path_factory.mktemp("other")) as server:
        yield server


@pytest.mark.parametrize("more", [0, 1])
async def test_a_run_that_is_flushed_ends_as_lost(mortal_server: RedisServer, more: int) -> None:
    async with two_workers(mortal_server.url, lost_after=0.9) as (here, there):
        source = Source(allowed=5)
        run = await here.start(source, owner=OWNER)
        reading = [asyncio.create_task(read(await runs.follow(run.id, owner=OWNER))) for runs in (here, there)]
        await until_stored(there, run.id, 5)
        mortal_server.command("FLUSHALL")
        source.allow(more)
        for events in await asyncio.gather(*reading):
            check(events, "lost")
        async with asyncio.timeout(PATIENCE):
            await source.closed.wait()
        assert (await there.status(run.id, owner=OWNER)).state == "lost"


async def test_a_run_on_another_redis_ends_as_lost(mortal_server: RedisServer, other_server: RedisServer) -> None:
    async with Proxy(mortal_server.port) as proxy, two_workers(proxy.url, lost_after=1) as (here, there):
        source = Source(allowed=5)
        run = await here.start(source, owner=OWNER)
        await until_stored(there, run.id, 5)
        live, slow = [Follower(await there.follow(run.id, owner=OWNER)) for _ in range(2)]
        await live.until("0-5")
        await slow.next()
        proxy.lead_to(other_server.port)
        check(await live.until("0-6"), "lost", 5)
        check(await slow.until("0-6"), "lost", 5)
        async with asyncio.timeout(PATIENCE):
            await source.closed.wait()
        assert (await there.status(run.id, owner=OWNER)).state == "lost"


async def test_a_run_whose_last_items_a_promoted_replica_lacks_ends_as_lost(
    mortal_server: RedisServer, other_server: RedisServer
) -> None:
    async with Proxy(mortal_server.port) as proxy, two_workers(proxy.url) as (here, there):
        source = Source(allowed=5)
        run = await here.start(source, owner=OWNER)
        await until_copied(mortal_server, other_server, run.id, 5)
        live = Follower(await there.follow(run.id, owner=OWNER))
        source.allow(3)
        await live.until("0-8")
        proxy.lead_to(other_server.port)
        source.allow()
        check(await read_rest(live), "lost", 8)
        async with asyncio.timeout(PATIENCE):
            await source.closed.wait()
        status = await there.status(run.id, owner=OWNER)
        assert status.state == "lost"


async def test_an_item_that_was_published_but_not_kept_is_written_again(
    mortal_server: RedisServer, other_server: RedisServer
) -> None:
    async with (
        Proxy(mortal_server.port) as near,
        Proxy(mortal_server.port) as far,
        two_workers(near.url, far.url) as (here, there),
    ):
        source = Source(7, allowed=5)
        run = await here.start(source, owner=OWNER)
        await until_copied(mortal_server, other_server, run.id, 5)
        live = Follower(await there.follow(run.id, owner=OWNER))
        await live.until("0-5")
        near.is_mute = True
        source.allow()
        await live.until("0-6")
        near.lead_to(other_server.port)
        far.lead_to(other_server.port)
        near.is_mute = False
        resumed = asyncio.create_task(read(await there.follow(run.id, owner=OWNER, after="0-5")))
        source.allow()
        check(await read_rest(live), "completed", 7)
        check(await resumed, "completed", 7, after=5)


async def test_a_run_that_a_promoted_replica_has_goes_on(mortal_server: RedisServer, other_server: RedisServer) -> None:
    async with Proxy(mortal_server.port) as proxy, two_workers(proxy.url) as (here, there):
        source = Source(9, allowed=5)
        run = await here.start(source, owner=OWNER)
        reading = [asyncio.create_task(read(await runs.follow(run.id, owner=OWNER))) for runs in (here, there)]
        await until_copied(mortal_server, other_server, run.id, 5)
        mortal_server.kill()
        proxy.lead_to(other_server.port)
        source.allow(4)
        for events in await asyncio.gather(*reading):
            check(events, "completed", 9)


async def test_a_run_whose_keys_are_gone_is_not_found_and_cuts_its_followers(mortal_server: RedisServer) -> None:
    async with two_workers(mortal_server.url) as (here, there):
        run = await here.start(Source(3, allowed=3), owner=OWNER)
        slow = Follower(await there.follow(run.id, owner=OWNER))
        await slow.next()
        check(await read(await there.follow(run.id, owner=OWNER)), "completed", 3)
        mortal_server.command("FLUSHALL")
        with pytest.raises(NotFound):
            await there.follow(run.id, owner=OWNER)
        check(await read_rest(slow), "completed", 3)  # the process has it all


async def read_rest(follower: Follower) -> list[ServerSentEvent[Any]]:
    """Reads up to the end. Returns all events."""
    while not follower.received or follower.received[-1].event != "end":
        await follower.next()
    return follower.received


async def until_copied(server: RedisServer, replica: RedisServer, run_id: str, items: int) -> None:
    """Waits until a replica has that many items of a run. It has nothing that comes later."""
    server.command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
    replica.command("REPLICAOF", "127.0.0.1", str(server.port))
    await until(lambda: replica.command("XLEN", f"jero:runs:runs:run:{{{run_id}}}") == b":%d\r\n" % items)
    replica.command("REPLICAOF", "NO", "ONE")
