"""Clients of the user's own: the store connects as they do, and leaves them alone."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis as synchronous
from redis.asyncio import BlockingConnectionPool, Redis, Sentinel, SSLConnection
from redis.asyncio.cluster import RedisCluster

from jero.channels import EARLIEST, Channel, Channels, ChannelUnavailable, Gap, RedisStore
from jero.channels.redis_connections import options_of_cluster, options_of_redis
from jero.channels.redis_topology import Topology
from tests.channels.cluster_proxies import client_through, proxies_of
from tests.channels.reading import Follower, Note, numbers, publish, take, until
from tests.channels.redis_cluster import ClusterServers, wait_until
from tests.channels.redis_server import RedisServer, SentinelServer, running_redis
from tests.channels.test_messages import RULES
from tests.programs import needs_program

pytestmark = needs_program("redis-server")

# The rules of the page for a user of a cluster, beside those for one of a single Redis.
CLUSTER_RULES = "+spublish +ssubscribe +sunsubscribe +cluster|slots +asking"


@pytest.fixture
def prefix() -> str:
    return f"{uuid4()}:"


async def check(store: RedisStore) -> None:
    """Checks that events of several channels arrive, and that old ones are read."""
    channels = [Channel(store, name, Note) for name in "abcdef"]
    followers = [Follower(channel.subscribe()) for channel in channels]
    for number, (channel, follower) in enumerate(zip(channels, followers, strict=True)):
        first, _ = await publish(channel, 2, first=number)
        assert numbers([await follower.next(), await follower.next()]) == [number, number + 1]
        assert numbers(await take(channel.subscribe(after=first), 1)) == [number + 1]
        await follower.close()


async def test_the_client_of_a_redis_is_neither_used_nor_closed(redis_server: RedisServer, prefix: str) -> None:
    pool: Any = BlockingConnectionPool
    client = Redis(
        connection_pool=pool.from_url(redis_server.url, decode_responses=True, protocol=3, max_connections=1)
    )
    async with client:
        await client.set(f"{prefix}own", "ö")
        untyped: Any = client  # type checkers do not know all of its types
        connection = await untyped.client_id()
        async with RedisStore(client=client, prefix=prefix) as store:
            await check(store)
        assert await untyped.client_id() == connection
        assert await client.get(f"{prefix}own") == "ö"
        await client.connection_pool.disconnect()


async def test_the_client_of_a_cluster_is_neither_used_nor_closed(cluster: ClusterServers, prefix: str) -> None:
    for server in cluster.servers:
        rules = [*RULES.format(prefix=prefix).split(), *CLUSTER_RULES.split()]
        assert server.command("ACL", "SETUSER", "jero", "reset", "on", ">secret", *rules) == b"+OK\r\n"
        server.command("CONFIG", "RESETSTAT")
    async with RedisCluster.from_url(cluster.url, decode_responses=True) as others:
        client = RedisCluster.from_url(cluster.url, username="jero", password="secret", decode_responses=True)
        async with RedisStore(client=client, prefix=prefix) as store:
            await check(store)
            rooms = Channels(store, "room", Note, keep=0.3, history_bytes=1_000, linger=0.05)
            follower = Follower(rooms["7"].subscribe())
            for number in range(20):
                await publish(rooms["7"], 1, first=number)
                assert numbers([await follower.next()]) == [number]
            await asyncio.sleep(0.5)  # longer than it is kept unless the expiry is renewed
            assert numbers(await take(rooms["7"].subscribe(after=EARLIEST), 1)) != [0]
            await follower.close()
            await until(lambda: rooms.statistics().open == 0)
        for server in cluster.servers:
            assert b"NOPERM" not in server.command("INFO", "errorstats")
        await others.set(f"{prefix}own", "ö")
        untyped: Any = others  # type checkers do not know all of its types
        connection = await untyped.client_id(target_nodes=others.get_default_node())
        async with RedisStore(client=others, prefix=prefix) as store:
            await check(store)
        assert await untyped.client_id(target_nodes=others.get_default_node()) == connection
        assert await others.get(f"{prefix}own") == "ö"
        await client.aclose()
    for server in cluster.servers:
        server.command("ACL", "DELUSER", "jero")


async def test_nodes_are_found_where_the_client_of_the_cluster_finds_them(cluster: ClusterServers, prefix: str) -> None:
    async with proxies_of(cluster) as proxies:
        client = client_through(proxies)
        async with RedisStore(client=client, prefix=prefix) as store:
            await check(store)
            channel = Channel(store, "notes", Note, publish_timeout=20)
            follower = Follower(channel.subscribe())
            await publish(channel, 1)
            assert numbers([await follower.next()]) == [1]
            for proxy in proxies.values():
                proxy.cut()
            await publish(channel, 1, first=2)
            assert numbers([await follower.next()]) == [2]
            master = cluster.master_of(f"{prefix}channel:notes")
            target = next(server for server in cluster.masters() if server is not master)
            await asyncio.to_thread(cluster.move_slot, client.keyslot(f"{prefix}channel:notes"), target)
            await publish(channel, 1, first=3)
            assert numbers([await follower.next()]) == [3]
            assert channel.statistics().gaps == 0
            await follower.close()
            for proxy in proxies.values():
                proxy.is_down = True
                proxy.cut()
            with pytest.raises(ChannelUnavailable):  # there is not any other way to the nodes
                await publish(Channel(store, "notes", Note, publish_timeout=0.3), 1)


def test_an_address_that_a_node_names_is_looked_up_as_the_client_does() -> None:
    client = RedisCluster(host="127.0.0.1", port=7000, address_remap=lambda address: ("there", address[1] + 1))
    assert Topology(client).remap(("here", 7001)) == ("there", 7002)
    assert Topology(RedisCluster(host="127.0.0.1", port=7000)).remap(("here", 7001)) == ("here", 7001)


@pytest.fixture
def sentinel(mortal_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Starts a Sentinel that watches a Redis and its replica."""
    mortal_server.command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
    options = {"replicaof": f"127.0.0.1 {mortal_server.port}", "repl-diskless-sync-delay": "0"}
    with running_redis(tmp_path_factory.mktemp("replica"), options=options) as replica:
        wait_until(lambda: b"master_link_status:up" in replica.command("INFO", "replication"))
        sentinel = SentinelServer(tmp_path_factory.mktemp("sentinel"), mortal_server)
        try:
            sentinel.start()
            wait_until(lambda: b"slave0:" in mortal_server.command("INFO", "replication"))
            wait_until(lambda: str(replica.port).encode() in sentinel.command("SENTINEL", "REPLICAS", "channels"))
            yield sentinel
        finally:
            sentinel.kill()


