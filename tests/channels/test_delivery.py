"""Delivery: ids are in order, and each subscriber gets each event once, from its place on."""

import asyncio

import pytest

from jero import ServerSentEvent
from jero.channels import Channel, Store
from tests.channels.reading import Follower, Note, numbers, order, publish, take, until


@pytest.fixture
def channel(store: Store) -> Channel[Note]:
    return Channel(store, "notes", Note, history=1_000)


async def test_ids_are_in_order_and_unique(channel: Channel[Note]) -> None:
    first = channel.subscribe()
    published = await publish(channel, 300)
    assert published == sorted(set(published), key=order)
    assert [event.id for event in await take(first, 300)] == published


async def test_an_event_is_what_was_published(channel: Channel[Note]) -> None:
    events = channel.subscribe()
    event_id = await channel.publish(Note(1, "one\ntwo\u2028three"), event="note.made")
    assert await take(events, 1) == [
        ServerSentEvent(id=event_id, event="note.made", data=Note(1, "one\ntwo\u2028three"))
    ]


async def test_data_is_encoded_when_it_is_published(channel: Channel[Note]) -> None:
    events = channel.subscribe()
    note = Note(1)
    await channel.publish(note)
    note.number = 2
    assert numbers(await take(events, 1)) == [1]


@pytest.mark.parametrize("text", ["one", "one\ntwo", "a\r\nb\rc", "", '"quoted"', " \u2028"])
async def test_text_arrives_unchanged(store: Store, text: str) -> None:
    channel = Channel(store, "texts", str)
    events = channel.subscribe()
    await channel.publish(text)
    assert [event.data for event in await take(events, 1)] == [text]


async def test_a_subscription_without_an_id_begins_now(channel: Channel[Note]) -> None:
    await publish(channel, 3)
    events = channel.subscribe()
    await publish(channel, 2, first=4)
    assert numbers(await take(events, 2)) == [4, 5]


async def test_a_subscription_with_an_empty_id_begins_now(channel: Channel[Note]) -> None:
    await publish(channel, 3)
    events = channel.subscribe(after="")
    await publish(channel, 1, first=4)
    assert numbers(await take(events, 1)) == [4]


async def test_an_event_between_subscribing_and_reading_is_received(channel: Channel[Note]) -> None:
    first = Follower(channel.subscribe())
    await publish(channel, 1)
    await first.next()
    later = channel.subscribe()
    await publish(channel, 1, first=2)
    await first.next()
    assert numbers(await take(later, 1)) == [2]


@pytest.mark.parametrize("index", [0, 1, 50, 98])
async def test_after_is_exclusive(channel: Channel[Note], index: int) -> None:
    published = await publish(channel, 100)
    received = await take(channel.subscribe(after=published[index]), 99 - index)
    assert [event.id for event in received] == published[index + 1 :]


async def test_a_subscription_after_the_newest_event_gets_the_next(channel: Channel[Note]) -> None:
    published = await publish(channel, 3)
    events = channel.subscribe(after=published[-1])
    await publish(channel, 1, first=4)
    assert numbers(await take(events, 1)) == [4]


async def test_a_subscription_can_be_read_again_from_its_place(channel: Channel[Note]) -> None:
    events = channel.subscribe()
    await publish(channel, 3)
    assert await take(events, 3) == await take(events, 3)


async def test_channels_of_a_store_are_separate(store: Store, channel: Channel[Note]) -> None:
    other = Channel(store, "others", Note)
    events, others = channel.subscribe(), other.subscribe()
    await publish(channel, 2)
    await publish(other, 2, first=10)
    assert numbers(await take(events, 2)) == [1, 2]
    assert numbers(await take(others, 2)) == [10, 11]


async def test_channels_of_one_name_share_their_events(store: Store, channel: Channel[Note]) -> None:
    events = Channel(store, "notes", Note, history=1_000).subscribe()
    await publish(channel, 2)
    assert numbers(await take(events, 2)) == [1, 2]


async def test_a_thousand_subscribers_receive_the_same_events(channel: Channel[Note]) -> None:
    reading = [asyncio.create_task(take(channel.subscribe(), 30)) for _ in range(1_000)]
    await until(lambda: channel.statistics().subscribers == 1_000)
    published = await publish(channel, 10)
    published += await asyncio.gather(*(channel.publish(Note(number)) for number in range(11, 31)))
    for received in await asyncio.gather(*reading):
        assert [event.id for event in received] == sorted(published, key=order)
    assert channel.statistics().subscribers == 0


async def test_subscribers_that_come_and_go_do_not_disturb_the_rest(channel: Channel[Note]) -> None:
    stays = Follower(channel.subscribe())
    published: list[str] = []
    for number in range(1, 51):
        leaves = asyncio.create_task(take(channel.subscribe(), 10))
        comes = Follower(channel.subscribe())
        await until(lambda: channel.statistics().subscribers >= 1)
        published += await publish(channel, 1, first=number)
        assert numbers([await comes.next()]) == [number]
        leaves.cancel()
        await comes.close()
    assert numbers(await stays.until(published[-1])) == list(range(1, 51))
