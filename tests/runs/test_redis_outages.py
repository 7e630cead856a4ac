"""Failures of Redis while a run goes on: they hold it back, and no item is lost, or comes twice."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from jero import NotFound
from jero.channels import ChannelUnavailable
from tests.channels.proxy import Proxy
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program
from tests.runs.worker import OWNER
from tests.runs.workers import Source, check, notes, read, two_workers, until, until_stored

pytestmark = needs_program("redis-server")

ITEMS = 60


@pytest.fixture
async def proxy(mortal_server: RedisServer) -> AsyncGenerator[Proxy, None]:
    async with Proxy(mortal_server.port) as proxy:
        yield proxy


async def test_a_redis_that_is_killed_and_restarted_loses_nothing(
    durable_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jero.runs.redis.CALM_SECONDS", 10)  # the writer may be slow on a busy machine
    async with two_workers(durable_server.url, lost_after=0.5) as (here, there):
        source = Source(ITEMS)
        run = await here.start(source, owner=OWNER)
        reading = [asyncio.create_task(read(await runs.follow(run.id, owner=OWNER))) for runs in (here, there)]
        for count in range(20, ITEMS + 1, 20):
            source.allow(20)
            await until_stored(there, run.id, count - 10)
            durable_server.kill()
            await asyncio.sleep(0.6)  # longer than the lease
            await asyncio.to_thread(durable_server.start)
        for events in await asyncio.gather(*reading):
            check(events, "completed", ITEMS)


async def test_a_redis_that_stops_answering_loses_nothing(
    mortal_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jero.runs.redis.CALM_SECONDS", 10)
    async with two_workers(mortal_server.url, lost_after=0.6) as (here, there):
        source = Source(ITEMS, allowed=ITEMS // 2)
        run = await here.start(source, owner=OWNER)
        reading = [asyncio.create_task(read(await runs.follow(run.id, owner=OWNER))) for runs in (here, there)]
        await until_stored(there, run.id, ITEMS // 2)
        for seconds in (1.5, 2.5):  # longer than the lease; the second is longer than an attempt
            mortal_server.stop_answering()
            source.allow(ITEMS // 4)
            await asyncio.sleep(seconds)
            mortal_server.answer_again()
        for events in await asyncio.gather(*reading):
            check(events, "completed", ITEMS)


async def test_connections_that_are_cut_again_and_again_lose_nothing(mortal_server: RedisServer, proxy: Proxy) -> None:
    async with two_workers(proxy.url) as (here, there):
        source = Source(ITEMS)
        run = await here.start(source, owner=OWNER)
        reading = [asyncio.create_task(read(await runs.follow(run.id, owner=OWNER))) for runs in (here, there)]
        for _ in range(ITEMS // 5):
            source.allow(5)
            await asyncio.sleep(0.02)
            proxy.cut()
        for events in await asyncio.gather(*reading):
            check(events, "completed", ITEMS)


async def test_an_item_whose_answer_is_lost_is_stored_once(mortal_server: RedisServer, proxy: Proxy) -> None:
    async with two_workers(proxy.url, mortal_server.url) as (here, there):
        source = Source(6)
        run = await here.start(source, owner=OWNER)
        reading = asyncio.create_task(read(await there.follow(run.id, owner=OWNER)))
        for number in range(2, 7, 2):
            source.allow()
            await until(lambda: source.asked == number)  # noqa: B023 - it is called here
            proxy.is_mute = True
            source.allow()
            await until_stored(there, run.id, number)
            proxy.is_mute = False
            proxy.cut()
        check(await reading, "completed", 6)


async def test_an_end_whose_answer_is_lost_is_stored_once(mortal_server: RedisServer, proxy: Proxy) -> None:
    async with two_workers(proxy.url, mortal_server.url) as (here, there):
        source = Source(2, allowed=1)
        run = await here.start(source, owner=OWNER)
        reading = asyncio.create_task(read(await there.follow(run.id, owner=OWNER)))
        await until_stored(there, run.id, 1)
        proxy.held = b"completed"
        source.allow()
        check(await reading, "completed", 2)
        proxy.cut()
        proxy.release()
        check(await read(await there.follow(run.id, owner=OWNER)), "completed", 2)
        check(await read(await here.follow(run.id, owner=OWNER)), "completed", 2)


async def test_a_run_that_begins_without_redis_is_refused_and_leaves_nothing(
    mortal_server: RedisServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jero.runs.redis.ANSWER_SECONDS", 0.3)
    async with two_workers(proxy.url, mortal_server.url, max_runs_per_owner=1) as (here, there):
        run = await there.start(notes(1), owner="other")  # so that Redis has the script
        await read(await there.follow(run.id, owner="other"))
        with pytest.raises(NotFound):
            await here.status("x", owner=OWNER)  # so that there is a connection
        before = mortal_server.command("DBSIZE")
        proxy.is_mute = True
        with pytest.raises(ChannelUnavailable):
            await here.start(Source(), owner=OWNER, key="k")
        assert mortal_server.command("DBSIZE") != before
        proxy.is_mute = False
        proxy.cut()
        await until(lambda: mortal_server.command("DBSIZE") == before)
        assert (await there.start(Source(), owner=OWNER, key="k")).is_new


async def test_a_worker_that_redis_does_not_answer_loses_its_runs(mortal_server: RedisServer, proxy: Proxy) -> None:
    async with two_workers(proxy.url, mortal_server.url, lost_after=0.6) as (here, there):
        source = Source(allowed=5)
        run = await here.start(source, owner=OWNER)
        await until_stored(there, run.id, 5)
        stream = await there.follow(run.id, owner=OWNER)
        proxy.is_down = True
        proxy.cut()
        source.allow()
        check(await read(stream), "lost", 5)
        proxy.is_down = False
        async with asyncio.timeout(10):
            await source.closed.wait()
        check(await read(await here.follow(run.id, owner=OWNER)), "lost", 5)
