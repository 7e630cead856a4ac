"""Messages between processes on Redis: which are taken at once, which only say that the stream is to be read."""

import asyncio
from collections.abc import AsyncGenerator
from time import time
from uuid import uuid4

import pytest

from jero.channels import EARLIEST, Channel, Channels, Gap, RedisStore
from jero.channels.stream import EMPTY, format_id
from tests.channels.proxy import Proxy
from tests.channels.reading import Follower, Note, numbers, publish, take, until
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
async def proxy(mortal_server: RedisServer) -> AsyncGenerator[Proxy, None]:
    async with Proxy(mortal_server.port) as proxy:
        yield proxy


def listening(server: RedisServer, prefix: str) -> int:
    """Returns how many channels of messages somebody listens to."""
    return server.command("PUBSUB", "CHANNELS", f"{prefix}*").count(prefix.encode())


def reads(server: RedisServer) -> int:
    """Returns how many streams were read since the statistics of the server were reset."""
    answer = server.command("INFO", "commandstats")
    return int(answer.partition(b"cmdstat_xrange:calls=")[2].partition(b",")[0] or b"0")


async def test_a_process_listens_to_what_somebody_follows(
    store: RedisStore, redis_server: RedisServer, prefix: str
) -> None:
    rooms = Channels(store, "room", Note, linger=0.5)
    for number in range(20):
        await publish(rooms[str(number)], 1)
    assert listening(redis_server, prefix) == 0  # to publish takes no listening
    followers = [Follower(rooms[str(number)].subscribe()) for number in range(20)]
    for number, follower in enumerate(followers):
        await publish(rooms[str(number)], 1, first=number)
        assert numbers([await follower.next()]) == [number]
    assert listening(redis_server, prefix) == 20
    for follower in followers[1:]:
        await follower.close()
    await until(lambda: listening(redis_server, prefix) == 1)
    assert rooms.statistics().open == 1
    await followers[0].close()


async def test_an_event_that_follows_is_taken_without_a_read(
    store: RedisStore, redis_server: RedisServer, prefix: str
) -> None:
    async with RedisStore(redis_server.url, prefix=prefix) as other:
        here, there = Channel(store, "notes", Note), Channel(other, "notes", Note)
        follower = Follower(here.subscribe())
        await publish(here, 1)
        await follower.next()
        redis_server.command("CONFIG", "RESETSTAT")
        await publish(there, 20, first=2)
        assert numbers([await follower.next() for _ in range(20)]) == [*range(2, 22)]
        assert reads(redis_server) == 0
        await follower.close()


async def test_channels_that_come_and_go_in_quick_succession_miss_nothing(
    store: RedisStore, redis_server: RedisServer, prefix: str
) -> None:
    async with RedisStore(redis_server.url, prefix=prefix) as other:
        rooms, there = Channels(store, "room", Note, linger=0.01), Channels(other, "room", Note)
        last = (await publish(there["7"], 1))[0]
        published = [last]
        received: list[str] = []
        for number in range(2, 60):
            follower = Follower(rooms["7"].subscribe(after=last))
            published += await publish(there["7"], 1, first=number)
            last = (await follower.next()).id or ""
            received.append(last)
            await follower.close()
            if number % 3:
                await asyncio.sleep(0.012 if number % 2 else 0.06)  # about when it goes, and when it has gone
        assert received == published[1:]


async def test_a_crowd_of_channels_is_listened_to_by_commands_of_bounded_size(
    store: RedisStore, redis_server: RedisServer, prefix: str
) -> None:
    rooms = Channels(store, "room", Note)
    followers = [Follower(rooms[str(number)].subscribe()) for number in range(1_000)]
    waiting = [asyncio.create_task(follower.next()) for follower in followers]
    for number in range(1_000):
        await publish(rooms[str(number)], 1, first=number)
    assert numbers(await asyncio.gather(*waiting)) == [*range(1_000)]
    for follower in followers:
        await follower.close()


async def test_an_entry_of_another_program_is_seen_when_it_says_so_or_with_the_next_event(
    store: RedisStore, redis_server: RedisServer, prefix: str
) -> None:
    channel, key = Channel(store, "notes", Note), f"{prefix}channel:notes"
    follower = Follower(channel.subscribe())
    await publish(channel, 1)
    redis_server.add_entry(key, "data", '{"number":2}')
    assert numbers([await follower.next(), await follower.next()]) == [1, 2]
    redis_server.command("XADD", key, "*", "data", '{"number":3}')
    await publish(channel, 1, first=4)
    assert numbers([await follower.next(), await follower.next()]) == [3, 4]
    assert channel.statistics().gaps == 0
    await follower.close()


