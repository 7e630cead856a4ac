"""Replicas of Redis: `publish` waits for them if it is told to, and a promotion is a gap for live subscribers."""

import asyncio
from collections.abc import Iterator

import pytest

from jero.channels import Channel, ChannelUnavailable, Gap, RedisStore
from tests.channels.proxy import Proxy
from tests.channels.reading import Follower, Note, numbers, publish, until
from tests.channels.redis_server import RedisServer, running_redis
from tests.programs import needs_program

pytestmark = needs_program("redis-server")


@pytest.fixture
def replica(mortal_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Starts a replica of the server."""
    mortal_server.command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
    with running_redis(tmp_path_factory.mktemp("replica")) as server:
        server.command("REPLICAOF", "127.0.0.1", str(mortal_server.port))
        yield server


async def until_linked(replica: RedisServer) -> None:
    await until(lambda: b"master_link_status:up" in replica.command("INFO", "replication"))


async def test_publish_waits_until_a_replica_has_the_event(mortal_server: RedisServer, replica: RedisServer) -> None:
    await until_linked(replica)
    async with RedisStore(mortal_server.url, wait_replicas=1) as store:
        channel = Channel(store, "notes", Note)
        for number in range(1, 20):
            await publish(channel, 1, first=number)
            assert replica.command("XLEN", "jero:channel:notes") == b":%d\r\n" % number


async def test_an_event_that_no_replica_confirms_is_unavailable_and_stored_once(
    mortal_server: RedisServer, replica: RedisServer
) -> None:
    await until_linked(replica)
    async with Proxy(mortal_server.port) as proxy, RedisStore(proxy.url, wait_replicas=1) as store:
        channel = Channel(store, "notes", Note, publish_timeout=3)
        await publish(channel, 1)
        replica.stop_answering()
        try:
            publishing = asyncio.create_task(publish(channel, 1, first=2))
            await until(lambda: mortal_server.command("XLEN", "jero:channel:notes") == b":2\r\n")
            proxy.cut()  # the next attempt finds the event stored, on a connection that has written nothing
            with pytest.raises(ChannelUnavailable) as unavailable:
                await publishing
        finally:
            replica.answer_again()
        assert "0 of 1 replicas" in str(unavailable.value.__cause__)
        assert mortal_server.command("XLEN", "jero:channel:notes") == b":2\r\n"
        await publish(channel, 1, first=3)
        assert replica.command("XLEN", "jero:channel:notes") == b":3\r\n"


async def test_a_replica_that_is_promoted_is_a_gap_for_live_subscribers(
    mortal_server: RedisServer, replica: RedisServer
) -> None:
    await until_linked(replica)
    async with Proxy(mortal_server.port) as proxy, RedisStore(proxy.url, wait_replicas=1) as store:
        channel = Channel(store, "notes", Note)
        live, slow = Follower(channel.subscribe()), Follower(channel.subscribe())
        await live.until((await publish(channel, 3))[-1])
        await slow.next()
        mortal_server.kill()
        replica.command("REPLICAOF", "NO", "ONE")
        proxy.lead_to(replica.port)
        assert isinstance((await live.next()).data, Gap)
    async with RedisStore(replica.url) as store:
        newest = await publish(Channel(store, "notes", Note), 1, first=4)
    async with Proxy(replica.port) as proxy, RedisStore(proxy.url) as store:
        resumed = Follower(Channel(store, "notes", Note).subscribe(after="0-0"))
        assert numbers(await resumed.until(newest[-1])) == [1, 2, 3, 4]


def test_a_negative_number_of_replicas_is_refused() -> None:
    with pytest.raises(ValueError, match="wait_replicas=-1"):
        RedisStore("redis://localhost", wait_replicas=-1)
