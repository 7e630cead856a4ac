"""Channels on Redis: several processes, the one connection that waits, and foreign entries in a stream."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest

from jero.channels import Channel, ChannelUnavailable, Gap, RedisStore
from jero.channels.ring import BATCH_BYTES, Batch
from tests.channels.publishers import Publishers
from tests.channels.reading import Follower, Note, check_accounted, numbers, order, publish, take, until
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program

pytestmark = needs_program("redis-server")


@pytest.fixture
def prefix() -> str:
    return f"{uuid4()}:"


@pytest.fixture
async def store(redis_server: RedisServer, prefix: str) -> AsyncGenerator[RedisStore, None]:
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        yield store


@pytest.fixture
def key(prefix: str) -> str:
    """Returns the key of the channel's stream."""
    return f"{prefix}channel:notes"


def listening(server: RedisServer, prefix: str) -> int:
    """Returns how many channels of messages somebody listens to."""
    return server.command("PUBSUB", "CHANNELS", f"{prefix}*").count(prefix.encode())


async def test_four_processes_publish_at_once(store: RedisStore, redis_server: RedisServer, prefix: str) -> None:
    channel = Channel(store, "notes", Note, history=100_000)
    events = [channel.subscribe() for _ in range(20)]
    reading = [asyncio.create_task(take(subscription, 1_000)) for subscription in events]
    publishers = Publishers(redis_server.url, prefix, 1_000)
    await publishers.run()
    publishers.check_order()
    published = publishers.acknowledged
    assert len(published) == 1_000
    expected = [(event_id, published[event_id]) for event_id in sorted(published, key=order)]
    for received in await asyncio.gather(*reading):
        assert [(event.id, event.data.number) for event in received if isinstance(event.data, Note)] == expected


async def test_two_stores_share_a_channel(redis_server: RedisServer, store: RedisStore, prefix: str) -> None:
    async with RedisStore(redis_server.url, prefix=prefix) as other_store:
        mine, theirs = Channel(store, "notes", Note), Channel(other_store, "notes", Note)
        first = await publish(mine, 1)
        follower = Follower(theirs.subscribe(after=first[0]))
        assert await publish(theirs, 1, first=2) == [(await follower.next()).id]
        assert await publish(mine, 1, first=3) == [(await follower.next()).id]
        ahead = mine.subscribe(after=(await publish(theirs, 1, first=4))[0])
        await publish(theirs, 1, first=5)
        assert numbers(await take(ahead, 1)) == [5]


async def test_one_connection_waits_for_all_channels(store: RedisStore, redis_server: RedisServer, prefix: str) -> None:
    channels = [Channel(store, name, Note) for name in ("a", "b", "c")]
    followers = [Follower(channel.subscribe()) for channel in channels]
    for number, (channel, follower) in enumerate(zip(channels, followers, strict=True)):
        await publish(channel, 1, first=number)
        assert numbers([await follower.next()]) == [number]
    assert listening(redis_server, prefix) == 3
    assert redis_server.command("CLIENT", "LIST").count(b" sub=3 ") == 1


async def test_a_new_channel_is_read_although_the_store_waits_already(store: RedisStore) -> None:
    first = Channel(store, "first", Note)
    follower = Follower(first.subscribe())
    await publish(first, 1)
    await follower.next()
    for name in ("second", "third", "fourth"):
        later = Channel(store, name, Note)
        events = later.subscribe()
        await publish(later, 1)
        assert numbers(await take(events, 1)) == [1]


async def test_a_store_does_not_poll(store: RedisStore, redis_server: RedisServer) -> None:
    channel = Channel(store, "notes", Note)
    follower = Follower(channel.subscribe())
    await publish(channel, 1)
    await follower.next()
    redis_server.command("CONFIG", "RESETSTAT")
    await asyncio.sleep(0.2)  # the test is that nothing happens
    commands = set(re.findall(rb"cmdstat_([^:]+):", redis_server.command("INFO", "commandstats")))
    assert commands <= {b"config|resetstat", b"info"}


async def test_events_older_than_the_ring_are_read_from_redis(
    redis_server: RedisServer, store: RedisStore, prefix: str
) -> None:
    published = await publish(Channel(store, "notes", Note, history=5_000), 1_700)
    async with RedisStore(redis_server.url, prefix=prefix) as later:
        channel = Channel(later, "notes", Note, history=5_000)
        follower = Follower(channel.subscribe(after=published[0]))
        published += await publish(channel, 3, first=1_701)
        received = await follower.until(published[-1])
    assert numbers(received) == list(range(2, 1_704))
    assert channel.statistics().kept < 1_100


async def test_a_slow_subscriber_continues_if_redis_still_has_the_events(store: RedisStore) -> None:
    channel = Channel(store, "notes", Note, history=20)
    published = await publish(channel, 2)
    slow = Follower(channel.subscribe(after=published[0]))
    await slow.next()
    published += await publish(channel, 60, first=3)
    assert numbers(await slow.until(published[-1])) == list(range(2, 63))