@pytest.mark.parametrize(
    "message", ["", "x", "-", "1-1 1-2", "1-1 1-2 data", "- 9-9 data\n1", "1-1 1-2 json\n{}", b"\xff \n"]
)
async def test_a_message_that_no_event_stands_behind_is_nothing(
    store: RedisStore, redis_server: RedisServer, prefix: str, message: str | bytes
) -> None:
    channel = Channel(store, "notes", Note)
    follower = Follower(channel.subscribe())
    await publish(channel, 1)
    redis_server.command("PUBLISH", f"{prefix}channel:notes", message)
    await publish(channel, 1, first=2)
    assert numbers([await follower.next(), await follower.next()]) == [1, 2]
    assert channel.statistics().gaps == 0
    await follower.close()


async def test_a_stream_that_is_deleted_and_begins_anew_is_a_gap_for_live_subscribers(
    store: RedisStore, redis_server: RedisServer, prefix: str
) -> None:
    channel, key = Channel(store, "notes", Note), f"{prefix}channel:notes"
    live, slow = Follower(channel.subscribe()), Follower(channel.subscribe())
    old = await publish(channel, 3)
    await live.until(old[-1])
    await slow.next()
    redis_server.command("DEL", key)
    new = await publish(channel, 2, first=4)
    for follower in (live, slow):
        received = await follower.until(new[-1])
        assert [event.event for event in received].count("gap") == 1
        assert numbers(received)[-2:] == [4, 5]
        await follower.close()


async def test_an_entry_that_another_program_deletes_is_missing_for_those_alone_who_had_not_got_it(
    store: RedisStore, redis_server: RedisServer, prefix: str
) -> None:
    channel, key = Channel(store, "notes", Note), f"{prefix}channel:notes"
    live = Follower(channel.subscribe())
    published = await publish(channel, 3)
    await live.until(published[-1])
    redis_server.command("XDEL", key, published[-1])
    published += await publish(channel, 1, first=4)
    assert numbers(await live.until(published[-1])) == [1, 2, 3, 4]
    assert channel.statistics().gaps == 0
    async with RedisStore(redis_server.url, prefix=prefix) as later:
        resumed = Follower(Channel(later, "notes", Note).subscribe(after=published[1]))
        assert (await resumed.next()).data == Gap(published[1], published[2])
        assert numbers([await resumed.next()]) == [4]
        await resumed.close()
    await live.close()


async def test_a_stream_whose_clock_stepped_back_is_a_gap(
    store: RedisStore, redis_server: RedisServer, prefix: str
) -> None:
    channel, key = Channel(store, "notes", Note), f"{prefix}channel:notes"
    live = Follower(channel.subscribe())
    await live.until((await publish(channel, 1))[0])
    redis_server.command("DEL", key)
    redis_server.command("XADD", key, "1-1", "jero-after", "-", "jero-total", "9", "data", '{"number":2}')
    redis_server.command("PUBLISH", key, '- 1-1 data\n{"number":2}')
    assert isinstance((await live.next()).data, Gap)
    new = await publish(channel, 2, first=3)
    assert numbers(await live.until(new[-1])) == [1, 3, 4]
    await live.close()


async def test_a_new_stream_begins_with_an_id_that_nobody_can_have(store: RedisStore) -> None:
    ids = [(await publish(Channel(store, f"notes {number}", Note), 1))[0] for number in range(20)]
    assert len({event_id.partition("-")[2] for event_id in ids}) == 20
    assert "0" not in {event_id.partition("-")[2] for event_id in ids}


async def test_a_subscriber_of_a_stream_that_does_not_exist_waits_for_its_first_event(
    store: RedisStore, redis_server: RedisServer, prefix: str
) -> None:
    async with RedisStore(redis_server.url, prefix=prefix) as other:
        rooms, there = Channels(store, "room", Note), Channels(other, "room", Note)
        empty = format_id((int(time() * 1_000), EMPTY))  # where a client is that knows the channel as empty
        afters = (None, EARLIEST, empty, "1700000000000-5")
        followers = [Follower(rooms["7"].subscribe(after=after)) for after in afters]
        gap = await followers[3].next()
        waiting = [asyncio.create_task(follower.next()) for follower in followers]
        await until(lambda: rooms.statistics().subscribers == 4)
        await asyncio.sleep(0.05)
        published = await publish(there["7"], 2)
        assert numbers(await asyncio.gather(*waiting)) == [1, 1, 1, 1]
        assert gap.data == Gap("1700000000000-5", gap.id or "")
        assert rooms["7"].statistics().gaps == 1
        assert numbers(await Follower(rooms["7"].subscribe(after=gap.id)).until(published[-1]))[-2:] == [1, 2]
        for follower in followers:
            await follower.close()


