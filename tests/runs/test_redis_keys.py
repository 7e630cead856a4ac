"""Keys of runs: nothing is left in Redis once their time is over, and no name reaches the keys of another."""

import asyncio
import signal
from typing import Any

import pytest

from jero.channels import RedisStore
from jero.runs import Runs
from jero.runs.redis import RedisRegister
from jero.runs.redis_scripts import CLAIM, RENEW_CLAIM, Keys
from jero.runs.redis_writer import Writer
from tests.channels.reading import Note
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program
from tests.runs.reading import register_of
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


async def test_a_renewal_that_arrives_after_the_end_counts_the_run_no_more(
    mortal_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_workers(mortal_server.url, max_runs_per_owner=1) as (runs, _):
        register: RedisRegister = register_of(runs)
        access: Any = vars(register)["_access"]
        writer: Writer = vars(register)["_writer"]
        run_together: Any = access.run_together
        is_under_way, goes_on, has_arrived = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def renew_late(script: str, calls: Any) -> Any:
            if script != RENEW_CLAIM:
                return await run_together(script, calls)
            is_under_way.set()
            await goes_on.wait()
            answers: Any = await run_together(script, calls)
            has_arrived.set()
            return answers

        monkeypatch.setattr(access, "run_together", renew_late)
        source = Source(1, allowed=0)
        run = await runs.start(source, owner=OWNER)
        wake: asyncio.Event = vars(writer)["_wake"]
        wake.set()
        await is_under_way.wait()
        source.allow()
        await read(await runs.follow(run.id, owner=OWNER))
        goes_on.set()
        await has_arrived.wait()
        assert (await runs.start(notes(1), owner=OWNER)).is_new


async def test_a_claim_that_arrives_again_stays_confirmed(mortal_server: RedisServer) -> None:
    async with two_workers(mortal_server.url) as (here, there):
        register: RedisRegister = register_of(here)
        access: Any = vars(register)["_access"]
        writer: Writer = vars(register)["_writer"]
        source = Source(1, allowed=0)
        run = await here.start(source, owner=OWNER, key="k")
        assert (await there.start(notes(1), owner=OWNER, key="k")).id == run.id  # so it is confirmed
        new = writer.runs[run.id].run
        known: Keys = vars(register)["_keys"]
        keys = known.of_owner(new.owner, new.key)
        await access.run(CLAIM, keys, (run.id, new.request, 20, 60_000, ""))
        assert not mortal_server.command("GET", keys[1]).rstrip().endswith(b"?")
        source.allow()
