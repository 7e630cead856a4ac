"""Runs of two workers on one Redis: each follows and stops the runs of the other."""

import asyncio

import pytest

from jero import NotFound, TooManyRequests
from jero.runs import Runs
from tests.channels.proxy import Proxy
from tests.channels.reading import PATIENCE, Follower, Note
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program
from tests.runs.worker import OWNER
from tests.runs.workers import Source, check, notes, read, two_workers, until_stored

pytestmark = needs_program("redis-server")

CUTS = 200


async def follow_in_two_parts(workers: tuple[Runs[Note], Runs[Note]], run_id: str, cut: int) -> None:
    """Follows a run on one worker up to the item `cut`, and the rest on one of both."""
    first, second = workers[cut % 2], workers[cut // 2 % 2]
    follower = Follower(await first.follow(run_id, owner=OWNER))
    for _ in range(cut):
        await follower.next()
    await follower.close()
    after = follower.received[-1].id if follower.received else None
    rest = await read(await second.follow(run_id, owner=OWNER, after=after))
    check([*follower.received, *rest], "completed", CUTS)


async def test_a_client_that_is_cut_anywhere_continues_on_either_worker(redis_server: RedisServer) -> None:
    async with two_workers(redis_server.url) as workers:
        run = await workers[0].start(notes(CUTS, 0.002), owner=OWNER)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(follow_in_two_parts(workers, run.id, cut) for cut in range(CUTS)))
        for cut in range(0, CUTS + 1, 20):  # the run is over
            await follow_in_two_parts(workers, run.id, cut)
        with pytest.raises(StopAsyncIteration):
            await Follower(await workers[1].follow(run.id, owner=OWNER, after=f"0-{CUTS + 1}")).next()


async def test_a_long_run_is_replayed_in_pages(redis_server: RedisServer) -> None:
    count = 2_500  # more than a ring has
    async with two_workers(redis_server.url) as (here, there):
        run = await here.start((Note(number) for number in range(1, count + 1)), owner=OWNER)
        slow = Follower(await there.follow(run.id, owner=OWNER))
        await slow.next()
        check(await read(await there.follow(run.id, owner=OWNER)), "completed", count)
        check(await slow.until(f"0-{count + 1}"), "completed", count)
        check(await read(await here.follow(run.id, owner=OWNER, after="0-7")), "completed", count, after=7)


async def test_a_stop_reaches_the_writer_on_the_other_worker_at_once(redis_server: RedisServer) -> None:
    async with two_workers(redis_server.url, lost_after=60) as (here, there):
        source = Source(allowed=3)
        run = await here.start(source, owner=OWNER)
        await until_stored(there, run.id, 3)
        await there.stop(run.id, owner=OWNER)
        async with asyncio.timeout(5):  # a renewal comes after 20 seconds
            await source.closed.wait()
        check(await read(await there.follow(run.id, owner=OWNER)), "stopped", 3)
        assert (await here.status(run.id, owner=OWNER)).state == "stopped"


async def test_a_stop_whose_message_is_lost_is_read_with_the_next_renewal(redis_server: RedisServer) -> None:
    async with two_workers(redis_server.url, lost_after=1) as (here, there):
        source = Source(allowed=3)
        run = await here.start(source, owner=OWNER)
        await until_stored(there, run.id, 3)
        redis_server.command("HSET", f"jero:runs:runs:run:{{{run.id}}}:record", "stop", "1")
        check(await read(await there.follow(run.id, owner=OWNER)), "stopped", 3)


async def test_a_stop_whose_message_is_lost_is_read_with_the_next_item(redis_server: RedisServer) -> None:
    async with two_workers(redis_server.url, lost_after=60) as (here, there):
        source = Source(allowed=3)
        run = await here.start(source, owner=OWNER)
        await until_stored(there, run.id, 3)
        redis_server.command("HSET", f"jero:runs:runs:run:{{{run.id}}}:record", "stop", "1")
        source.allow(1)
        check(await read(await there.follow(run.id, owner=OWNER)), "stopped", 4)


async def test_a_stop_while_the_writer_hears_nothing_is_read_when_it_hears_again(redis_server: RedisServer) -> None:
    async with Proxy(redis_server.port) as proxy, two_workers(proxy.url, redis_server.url, lost_after=60) as workers:
        here, there = workers
        source = Source(allowed=3)
        run = await here.start(source, owner=OWNER)
        await until_stored(there, run.id, 3)
        proxy.is_down = True
        proxy.cut()
        await there.stop(run.id, owner=OWNER)
        proxy.is_down = False
        check(await read(await there.follow(run.id, owner=OWNER)), "stopped", 3)


async def test_one_key_begins_one_run_on_both_workers(redis_server: RedisServer) -> None:
    async with two_workers(redis_server.url) as workers:
        sources = [Source(allowed=2) for _ in range(10)]
        runs = await asyncio.gather(
            *(workers[at % 2].start(source, owner=OWNER, key="k") for at, source in enumerate(sources))
        )
        assert len({run.id for run in runs}) == 1
        assert [run.is_new for run in runs].count(True) == 1
        unused = [source for source, run in zip(sources, runs, strict=True) if not run.is_new]
        assert [source.yielded for source in unused] == [0] * 9
        await workers[1].stop(runs[0].id, owner=OWNER)
        await read(await workers[1].follow(runs[0].id, owner=OWNER))
        again = await workers[1].start(Source(), owner=OWNER, key="k")
        assert again.id == runs[0].id


async def test_the_open_runs_of_an_owner_are_counted_on_both_workers(redis_server: RedisServer) -> None:
    async with two_workers(redis_server.url, max_runs_per_owner=3) as workers:
        started = await asyncio.gather(
            *(workers[at % 2].start(Source(), owner="greedy") for at in range(10)), return_exceptions=True
        )
        runs = [run for run in started if not isinstance(run, BaseException)]
        assert len(runs) == 3
        assert sum(isinstance(run, TooManyRequests) for run in started) == 7
        await workers[0].start(Source(), owner="modest")
        stream = await workers[1].follow(runs[0].id, owner="greedy")
        await workers[1].stop(runs[0].id, owner="greedy")
        await read(stream)
        await workers[0].start(Source(), owner="greedy")
        with pytest.raises(TooManyRequests):
            await workers[1].start(Source(), owner="greedy")


async def test_nobody_finds_a_run_of_another_owner(redis_server: RedisServer) -> None:
    async with two_workers(redis_server.url) as workers:
        source = Source(allowed=1)
        run = await workers[0].start(source, owner=OWNER)
        told: set[str] = set()
        for worker in workers:
            for run_id in (run.id, "unknown", "", "a" * 10_000, "\ud800", "*", "}{"):
                for owner in ("", "Somebody", "other"):
                    for ask in (worker.follow, worker.stop, worker.status):
                        with pytest.raises(NotFound) as refused:
                            await ask(run_id, owner=owner)
                        told.add(str(refused.value))
        assert len(told) == 1
        assert (await workers[1].status(run.id, owner=OWNER)).state == "running"
        assert not source.closed.is_set()