async def test_a_subscription_with_an_id_that_is_read_after_its_channel_went_has_no_gap(store: RedisStore) -> None:
    rooms = Channels(store, "room", Note, linger=0.05)
    published = await publish(rooms["7"], 3)
    events = rooms["7"].subscribe(after=published[0])
    await until(lambda: rooms.statistics().open == 0)
    assert numbers(await take(events, 2)) == [2, 3]
    assert rooms.statistics().gaps == 0


async def test_an_id_from_before_a_channel_expired_is_a_gap(
    redis_server: RedisServer, store: RedisStore, prefix: str
) -> None:
    async with RedisStore(redis_server.url, prefix=prefix) as other:
        there = Channels(other, "room", Note, keep=0.1)
        old = await publish(there["7"], 3)
        await until(lambda: redis_server.command("EXISTS", f"{prefix}channels:room:7") == b":0\r\n")
        rooms = Channels(store, "room", Note, keep=0.1)
        follower = Follower(rooms["7"].subscribe(after=old[0]))
        assert isinstance((await follower.next()).data, Gap)
        assert numbers(await follower.until((await publish(there["7"], 1, first=4))[0])) == [4]
        await follower.close()


async def test_a_channel_with_a_subscriber_does_not_expire(
    redis_server: RedisServer, store: RedisStore, prefix: str
) -> None:
    rooms = Channels(store, "room", Note, keep=0.3)
    follower = Follower(rooms["7"].subscribe())
    published = await publish(rooms["7"], 1)
    await follower.next()
    await asyncio.sleep(1)
    published += await publish(rooms["7"], 1, first=2)
    assert [event.id for event in await follower.until(published[-1])] == published
    await follower.close()
    await until(lambda: redis_server.command("EXISTS", f"{prefix}channels:room:7") == b":0\r\n")


async def test_databases_of_one_redis_are_separate(redis_server: RedisServer, prefix: str) -> None:
    urls = [f"{redis_server.url[:-1]}{database}" for database in (0, 1)]
    async with RedisStore(urls[0], prefix=prefix) as first, RedisStore(urls[1], prefix=prefix) as second:
        channels = [Channel(store, "notes", Note) for store in (first, second)]
        followers = [Follower(channel.subscribe()) for channel in channels]
        for number in range(10):
            await asyncio.gather(*(publish(channel, 1, first=number) for channel in channels))
        for follower in followers:
            assert numbers([await follower.next() for _ in range(10)]) == [*range(10)]
            await follower.close()


async def test_redis_keeps_no_more_bytes_than_history_bytes(
    redis_server: RedisServer, store: RedisStore, prefix: str
) -> None:
    channel = Channel(store, "notes", Note, history_bytes=100_000)
    for number in range(100):
        await channel.publish(Note(number, "x" * (10_000 if number % 2 else 10)))
    received = await take(channel.subscribe(after=EARLIEST), 18)
    assert numbers(received) == [*range(82, 100)]
    assert redis_server.command("XLEN", f"{prefix}channel:notes") == b":18\r\n"
    await channel.publish(Note(100, "x" * 200_000))
    assert redis_server.command("XLEN", f"{prefix}channel:notes") == b":1\r\n"


async def test_entries_of_other_programs_count_as_bytes_too(
    redis_server: RedisServer, store: RedisStore, prefix: str
) -> None:
    channel, key = Channel(store, "notes", Note, history_bytes=100_000), f"{prefix}channel:notes"
    for number in range(50):
        redis_server.command("XADD", key, "*", "data", f'{{"number":{number},"text":"{"x" * 9_900}"}}')
    await publish(channel, 1, first=50)
    assert redis_server.command("XLEN", key) == b":10\r\n"
    redis_server.command("XADD", key, "*", "data", '{"number":51}')
    await publish(channel, 1, first=52)
    assert redis_server.command("XLEN", key) == b":12\r\n"


async def test_another_redis_that_may_have_lost_events_is_a_gap(mortal_server: RedisServer) -> None:
    async with RedisStore(mortal_server.url) as store:
        channel = Channel(store, "notes", Note)
        live, slow = Follower(channel.subscribe()), Follower(channel.subscribe())
        published = await publish(channel, 3)
        await live.until(published[-1])
        await slow.next()
        mortal_server.kill()
        mortal_server.start()
        gap = await live.next()
        assert gap.data == Gap(published[-1], gap.id or "")
        assert gap.id in published  # up to the last event that this Redis has
        newest = (await publish(channel, 2, first=4))[-1]
        for follower in (live, slow):
            received = await follower.until(newest)
            assert [event.event for event in received].count("gap") == 1
            assert numbers(received) == [1, 2, 3, 4, 5]
            await follower.close()