async def test_a_redis_is_found_where_sentinel_says(
    mortal_server: RedisServer, sentinel: RedisServer, prefix: str
) -> None:
    make_sentinel: Any = Sentinel  # which has no types
    watchers = make_sentinel([("127.0.0.1", sentinel.port)])
    client = watchers.master_for("channels")
    async with client, RedisStore(client=client, prefix=prefix) as store:
        channel = Channel(store, "notes", Note, publish_timeout=20)
        live = Follower(channel.subscribe())
        await publish(channel, 1)
        assert numbers([await live.next()]) == [1]
        before = await watchers.discover_master("channels")
        mortal_server.kill()
        assert isinstance((await live.next()).data, Gap)
        assert await watchers.discover_master("channels") != before
        newest = await publish(channel, 1, first=2)
        assert numbers(await live.until(newest[0])) == [1, 2]
        assert await client.exists(f"{prefix}channel:notes") == 1
        await live.close()
    for watcher in watchers.sentinels:
        await watcher.aclose()


@pytest.mark.parametrize("is_cluster", [True, False])
def test_connections_are_encrypted_as_those_of_the_client(*, is_cluster: bool) -> None:
    url, options = "rediss://user:secret@127.0.0.1:7000", {"ssl_ca_certs": "ca.pem", "protocol": 3}
    clients: Any = RedisCluster if is_cluster else Redis
    client = clients.from_url(url, **options)
    own = options_of_cluster(client).at("127.0.0.1", 7001) if is_cluster else options_of_redis(client)
    connection = own.pool(1).make_connection()
    assert isinstance(connection, SSLConnection)
    assert (connection.username, connection.password) == ("user", "secret")
    assert connection.ca_certs == "ca.pem"
    assert connection.port == (7001 if is_cluster else 7000)
    assert (connection.protocol, connection.socket_timeout) == (2, None)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"url": "redis://localhost", "client": Redis()},
        {"client": Redis(), "cluster": True},
        {"client": synchronous.Redis()},
        {"client": "redis://localhost"},
    ],
)
def test_what_is_neither_a_url_nor_an_asynchronous_client_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="client"):
        RedisStore(**arguments)


@pytest.fixture
def cluster_without_hosts(cluster: ClusterServers) -> Iterator[ClusterServers]:
    """Has the nodes of the cluster name each other by their ports alone, as behind one address."""
    for server in cluster.servers:
        server.command("CONFIG", "SET", "cluster-preferred-endpoint-type", "unknown-endpoint")
    yield cluster
    for server in cluster.servers:
        server.command("CONFIG", "SET", "cluster-preferred-endpoint-type", "ip")


async def test_a_node_that_is_named_without_a_host_is_at_the_host_that_was_asked(
    cluster_without_hosts: ClusterServers, prefix: str
) -> None:
    cluster, named = cluster_without_hosts, set[str]()
    port = cluster.servers[0].port

    def record(address: tuple[str, int]) -> tuple[str, int]:
        named.add(address[0])
        return address

    client = RedisCluster(host="127.0.0.1", port=port, address_remap=record)
    async with RedisStore(client=client, prefix=prefix) as store:
        channel = Channel(store, "notes", Note, publish_timeout=20)
        follower = Follower(channel.subscribe())
        await publish(channel, 1)
        assert numbers([await follower.next()]) == [1]
        key = f"{prefix}channel:notes"
        for number in (2, 3):
            target = next(server for server in cluster.masters() if server is not cluster.master_of(key))
            await asyncio.to_thread(cluster.move_slot, client.keyslot(key), target)
            await publish(channel, 1, first=number)
            assert numbers([await follower.next()]) == [number]
        await follower.close()
        assert channel.statistics().gaps == 0
    assert named == {"127.0.0.1"}
