"""Channels on a Redis cluster: each at the master of its slot, also while slots move and masters are replaced."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from uuid import uuid4

import pytest
from redis.crc import key_slot
from redis.exceptions import AskError

from jero.channels import EARLIEST, Channel, Channels, ChannelUnavailable, Gap, RedisStore, subscribe
from jero.channels.redis_cluster import ClusterNodes
from jero.channels.redis_topology import Topology
from jero.errors import WiringError
from tests.channels.publishers import Publishers
from tests.channels.reading import Follower, Note, numbers, order, publish, take, until
from tests.channels.recording import LAST, RecordingSubscriber, check_all
from tests.channels.redis_cluster import SLOTS, ClusterServers
from tests.channels.redis_server import PATIENCE, Options, RedisServer, running_redis
from tests.programs import needs_program

pytestmark = needs_program("redis-server")

# The time that a connection may be quiet, in tests in which one dies without a sign.
HEARTBEAT = 0.2


@pytest.fixture
def prefix() -> str:
    return f"{uuid4()}:"


@pytest.fixture
async def store(cluster: ClusterServers, prefix: str) -> AsyncGenerator[RedisStore, None]:
    async with RedisStore(cluster.url, cluster=True, prefix=prefix) as store:
        yield store


@pytest.fixture
def rooms(store: RedisStore) -> Channels[Note]:
    return Channels(store, "room", Note, publish_timeout=20)


def names_by_master(cluster: ClusterServers, prefix: str, count: int = 2) -> dict[RedisServer, list[str]]:
    """Returns names of rooms for each master, `count` for each."""
    masters = {server: cluster.slots_of(server) for server in cluster.masters()}
    found: dict[RedisServer, list[str]] = defaultdict(list)
    for number in range(1_000):
        slot = key_slot(f"{prefix}channels:room:{number}".encode())
        master = next(server for server, slots in masters.items() if slot in slots)
        if len(found[master]) < count:
            found[master].append(str(number))
    assert [len(names) for names in found.values()] == [count] * 3
    return found


async def follow(rooms: Channels[Note], names: Sequence[str]) -> dict[str, Follower]:
    """Returns a follower of each room, which has received one note."""
    followers = {name: Follower(rooms[name].subscribe()) for name in names}
    for name, follower in followers.items():
        await publish(rooms[name], 1)
        assert numbers([await follower.next()]) == [1]
    return followers


async def check_flow(rooms: Channels[Note], followers: dict[str, Follower], names: Sequence[str], number: int) -> None:
    """Checks that a note that is published in each room arrives next."""
    for name in names:
        await publish(rooms[name], 1, first=number)
        assert numbers([await followers[name].next()]) == [number]


async def test_channels_are_served_by_the_masters_of_their_slots(
    cluster: ClusterServers, rooms: Channels[Note], prefix: str
) -> None:
    by_master = names_by_master(cluster, prefix)
    followers = await follow(rooms, [name for names in by_master.values() for name in names])
    for master, names in by_master.items():
        channels = master.command("PUBSUB", "SHARDCHANNELS", f"{prefix}*")
        assert sorted(channels.split(b"\r\n")[2::2]) == sorted(f"{prefix}channels:room:{n}".encode() for n in names)
        await check_flow(rooms, followers, names, 2)
    for follower in followers.values():
        await follower.close()


async def test_a_channel_that_nobody_follows_is_listened_to_no_more(
    cluster: ClusterServers, store: RedisStore, prefix: str
) -> None:
    rooms = Channels(store, "room", Note, linger=0.05)
    followers = await follow(rooms, ["1"])
    await followers["1"].close()
    master = cluster.master_of(f"{prefix}channels:room:1")
    await until(lambda: master.command("PUBSUB", "SHARDCHANNELS", f"{prefix}*") == b"*0\r\n")
    followers = await follow(rooms, ["1"])
    await check_flow(rooms, followers, ["1"], 2)
    await followers["1"].close()


async def test_tokens_of_a_slot_are_deleted_by_publications_there(
    cluster: ClusterServers, rooms: Channels[Note], prefix: str
) -> None:
    (name, *_), *_ = names_by_master(cluster, prefix).values()
    await publish(rooms[name], 50)
    master = cluster.master_of(f"{prefix}channels:room:{name}")
    script = "return #redis.call('KEYS', ARGV[1])"
    assert master.command("EVAL", script, "0", f"*{prefix}*:stored:*") == b":1\r\n"


async def test_a_channel_with_a_subscriber_does_not_expire(
    cluster: ClusterServers, store: RedisStore, prefix: str
) -> None:
    rooms = Channels(store, "room", Note, keep=1)
    names = [name for names in names_by_master(cluster, prefix, 1).values() for name in names]
    followers = await follow(rooms, names)
    await asyncio.sleep(1.2)  # longer than a channel is kept without subscribers
    await check_flow(rooms, followers, names, 2)
    assert rooms.statistics().gaps == 0
    for follower in followers.values():
        await follower.close()


async def test_a_master_that_is_away_does_not_disturb_channels_of_others(
    cluster: ClusterServers, rooms: Channels[Note], prefix: str
) -> None:
    by_master = names_by_master(cluster, prefix)
    away, *others = by_master
    followers = await follow(rooms, [name for names in by_master.values() for name in names])
    away.stop_answering()
    waiting = [asyncio.create_task(publish(rooms[by_master[away][0]], 1, first=2)) for _ in range(50)]
    try:
        async with asyncio.timeout(PATIENCE):  # far less than what waits for the master that is away would take
            for number in range(2, 20):
                for master in others:
                    await check_flow(rooms, followers, by_master[master], number)
    finally:
        await asyncio.to_thread(cluster.restore)
    await asyncio.gather(*waiting)
    async with asyncio.timeout(20):
        for _ in waiting:
            assert numbers([await followers[by_master[away][0]].next()]) == [2]
    assert rooms.statistics().gaps == 0
    for follower in followers.values():
        await follower.close()


@pytest.mark.parametrize("how", ["killed", "frozen", "told"])
async def test_a_promotion_is_a_gap_for_live_subscribers_of_that_master_alone(
    cluster: ClusterServers, prefix: str, how: str
) -> None:
    async with RedisStore(cluster.url, cluster=True, prefix=prefix, heartbeat=HEARTBEAT) as store:
        rooms = Channels(store, "room", Note, publish_timeout=20)
        by_master = names_by_master(cluster, prefix)
        lost, *others = by_master
        followers = await follow(rooms, [name for names in by_master.values() for name in names])
        replica = cluster.replica_of(lost)
        if how == "killed":
            lost.kill()
        elif how == "frozen":
            lost.stop_answering()
        await asyncio.to_thread(cluster.promote, replica)
        for name in by_master[lost]:
            assert isinstance((await followers[name].next()).data, Gap)
        for names in by_master.values():
            await check_flow(rooms, followers, names, 2)
        await asyncio.to_thread(cluster.restore)
        for names in by_master.values():
            await check_flow(rooms, followers, names, 3)
        assert [rooms[name].statistics().gaps for name in by_master[lost]] == [1, 1]
        assert [rooms[name].statistics().gaps for master in others for name in by_master[master]] == [0] * 4
        for follower in followers.values():
            await follower.close()


async def test_a_master_that_restarts_with_all_it_had_is_not_a_gap(
    cluster: ClusterServers, rooms: Channels[Note], prefix: str
) -> None:
    by_master = names_by_master(cluster, prefix)
    followers = await follow(rooms, [name for names in by_master.values() for name in names])
    restarted = next(iter(by_master))
    restarted.kill()
    publishing = asyncio.create_task(publish(rooms[by_master[restarted][0]], 1, first=2))
    await asyncio.to_thread(cluster.restore)
    await publishing
    assert numbers([await followers[by_master[restarted][0]].next()]) == [2]
    for names in by_master.values():
        await check_flow(rooms, followers, names, 3)
    assert rooms.statistics().gaps == 0
    for follower in followers.values():
        await follower.close()


def has_published(published: dict[str, list[str]], wanted: dict[str, int]) -> bool:
    return all(len(published[name]) >= count for name, count in wanted.items())


async def test_slots_that_move_while_events_flow_lose_none(cluster: ClusterServers) -> None:
    prefix = f"{{{uuid4()}}}:"  # all rooms are in one slot
    slot = key_slot(prefix.encode())
    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(RedisStore(cluster.url, cluster=True, prefix=prefix)) for _ in range(2)
        ]
        kinds = [Channels(store, "room", Note, publish_timeout=20, linger=0.5) for store in stores]
        names = ["1", "2", "3"]
        followers = {(kind, name): Follower(kind[name].subscribe(after=EARLIEST)) for kind in kinds for name in names}
        reading = [asyncio.create_task(follower.next()) for follower in followers.values()]
        published: dict[str, list[str]] = defaultdict(list)
        is_over = asyncio.Event()

        async def publish_in(name: str) -> None:
            while not is_over.is_set():
                for kind in kinds:
                    published[name] += await publish(kind[name], 1, first=len(published[name]))

        publishing = [asyncio.create_task(publish_in(name)) for name in names]
        for _ in range(2):
            for master in cluster.masters():
                if slot not in cluster.slots_of(master):
                    await asyncio.to_thread(cluster.move_slot, slot, master)
                    wanted = {name: len(published[name]) + 20 for name in names}
                    await until(partial(has_published, published, wanted))
        is_over.set()
        await asyncio.gather(*publishing, *reading)
        for (_, name), follower in followers.items():
            received = await follower.until(published[name][-1])
            assert [event.id for event in received] == published[name]
            await follower.close()
        assert sum(kind.statistics().gaps for kind in kinds) == 0


async def test_events_are_read_while_their_slot_is_on_its_way(
    cluster: ClusterServers, rooms: Channels[Note], prefix: str
) -> None:
    old = await publish(rooms["1"], 700)  # several pages
    key = f"{prefix}channels:room:1"
    source, slot = cluster.master_of(key), key_slot(key.encode())
    target = next(master for master in cluster.masters() if master is not source)
    await asyncio.to_thread(cluster.begin_to_move, slot, target)
    async with RedisStore(cluster.url, cluster=True, prefix=prefix) as store:
        there = Channels(store, "room", Note)
        live, resumed = Follower(there["1"].subscribe(after=old[-2])), Follower(there["1"].subscribe(after=old[0]))
        assert numbers([await live.next()]) == [700]
        assert numbers(await resumed.until(old[-1])) == [*range(2, 701)]
        publishing = asyncio.create_task(publish(rooms["1"], 1, first=701))
        await asyncio.to_thread(cluster.move_slot, slot, target)
        await publishing
        for follower in (live, resumed):
            assert numbers([await follower.next()]) == [701]
            await follower.close()
        assert there.statistics().gaps == 0


async def test_a_master_that_receives_its_first_slot_is_used(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def read(_: Topology) -> dict[int, tuple[str, int]]:
        nonlocal looks
        looks += 1
        return {0: ("127.0.0.1", 1)}  # the node that has the slot still

    monkeypatch.setattr(Topology, "read", read)
    nodes: ClusterNodes = vars(RedisStore("redis://127.0.0.1:1", cluster=True))["_nodes"]
    node = nodes.redirect(AskError(f"0 127.0.0.1:{redis_server.port}"), "")
    await until(lambda: node.listener.is_connected)
    nodes.on_failure()
    await until(lambda: looks == 1)
    assert nodes.redirect(AskError(f"0 127.0.0.1:{redis_server.port}"), "") is node
    assert not node.scripts.has_left
    await nodes.close()


async def test_a_channel_of_a_slot_that_nobody_serves_waits(
    cluster: ClusterServers, rooms: Channels[Note], prefix: str
) -> None:
    key = f"{prefix}channels:room:1"
    slot, master = key_slot(key.encode()), cluster.master_of(key)
    cluster.take_slot_away(slot)
    async with RedisStore(cluster.url, cluster=True, prefix=prefix) as store:
        there = Channels(store, "room", Note, publish_timeout=20)
        follower = Follower(there["1"].subscribe())
        receiving = asyncio.create_task(follower.next())
        publishing = [asyncio.create_task(publish(kind["1"], 1)) for kind in (rooms, there)]
        done, _ = await asyncio.wait([receiving, *publishing], timeout=0.3)
        assert not done
        await asyncio.to_thread(cluster.give_slot, slot, master)
        await asyncio.gather(receiving, *publishing)
        assert numbers([*follower.received, await follower.next()]) == [1, 1]
        await follower.close()


async def test_connections_that_are_cut_lose_nothing(
    cluster: ClusterServers, rooms: Channels[Note], prefix: str
) -> None:
    by_master = names_by_master(cluster, prefix)
    followers = await follow(rooms, [name for names in by_master.values() for name in names])
    for number in range(2, 12):
        for master in by_master:
            for kind in ("normal", "pubsub"):
                master.command("CLIENT", "KILL", "TYPE", kind)
        await asyncio.gather(*(publish(rooms[name], 1, first=number) for name in followers))
    for name, follower in followers.items():
        assert numbers([await follower.next() for _ in range(2, 12)]) == [*range(2, 12)], name
        await follower.close()
    assert rooms.statistics().gaps == 0


async def test_a_stream_of_channels_of_several_masters_has_a_gap_for_those_that_a_promotion_concerns(
    cluster: ClusterServers, rooms: Channels[Note], prefix: str
) -> None:
    by_master = names_by_master(cluster, prefix, 1)
    names = [name for names in by_master.values() for name in names]
    merged = Follower(subscribe(*(rooms[name] for name in names)))
    waiting = asyncio.create_task(merged.next())
    await until(lambda: rooms.statistics().subscribers == 3)
    for number, name in enumerate(names):
        await publish(rooms[name], 1, first=number)
    await waiting
    while len(merged.received) < 3:
        await merged.next()
    assert sorted(numbers(merged.received)) == [0, 1, 2]
    lost = next(iter(by_master))
    replica = cluster.replica_of(lost)
    lost.kill()
    await asyncio.to_thread(cluster.promote, replica)
    gap = await merged.next()
    assert isinstance(gap.data, Gap)
    for number, name in enumerate(names):
        await publish(rooms[name], 1, first=10 + number)
    received = [await merged.next() for _ in names]
    assert sorted(numbers(received)) == [10, 11, 12]
    resumed = await take(subscribe(*(rooms[name] for name in names), after=gap.id), 3)
    assert sorted(numbers(resumed)) == [10, 11, 12]
    await merged.close()


async def test_publish_waits_for_a_replica_of_the_master_alone(cluster: ClusterServers, prefix: str) -> None:
    by_master = names_by_master(cluster, prefix, 1)
    (name,), *others = by_master.values()
    replica = cluster.replica_of(next(iter(by_master)))
    async with RedisStore(cluster.url, cluster=True, prefix=prefix, wait_replicas=1) as store:
        rooms = Channels(store, "room", Note, publish_timeout=20)
        hasty = Channels(store, "room", Note, publish_timeout=0.5)
        await publish(rooms[name], 1)
        replica.stop_answering()
        with pytest.raises(ChannelUnavailable):
            await publish(hasty[name], 1, first=2)
        for (other,) in others:
            await publish(rooms[other], 1)
        replica.answer_again()
        await publish(rooms[name], 1, first=3)
        assert replica.read("XLEN", f"{prefix}channels:room:{name}") == b":3\r\n"


async def test_four_processes_lose_no_acknowledged_event_although_masters_are_killed_and_slots_move(
    cluster: ClusterServers, prefix: str
) -> None:
    key = f"{prefix}channel:notes"
    publishers = Publishers(cluster.url, prefix, 1_200, replicas=1)
    async with RedisStore(cluster.url, cluster=True, prefix=prefix) as store:
        channel = Channel(store, "notes", Note, history=100_000, publish_timeout=60)
        receiving = [
            RecordingSubscriber(channel.subscribe(after="0-0"), in_batches=number % 2 > 0) for number in range(10)
        ]
        publishing = asyncio.create_task(publishers.run())
        for settled in (100, 600):
            await publishers.until(settled)
            master = await asyncio.to_thread(cluster.master_of, key)
            replica = await asyncio.to_thread(cluster.replica_of, master)
            master.kill()
            await asyncio.to_thread(cluster.promote, replica)
            await asyncio.to_thread(cluster.restore)  # there is a replica to wait for again
            await publishers.until(settled + 200)
            others = [server for server in cluster.masters() if server is not replica]
            await asyncio.to_thread(cluster.move_slot, key_slot(key.encode()), others[0])
        await publishing
        await channel.publish(Note(publishers.count, LAST))
        await asyncio.gather(*(subscriber.reading for subscriber in receiving))
        assert not publishers.refused
        assert {len(subscriber.gaps) for subscriber in receiving} == {2}
        check_all(receiving, publishers, loses_events=True)
    async with RedisStore(cluster.url, cluster=True, prefix=prefix) as store:
        kept = await take(Channel(store, "notes", Note, history=100_000).subscribe(after="0-0"), publishers.count + 1)
    acknowledged = sorted(publishers.acknowledged, key=order)
    assert [event.id for event in kept][:-1] == acknowledged


async def test_a_cluster_that_does_not_answer_is_unavailable(cluster: ClusterServers) -> None:
    for server in cluster.servers:
        server.stop_answering()
    with pytest.raises(ChannelUnavailable, match="cluster does not answer"):
        async with RedisStore(cluster.url, cluster=True):
            pass


async def test_a_store_opens_although_a_master_is_away(cluster: ClusterServers, prefix: str) -> None:
    by_master = names_by_master(cluster, prefix)
    away, other, _ = by_master
    away.kill()
    async with RedisStore(other.url, cluster=True, prefix=prefix) as store:
        rooms = Channels(store, "room", Note, publish_timeout=20)
        followers = await follow(rooms, by_master[other])
        late = Follower(rooms[by_master[away][0]].subscribe())
        waiting = asyncio.create_task(late.next())
        await asyncio.to_thread(cluster.restore)
        await publish(rooms[by_master[away][0]], 1)
        assert numbers([await waiting]) == [1]
        for follower in (late, *followers.values()):
            await follower.close()


async def test_a_cluster_without_channels_of_slots_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    old: Options = {"cluster-enabled": "yes", "rename-command": ("SUNSUBSCRIBE", "")}
    with running_redis(tmp_path_factory.mktemp("old"), options=old) as server:
        server.command("CLUSTER", "ADDSLOTSRANGE", "0", str(SLOTS - 1))
        with pytest.raises(WiringError, match="need Redis 7"):
            async with RedisStore(server.url, cluster=True):
                pass


async def test_a_node_of_a_cluster_is_refused_unless_the_cluster_is_wanted(cluster: ClusterServers) -> None:
    with pytest.raises(WiringError, match="cluster=True"):
        async with RedisStore(cluster.url):
            pass


async def test_a_redis_that_is_not_of_a_cluster_is_refused_as_one(redis_server: RedisServer) -> None:
    with pytest.raises(ChannelUnavailable) as unavailable:
        async with RedisStore(redis_server.url, cluster=True):
            pass
    assert "Cluster mode is not enabled" in str(unavailable.value.__cause__)


@pytest.mark.parametrize("prefix", ["a{b", "a}b{c}", "{}:", "{a}{b}:"])
def test_a_prefix_that_spreads_the_keys_of_a_channel_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="hash tag"):
        RedisStore("redis://127.0.0.1", cluster=True, prefix=prefix)
