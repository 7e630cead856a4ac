"""Keys of runs: nothing is left in Redis once their time is over, and no name reaches the keys of another."""

import asyncio
import signal

from jero.channels import RedisStore
from jero.runs import Runs
from tests.channels.reading import Note
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program
from tests.runs.worker import OWNER
from tests.runs.workers import Source, notes, read, two_workers, until, worker_process

pytestmark = needs_program("redis-server")


async def until_empty(server: RedisServer) -> None:
    await until(lambda: server.command("SCAN", "0", "COUNT", "1000") == b"*2\r\n$1\r\n0\r\n*0\r\n")


async def test_nothing_of_a_run_is_left_after_its_time(mortal_server: RedisServer) -> None:
    async with two_workers(mortal_server.url, keep=0.5) as (here, there):
        for _ in range(3):
            run = await here.start(notes(5), owner=OWNER, key="k")
            await read(await there.follow(run.id, owner=OWNER))
            assert mortal_server.command("DBSIZE") == b":3\r\n"  # the stream, the record, and the key of the request
            await until_empty(mortal_server)


async def test_nothing_of_a_lost_run_is_left_although_nobody_follows_it(mortal_server: RedisServer) -> None:
    async with worker_process(mortal_server.url, lost_after=0.4, keep=0.4) as worker:
        worker.signal(signal.SIGKILL)
    assert mortal_server.command("DBSIZE") == b":3\r\n"  # the stream, the record, and the open runs of the owner
    await until_empty(mortal_server)


async def test_a_long_silence_lets_nothing_of_an_open_run_expire(mortal_server: RedisServer) -> None:
    async with two_workers(mortal_server.url, lost_after=0.6, keep=0.6, max_runs_per_owner=1) as (here, there):
        source = Source(2, allowed=1)
        run = await here.start(source, owner=OWNER, key="k")
        await asyncio.sleep(1.5)
        assert (await there.start(Source(), owner=OWNER, key="k")).id == run.id
        source.allow()
        stream = await there.follow(run.id, owner=OWNER)
        assert [event.id for event in await read(stream)] == ["0-1", "0-2", "0-3"]


async def test_two_kinds_of_runs_and_two_prefixes_do_not_meet(mortal_server: RedisServer) -> None:
    async with (
        RedisStore(mortal_server.url) as store,
        RedisStore(mortal_server.url, prefix="other:") as other,
        Runs(store, Note, name="a") as a,
        Runs(store, Note, name="a:run:{b}") as b,
        Runs(other, Note, name="a") as c,
    ):
        started = [await runs.start(notes(1), owner=OWNER, key="k") for runs in (a, b, c)]
        assert len({run.id for run in started}) == 3
        for runs, run in zip((a, b, c), started, strict=True):
            await read(await runs.follow(run.id, owner=OWNER))