async def test_a_connection_that_is_lost_alone_is_no_gap(mortal_server: RedisServer, proxy: Proxy) -> None:
    async with RedisStore(proxy.url) as store, RedisStore(mortal_server.url) as other:
        rooms, there = Channels(store, "room", Note), Channels(other, "room", Note)
        names = [str(number) for number in range(300)]
        followers = [Follower(rooms[name].subscribe()) for name in names]
        waiting = [asyncio.create_task(follower.next()) for follower in followers]
        for name in names:
            await publish(there[name], 1)
        assert numbers(await asyncio.gather(*waiting)) == [1] * len(names)
        proxy.is_down = True
        proxy.cut()
        for name in names[::3]:
            await publish(there[name], 2, first=2)
        proxy.is_down = False
        for follower in followers[::3]:
            assert numbers([await follower.next(), await follower.next()]) == [2, 3]
        for name, follower in zip(names, followers, strict=True):
            await publish(there[name], 1, first=4)
            assert numbers([await follower.next()]) == [4]
            await follower.close()
        assert rooms.statistics().gaps == 0


RULES = """
~{prefix}* ~{{{prefix}* &{prefix}* -@all +evalsha +script +get +set +del +exists +time +xadd +xrange +xrevrange +xtrim
+xinfo +pexpire +publish +subscribe +unsubscribe +ping +info +config|get
"""


async def test_a_user_with_the_rules_of_the_page_may_do_everything(mortal_server: RedisServer, prefix: str) -> None:
    rules = RULES.format(prefix=prefix).split()
    assert mortal_server.command("ACL", "SETUSER", "jero", "on", ">secret", *rules) == b"+OK\r\n"
    url = mortal_server.url.replace("redis://", "redis://jero:secret@")
    async with RedisStore(url, prefix=prefix) as store:
        rooms = Channels(store, "room", Note, keep=0.3, linger=0.05, history_bytes=1_000)
        follower = Follower(rooms["7"].subscribe())
        published: list[str] = []
        for number in range(20):
            published += await publish(rooms["7"], 1, first=number)
            await follower.next()
        await asyncio.sleep(0.5)  # longer than it is kept unless the expiry is renewed
        assert numbers(await take(rooms["7"].subscribe(after=published[-2]), 1)) == [19]
        await follower.close()
        await until(lambda: rooms.statistics().open == 0)
    assert b"NOPERM" not in mortal_server.command("INFO", "errorstats")


async def test_each_lost_connection_is_a_gap_if_redis_may_not_be_asked_which_one_it_is(
    mortal_server: RedisServer, prefix: str
) -> None:
    rules = [rule for rule in RULES.format(prefix=prefix).split() if "info" not in rule or rule == "+xinfo"]
    assert mortal_server.command("ACL", "SETUSER", "jero", "on", ">secret", *rules) == b"+OK\r\n"
    url = mortal_server.url.replace("redis://", "redis://jero:secret@")
    async with RedisStore(url, prefix=prefix) as store:
        channel = Channel(store, "notes", Note)
        follower = Follower(channel.subscribe())
        await publish(channel, 1)
        assert numbers([await follower.next()]) == [1]
        for _ in range(2):
            mortal_server.command("CLIENT", "KILL", "TYPE", "pubsub")
            assert isinstance((await follower.next()).data, Gap)
        await follower.close()


async def test_a_restart_alone_is_a_gap_if_redis_may_not_be_asked_for_its_settings(
    durable_server: RedisServer, prefix: str
) -> None:
    rules = [rule for rule in RULES.format(prefix=prefix).split() if rule != "+config|get"]

    def allow() -> None:
        assert durable_server.command("ACL", "SETUSER", "jero", "on", ">secret", *rules) == b"+OK\r\n"

    allow()
    url = durable_server.url.replace("redis://", "redis://jero:secret@")
    async with RedisStore(url, prefix=prefix) as store:
        channel = Channel(store, "notes", Note)
        follower = Follower(channel.subscribe())
        await publish(channel, 1)
        assert numbers([await follower.next()]) == [1]
        for number in (2, 3):
            durable_server.command("CLIENT", "KILL", "TYPE", "pubsub")
            await publish(channel, 1, first=number)
            assert numbers([await follower.next()]) == [number]
        durable_server.kill()
        durable_server.start()
        allow()
        assert isinstance((await follower.next()).data, Gap)
        await follower.close()
