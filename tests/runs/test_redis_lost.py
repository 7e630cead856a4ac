"""Writers that die or sleep: their runs end as lost, once, and nothing comes after that."""

import asyncio
import signal

import pytest

from jero.channels import RedisStore
from jero.runs import Runs
from tests.channels.reading import Follower, Note
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program
from tests.runs.reading import eventually
from tests.runs.worker import OWNER
from tests.runs.workers import Source, check, read, two_workers, until_stored, worker_process

pytestmark = needs_program("redis-server")

LOST_AFTER = 1.5


async def test_followers_of_a_killed_worker_get_the_end_in_time(redis_server: RedisServer) -> None:
    async with two_workers(redis_server.url, lost_after=LOST_AFTER) as workers:
        async with worker_process(redis_server.url, lost_after=LOST_AFTER) as worker:
            reading = [asyncio.create_task(read(await runs.follow(worker.run_id, owner=OWNER))) for runs in workers * 3]
            await worker.until_items(50)
            worker.signal(signal.SIGKILL)
            received = await asyncio.gather(*reading)
        counts = {check(events, "lost") for events in received}
        assert len(counts) == 1
        assert counts <= {worker.items, worker.items - 1}
        assert (await workers[0].status(worker.run_id, owner=OWNER)).state == "lost"
        until, ended = (int(field(redis_server, worker.run_id, name)) for name in ("until", "ended"))
        assert 0 <= ended - until < 3_000  # a second, on a machine that is not busy


async def test_a_killed_worker_is_noticed_by_who_asks_later(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with two_workers(redis_server.url, lost_after=0.3) as (runs, other):
        async with worker_process(redis_server.url, lost_after=0.3) as worker:
            worker.signal(signal.SIGKILL)

        async def is_lost() -> bool:  # once Redis has answered soon for a while
            return (await runs.status(worker.run_id, owner=OWNER)).state == "lost"

        await eventually(is_lost)
        status = await runs.status(worker.run_id, owner=OWNER)
        assert check(await read(await other.follow(worker.run_id, owner=OWNER)), "lost") == status.items
    lost = f"the run {worker.run_id} is lost: its process has not renewed it in time"
    assert sum(lost in record.getMessage() for record in caplog.records) == 1


async def test_a_worker_that_slept_too_long_appends_nothing_more(redis_server: RedisServer) -> None:
    async with two_workers(redis_server.url, lost_after=LOST_AFTER) as (runs, other):
        async with worker_process(redis_server.url, lost_after=LOST_AFTER) as worker:
            stream = await runs.follow(worker.run_id, owner=OWNER)
            await worker.until_items(20)
            worker.signal(signal.SIGSTOP)
            count = check(await read(stream), "lost")
            worker.signal(signal.SIGCONT)
            await worker.wait()
            assert worker.ending == "failed"
            assert worker.items <= count + 2
            assert check(await read(await other.follow(worker.run_id, owner=OWNER)), "lost") == count
        stream_key = f"jero:runs:runs:run:{{{worker.run_id}}}"
        assert redis_server.command("XLEN", stream_key) == b":%d\r\n" % (count + 1)


async def test_a_worker_that_slept_goes_on_if_nobody_has_noticed(redis_server: RedisServer) -> None:
    async with (
        two_workers(redis_server.url, lost_after=0.5) as (runs, _),
        worker_process(redis_server.url, lost_after=0.5) as worker,
    ):
        worker.signal(signal.SIGSTOP)
        await asyncio.sleep(0.8)
        items = worker.items
        worker.signal(signal.SIGCONT)
        await worker.until_items(items + 20)
        follower = Follower(await runs.follow(worker.run_id, owner=OWNER))
        received = await follower.until(f"0-{items + 20}")
        assert [event.id for event in received] == [f"0-{at}" for at in range(1, items + 21)]
        await follower.close()


async def test_what_is_appended_after_the_end_is_refused_by_redis_itself(redis_server: RedisServer) -> None:
    async with (
        two_workers(redis_server.url, lost_after=60) as (here, _),  # no renewal finds the end first
        two_workers(redis_server.url, lost_after=0.3) as (there, _),
    ):
        source = Source(allowed=3)
        run = await here.start(source, owner=OWNER)
        await until_stored(there, run.id, 3)
        redis_server.command("HSET", f"jero:runs:runs:run:{{{run.id}}}:record", "until", "0")
        await asyncio.sleep(1.1)  # so that it may end a run
        assert check(await read(await there.follow(run.id, owner=OWNER)), "lost") == 3
        source.allow()
        async with asyncio.timeout(5):
            await source.closed.wait()
        assert redis_server.command("XLEN", f"jero:runs:runs:run:{{{run.id}}}") == b":4\r\n"


async def test_a_late_answer_says_that_redis_was_away(mortal_server: RedisServer) -> None:
    async with RedisStore(mortal_server.url) as store, Runs(store, Note, drain_timeout=0.1) as runs:
        run = await runs.start(Source(), owner=OWNER)
        before = store.access.answers_since(run.id)
        mortal_server.stop_answering()
        asking = asyncio.create_task(runs.status(run.id, owner=OWNER))
        await asyncio.sleep(0.7)
        mortal_server.answer_again()
        await asking
        assert store.access.answers_since(run.id) > before + 0.5


def field(server: RedisServer, run_id: str, name: str) -> bytes:
    """Returns a field of the record of a run."""
    return server.command("HGET", f"jero:runs:runs:run:{{{run_id}}}:record", name).split(b"\r\n")[1]
