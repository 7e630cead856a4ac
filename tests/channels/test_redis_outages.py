"""Failures of Redis: an outage delays events, but no event is lost, and none comes twice."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from jero.channels import Channel, Channels, ChannelUnavailable, Gap, RedisStore, redis_listener, subscribe
from tests.channels.proxy import Proxy
from tests.channels.reading import PATIENCE, Follower, Note, check_accounted, numbers, order, publish, take, until
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program

pytestmark = needs_program("redis-server")


@pytest.fixture
async def proxy(mortal_server: RedisServer) -> AsyncGenerator[Proxy, None]:
    async with Proxy(mortal_server.port) as proxy:
        yield proxy


async def test_acknowledged_events_survive_a_kill(durable_server: RedisServer) -> None:
    async with RedisStore(durable_server.url) as store:
        channel = Channel(store, "notes", Note)
        followers = [Follower(channel.subscribe()) for _ in range(10)]
        first = await publish(channel, 20)
        for follower in followers:
            await follower.next()
        durable_server.kill()
        waiting = asyncio.create_task(publish(channel, 5, first=21))
        await asyncio.sleep(0)
        durable_server.start()
        published = first + await waiting
        for follower in followers:
            assert [event.id for event in await follower.until(published[-1])] == published
            assert numbers(follower.received) == list(range(1, 26))


async def test_an_outage_and_its_end_are_logged_once(
    mortal_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    def messages() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "jero.channels"]

    async with RedisStore(mortal_server.url) as store:
        channels = [Channel(store, name, Note, publish_timeout=0.3) for name in ("a", "b")]
        for channel in channels:
            await publish(channel, 1)
        for _ in range(2):
            caplog.clear()
            mortal_server.kill()
            await until(lambda: len(messages()) == 1)
            with pytest.raises(ChannelUnavailable):
                await publish(channels[0], 1)
            assert len(messages()) == 1
            assert "does not answer" in messages()[0]
            mortal_server.start()
            await until(lambda: len(messages()) == 2)
            assert "answers again" in messages()[1]


async def test_a_redis_that_stops_answering_makes_the_channel_unavailable(mortal_server: RedisServer) -> None:
    async with RedisStore(mortal_server.url) as store:
        channel = Channel(store, "notes", Note, publish_timeout=0.4)
        follower = Follower(channel.subscribe())
        published = await publish(channel, 1)
        mortal_server.stop_answering()
        try:
            began = asyncio.get_running_loop().time()
            with pytest.raises(ChannelUnavailable) as unavailable:
                await publish(channel, 1, first=2)
            assert 0.3 < asyncio.get_running_loop().time() - began < 5
        finally:
            mortal_server.answer_again()
        assert (unavailable.value.status, unavailable.value.type) == (503, "channel-unavailable")
        await until_published(channel, 3)
        while follower.received[-1:] == [] or numbers(follower.received)[-1] != 3:
            await follower.next()
        assert numbers(follower.received) in ([1, 3], [1, 2, 3])
        assert follower.received[0].id == published[0]


async def until_published(channel: Channel[Note], number: int) -> str:
    """Publishes a note as soon as Redis takes it. Returns its id."""
    while True:
        try:
            return await channel.publish(Note(number))
        except ChannelUnavailable:
            continue


async def test_a_new_subscription_begins_after_published_events_that_are_not_read_yet(proxy: Proxy) -> None:
    async with RedisStore(proxy.url) as store:
        channel = Channel(store, "notes", Note)
        proxy.held = b'"number"'  # only the entries contain it, not the acknowledgements
        await publish(channel, 3)
        events = channel.subscribe()
        proxy.release()
        await publish(channel, 1, first=4)
        assert numbers(await take(events, 1)) == [4]


async def test_a_subscription_begins_when_it_was_made_although_redis_has_not_answered_yet(
    mortal_server: RedisServer, proxy: Proxy
) -> None:
    async with RedisStore(proxy.url) as late, RedisStore(mortal_server.url) as other:
        there = Channel(other, "notes", Note)
        await publish(there, 3)
        await asyncio.sleep(0.02)  # "now" is known to some milliseconds
        proxy.is_down = True
        proxy.cut()
        here = Channel(late, "notes", Note)
        first, read_later = here.subscribe(), here.subscribe()
        await publish(there, 2, first=4)
        await asyncio.sleep(0.02)
        second = here.subscribe()
        await publish(there, 1, first=6)
        proxy.is_down = False
        assert numbers(await take(first, 3)) == [4, 5, 6]
        assert numbers(await take(second, 1)) == [6]
        await publish(here, 1, first=7)
        assert numbers(await take(read_later, 4)) == [4, 5, 6, 7]


async def test_a_subscription_misses_nothing_although_more_was_published_meanwhile_than_is_loaded(
    mortal_server: RedisServer, proxy: Proxy
) -> None:
    async with RedisStore(proxy.url) as late, RedisStore(mortal_server.url) as other:
        there = Channel(other, "notes", Note)
        await publish(there, 10, first=-9)
        await asyncio.sleep(0.02)
        proxy.is_down = True
        proxy.cut()
        here = Channel(late, "notes", Note, history=20)
        first = here.subscribe()
        await publish(there, 100)
        proxy.is_down = False
        assert numbers(await take(first, 100)) == [*range(1, 101)]
        assert here.statistics().gaps == 0


async def test_a_subscription_has_a_gap_if_events_were_dropped_before_it_could_begin(
    mortal_server: RedisServer, proxy: Proxy
) -> None:
    async with RedisStore(proxy.url) as late, RedisStore(mortal_server.url) as other:
        here, there = (Channel(store, "notes", Note, history=20) for store in (late, other))
        await publish(there, 10, first=-9)
        await asyncio.sleep(0.02)
        proxy.is_down = True
        proxy.cut()
        first = Follower(here.subscribe())
        published = await publish(there, 500)
        proxy.is_down = False
        assert (await first.next()).event == "gap"
        assert numbers(await first.until(published[-1]))[-20:] == [*range(481, 501)]
        await first.close()


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_an_invalid_heartbeat_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="heartbeat="):
        RedisStore("redis://localhost", heartbeat=wrong)


async def test_a_connection_that_is_lost_without_a_sign_is_noticed(mortal_server: RedisServer, proxy: Proxy) -> None:
    async with RedisStore(proxy.url, heartbeat=0.2) as store, RedisStore(mortal_server.url) as other:
        here, there = (Channel(each, "notes", Note) for each in (store, other))
        events = Follower(here.subscribe())
        published = await publish(here, 1)
        await events.next()
        proxy.swallow()
        published += await publish(there, 1, first=2)
        published += await publish(here, 1, first=3)
        assert [event.id for event in await events.until(published[-1])] == published


async def test_new_subscriptions_do_not_wait_for_a_sign_of_life(
    mortal_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_listener, "ATTEMPT_SECONDS", 3 * PATIENCE)
    async with RedisStore(mortal_server.url, heartbeat=0.01) as store:
        await asyncio.sleep(0.1)
        for name in "abc":
            follower = Follower(Channel(store, name, Note).subscribe())
            await publish(Channel(store, name, Note), 1)
            assert numbers([await follower.next()]) == [1]
            await follower.close()
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("times", [1, 3])
async def test_an_event_whose_answer_is_lost_is_stored_once(proxy: Proxy, times: int) -> None:
    async with RedisStore(proxy.url) as store:
        channel = Channel(store, "notes", Note)
        follower = Follower(channel.subscribe())
        published = await publish(channel, 1)
        for number in range(2, 2 + times):
            proxy.is_mute = True
            proxy.answers_lost.clear()
            publishing = asyncio.create_task(channel.publish(Note(number)))
            await proxy.answers_lost.wait()
            proxy.is_mute = False
            proxy.cut()
            published.append(await publishing)
        published += await publish(channel, 1, first=10)
        assert [event.id for event in await follower.until(published[-1])] == published
        assert numbers(follower.received) == [*range(1, 2 + times), 10]


async def test_a_connection_that_is_cut_again_and_again_loses_nothing(proxy: Proxy) -> None:
    async with RedisStore(proxy.url) as store:
        channel = Channel(store, "notes", Note, publish_timeout=20)
        reading = [asyncio.create_task(take(channel.subscribe(), 200)) for _ in range(10)]
        published: list[str] = []
        for round_ in range(10):
            publishing = [asyncio.create_task(channel.publish(Note(round_))) for _ in range(20)]
            await asyncio.sleep(0)
            proxy.cut()
            published += await asyncio.gather(*publishing)
        assert len(set(published)) == 200
        for received in await asyncio.gather(*reading):
            assert {event.id for event in received} == set(published)


async def test_events_dropped_in_an_outage_are_a_gap(mortal_server: RedisServer, proxy: Proxy) -> None:
    async with RedisStore(proxy.url) as cut_off, RedisStore(mortal_server.url) as other:
        here, there = (Channel(store, "notes", Note, history=20) for store in (cut_off, other))
        live, slow = Follower(here.subscribe(after="0-0")), Follower(here.subscribe(after="0-0"))
        published = await publish(there, 3)
        await live.until(published[-1])
        await slow.next()
        proxy.is_mute = True
        published += await publish(there, 500, first=4)
        proxy.is_mute = False
        proxy.cut()
        for follower in (live, slow):
            received = await follower.until(published[-1])
            assert [event.event for event in received].count("gap") == 1
            check_accounted(published, received, "0-0")
        assert here.statistics().gaps == 2


async def test_events_that_redis_drops_before_they_arrive_are_not_lost(
    mortal_server: RedisServer, proxy: Proxy
) -> None:
    async with RedisStore(proxy.url) as delayed, RedisStore(mortal_server.url) as other:
        here, there = (Channel(store, "notes", Note, history=20) for store in (delayed, other))
        live = Follower(here.subscribe(after="0-0"))
        published = await publish(there, 1)
        await live.next()
        proxy.held = b'"number"'
        published += await publish(there, 500, first=2)
        proxy.release()
        received = await live.until(published[-1])
        assert [event.id for event in received] == published


async def test_data_lost_by_redis_is_a_gap(mortal_server: RedisServer, proxy: Proxy) -> None:
    async with RedisStore(proxy.url) as store:
        channel = Channel(store, "notes", Note)
        live, slow = Follower(channel.subscribe()), Follower(channel.subscribe())
        old = await publish(channel, 5)
        await live.until(old[-1])
        await slow.next()
        proxy.is_mute = True
        mortal_server.command("FLUSHALL")
        proxy.is_mute = False
        proxy.cut()
        assert (await live.next()).event == "gap"
        new = await publish(channel, 2, first=6)
        assert numbers(await live.until(new[-1])) == [1, 2, 3, 4, 5, 6, 7]
        await slow.until(new[-1])
        check_accounted([*old, *new], slow.received, "0-0")
        assert numbers(slow.received)[-2:] == [6, 7]


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_channel_that_began_and_expired_in_an_outage_is_a_gap(
    mortal_server: RedisServer, proxy: Proxy, *, is_known: bool
) -> None:
    async with RedisStore(proxy.url) as cut_off, RedisStore(mortal_server.url) as other:
        here, there = (Channels(store, "room", Note, keep=0.05) for store in (cut_off, other))
        if not is_known:
            proxy.is_down = True
            proxy.cut()
        live = Follower(subscribe(here["7"], here["8"]))
        waiting = asyncio.create_task(live.next())
        if is_known:
            await until(lambda: here.statistics().subscribers == 2)
            await publish(here["8"], 1)
            await waiting  # each channel is known to be empty
            proxy.is_down = True
            proxy.cut()
            waiting = asyncio.create_task(live.next())
        missed = (await publish(there["7"], 1))[0]
        await until(lambda: mortal_server.command("EXISTS", "jero:channels:room:7") == b":0\r\n")
        proxy.is_down = False
        await waiting
        while not any(isinstance(event.data, Gap) and covers(event.data, here["7"], missed) for event in live.received):
            await live.next()
        await publish(there["7"], 1, first=2)
        while 2 not in numbers(live.received):
            await live.next()
        await live.close()


def covers(gap: Gap, channel: Channel[Note], event_id: str) -> bool:
    """Returns whether a gap of several channels covers an event of this one."""
    after, resumed_at = (
        next(order(part.partition(":")[2]) for part in position.split(",") if part.startswith(channel.digest))
        for position in (gap.after, gap.resumed_at)
    )
    return after < order(event_id) <= resumed_at
