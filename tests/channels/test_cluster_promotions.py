"""Promotions in a Redis cluster that a process could take for something else: each is a gap nevertheless.

The proxies hold what a node is sent until the cluster has changed, so that a test decides what comes first.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from redis.crc import key_slot

from jero.channels import Channel, Gap, RedisStore
from tests.channels.cluster_proxies import client_through, proxies_of
from tests.channels.proxy import Proxy
from tests.channels.reading import Follower, Note, numbers, publish, until
from tests.channels.redis_cluster import ClusterServers
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program

pytestmark = needs_program("redis-server")

SUBSCRIBE = b"SSUBSCRIBE"


class Followed:
    """A channel with a follower that has received one note, in a cluster of which each node is behind a proxy.

    `master`, `replica`: of the channel. `other`: another master. `proxies`: leads to each node.
    """

    def __init__(
        self, cluster: ClusterServers, proxies: Mapping[RedisServer, Proxy], channel: Channel[Note], key: str
    ) -> None:
        self._cluster = cluster
        self._channel = channel
        self._key = key
        self._follower = Follower(channel.subscribe())
        self.proxies = proxies
        self.master = cluster.master_of(key)
        self.replica = cluster.replica_of(self.master)
        self.other = next(server for server in cluster.masters() if server is not self.master)

    async def begin(self) -> None:
        """Receives a note."""
        await publish(self._channel, 1)
        assert numbers([await self._follower.next()]) == [1]

    async def move(self, target: RedisServer) -> None:
        """Moves the slot of the channel to another master."""
        await asyncio.to_thread(self._cluster.move_slot, key_slot(self._key.encode()), target)

    async def check_gap(self) -> None:
        """Checks that a gap comes before what is published now, and no other one later."""
        publishing = asyncio.create_task(publish(self._channel, 1, first=2))
        event = await self._follower.next()
        assert isinstance(event.data, Gap), event
        await publishing
        await publish(self._channel, 1, first=3)
        while numbers(self._follower.received)[-1] != 3:
            await self._follower.next()
        assert numbers(self._follower.received) in ([1, 3], [1, 2, 3])
        assert self._channel.statistics().gaps == 1
        await self._follower.close()

    async def check_no_gap(self) -> None:
        """Checks that what is published now comes next."""
        await publish(self._channel, 1, first=2)
        assert numbers([await self._follower.next()]) == [2]
        await self._follower.close()


@asynccontextmanager
async def followed_channel(cluster: ClusterServers) -> AsyncGenerator[Followed, None]:
    prefix = f"{uuid4()}:"
    async with (
        proxies_of(cluster) as proxies,
        RedisStore(client=client_through(proxies), prefix=prefix) as store,
    ):
        channel = Channel(store, "notes", Note, publish_timeout=20)
        followed = Followed(cluster, proxies, channel, f"{prefix}channel:notes")
        await followed.begin()
        yield followed


def is_replica(server: RedisServer) -> bool:
    return server.command("ROLE").startswith(b"*5\r\n$5\r\nslave")


async def test_a_master_that_learns_of_its_promoted_replica_before_it_is_subscribed_to_again(
    cluster: ClusterServers,
) -> None:
    async with followed_channel(cluster) as followed:
        master, proxy = followed.master, followed.proxies[followed.master]
        proxy.hold_command(SUBSCRIBE)
        # This process notices nothing of what happens until the next `await`.
        master.kill()
        cluster.promote(followed.replica)
        others = [server for server in cluster.servers if server is not master]
        for server in others:
            server.stop_answering()
        master.start()  # it believes to be the master until another node says that it is not
        await proxy.is_holding.wait()
        for server in others:
            server.answer_again()
        await until(lambda: is_replica(master))
        proxy.release_commands()
        await followed.check_gap()


async def test_a_slot_that_moves_while_a_demoted_master_is_subscribed_to_again(cluster: ClusterServers) -> None:
    async with followed_channel(cluster) as followed:
        proxy = followed.proxies[followed.master]
        proxy.hold_command(SUBSCRIBE)
        await asyncio.to_thread(cluster.promote, followed.replica)
        await proxy.is_holding.wait()
        await followed.move(followed.other)
        proxy.release_commands()
        await followed.check_gap()


async def test_a_master_that_is_demoted_and_promoted_before_it_is_subscribed_to_again(cluster: ClusterServers) -> None:
    async with followed_channel(cluster) as followed:
        proxy = followed.proxies[followed.master]
        proxy.hold_command(SUBSCRIBE)
        await asyncio.to_thread(cluster.promote, followed.replica)
        await proxy.is_holding.wait()
        await asyncio.to_thread(cluster.wait)
        await asyncio.to_thread(cluster.promote, followed.master)
        proxy.release_commands()
        await followed.check_gap()


async def test_a_master_that_is_replaced_after_a_slot_has_moved_there_and_before_it_is_subscribed_to(
    cluster: ClusterServers,
) -> None:
    async with followed_channel(cluster) as followed:
        proxy, replica = followed.proxies[followed.other], cluster.replica_of(followed.other)
        proxy.hold_command(SUBSCRIBE)
        await followed.move(followed.other)
        await proxy.is_holding.wait()
        followed.other.kill()
        await asyncio.to_thread(cluster.promote, replica)
        await followed.check_gap()


async def test_a_demoted_master_that_does_not_end_subscriptions_is_found_by_the_next_look_at_the_cluster(
    cluster: ClusterServers,
) -> None:
    async with followed_channel(cluster) as followed:
        followed.proxies[followed.master].held = b"sunsubscribe"
        await asyncio.to_thread(cluster.promote, followed.replica)
        followed.proxies[followed.other].cut()  # what fails leads to a look
        await followed.check_gap()


async def test_a_slot_that_moves_there_and_back_before_it_is_subscribed_to_again_is_not_a_gap(
    cluster: ClusterServers,
) -> None:
    async with followed_channel(cluster) as followed:
        proxy = followed.proxies[followed.master]
        proxy.hold_command(SUBSCRIBE)
        await followed.move(followed.other)
        await proxy.is_holding.wait()
        await followed.move(followed.master)
        proxy.release_commands()
        await followed.check_no_gap()


@pytest.mark.parametrize("is_held", [False, True])
async def test_a_slot_that_moves_on_before_it_is_subscribed_to_is_not_a_gap(
    cluster: ClusterServers, *, is_held: bool
) -> None:
    async with followed_channel(cluster) as followed:
        third = next(s for s in cluster.masters() if s not in (followed.master, followed.other))
        proxy = followed.proxies[followed.other]
        if is_held:
            proxy.hold_command(SUBSCRIBE)
        await followed.move(followed.other)
        if is_held:
            await proxy.is_holding.wait()
        await followed.move(third)
        proxy.release_commands()
        await followed.check_no_gap()