async def test_events_read_from_redis_come_in_batches(
    redis_server: RedisServer, store: RedisStore, prefix: str
) -> None:
    channel = Channel(store, "notes", Note, history=20)
    async with RedisStore(redis_server.url, prefix=prefix) as other:
        generous = Channel(other, "notes", Note, history=100)
        published = [await generous.publish(Note(number, "x" * (number % 2 * 30_000))) for number in range(61)]
    slow = channel.subscribe(after=published[0]).framed()
    batches: list[Batch] = []
    while not batches or batches[-1].events[-1].id != published[-1]:
        batches.append(await anext(slow))
    await slow.aclose()
    assert [event.id for batch in batches for event in batch.events] == published[1:]
    assert max(sum(len(event.frame) for event in batch.events) for batch in batches) <= BATCH_BYTES


async def test_a_channel_whose_key_is_not_a_stream_fails_alone(
    store: RedisStore, redis_server: RedisServer, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    def messages() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "jero.channels"]

    redis_server.command("SET", key, "a string")
    channel = Channel(store, "notes", Note, publish_timeout=0.1)
    other = Channel(store, "others", Note)
    events, others = Follower(channel.subscribe(after="0-0")), Follower(other.subscribe())
    await until(lambda: len(messages()) == 1)
    assert messages()[0].startswith(f"{key} cannot be read and is retried: WRONGTYPE")
    for number in range(3):
        await publish(other, 1, first=number)
        assert numbers([await others.next()]) == [number]
    with pytest.raises(ChannelUnavailable):
        await publish(channel, 1)
    redis_server.command("DEL", key)
    await until(lambda: len(messages()) == 2)
    assert messages()[1] == f"{key} can be read again"
    assert await publish(channel, 1) == [(await events.next()).id]


async def test_an_unreadable_channel_is_retried_while_others_are_busy(
    store: RedisStore, redis_server: RedisServer, key: str
) -> None:
    redis_server.command("SET", key, "a string")
    channel, other = Channel(store, "notes", Note), Channel(store, "others", Note)
    others = Follower(other.subscribe())
    await publish(other, 1)
    await others.next()
    redis_server.command("DEL", key)
    publishing = asyncio.create_task(publish(channel, 1))
    while not publishing.done():
        await publish(other, 1)
        await others.next()
    assert numbers(await take(channel.subscribe(after="0-0"), 1)) == [1]


async def test_tokens_are_deleted_after_success(store: RedisStore, redis_server: RedisServer, prefix: str) -> None:
    await publish(Channel(store, "notes", Note), 100)
    answer = redis_server.command("EVAL", "return #redis.call('KEYS', ARGV[1])", "0", f"*{prefix}*:stored:*")
    assert answer == b":1\r\n"  # the token of the last event, until the next is published


async def test_entries_that_are_not_events_are_skipped(
    store: RedisStore, redis_server: RedisServer, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    channel = Channel(store, "notes", Note)
    follower = Follower(channel.subscribe())
    await publish(channel, 1)
    await follower.next()
    for fields in (["other", "1"], ["data", "1", "event", "gap"], ["data", "1", "event", "a\nb"], ["text", b"\xff"]):
        redis_server.add_entry(key, *fields)
    foreign = redis_server.add_entry(key, "event", "made", "data", '{"number":\n7}')
    event = await follower.next()
    assert foreign.endswith(f"\r\n{event.id}\r\n".encode())
    assert (event.event, event.data) == ("made", Note(7))
    assert len([record for record in caplog.records if "is not an event" in record.message]) == 4


async def test_a_deleted_stream_is_a_gap_for_a_subscriber_that_resumes(
    store: RedisStore, redis_server: RedisServer, prefix: str, key: str
) -> None:
    channel = Channel(store, "notes", Note)
    live = Follower(channel.subscribe())
    old = await publish(channel, 5)
    await live.until(old[-1])
    redis_server.command("DEL", key)
    await asyncio.sleep(0.005)  # the new stream's ids begin with the time in milliseconds, so they must differ
    new = await publish(channel, 3, first=6)
    assert numbers(await live.until(new[-1])) == [1, 2, 3, 4, 5, 6, 7, 8]
    async with RedisStore(redis_server.url, prefix=prefix) as later:
        received = await take(Channel(later, "notes", Note).subscribe(after=old[1]), 4)
    check_accounted([*old, *new], received, old[1])
    assert numbers(received) == [6, 7, 8]


async def test_a_stream_with_lower_ids_than_before_is_a_gap(
    redis_server: RedisServer, prefix: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "jero.channels")
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        old = await publish(Channel(store, "notes", Note), 5)
    redis_server.command("DEL", key)
    for number in (1, 2, 3):
        redis_server.command("XADD", key, f"1-{number}", "data", f'{{"number":{number}}}')
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        channel = Channel(store, "notes", Note)
        follower = Follower(channel.subscribe(after=old[2]))
        gap = await follower.next()
        assert gap.data == Gap(old[2], "1-3")
        new = await publish(channel, 2, first=4)
        assert numbers(await follower.until(new[-1])) == [4, 5]


async def test_an_entry_that_vanished_is_a_gap(redis_server: RedisServer, prefix: str, key: str) -> None:
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        published = await publish(Channel(store, "notes", Note), 9)
    for lost in published[3:6]:
        redis_server.command("XDEL", key, lost)
    async with RedisStore(redis_server.url, prefix=prefix) as store:
        received = await take(Channel(store, "notes", Note).subscribe(after=published[4]), 4)
    check_accounted(published, received, published[4])
    assert numbers(received) == [7, 8, 9]
    assert received[0].event == "gap"
