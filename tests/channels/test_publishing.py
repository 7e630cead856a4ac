"""Publishing while the store works: what `publish` accepts and refuses, and when it returns."""

import asyncio
from enum import Enum

import pytest
from msgspec import Raw, Struct
from msgspec.json import Encoder

from jero import ServiceUnavailable, WiringError
from jero.channels import Channel, ChannelUnavailable, MemoryStore, RedisStore, Store
from tests.channels.reading import Note, numbers, publish, take, until
from tests.ports import free_port


class Colour(Enum):
    RED = "red"


class Priced(Struct):
    price: complex


async def test_an_earlier_event_is_replayed(store: Store) -> None:
    channel = Channel(store, "notes", Note)
    first = await channel.publish(Note(1))
    await channel.publish(Note(2))
    assert numbers(await take(channel.subscribe(after=first), 1)) == [2]


async def test_an_enum_is_encoded_as_json(store: Store) -> None:
    channel = Channel(store, "colours", Colour)
    events = channel.subscribe()
    await channel.publish(Colour.RED)
    assert (await take(events, 1))[0].data is Colour.RED


async def test_line_breaks_in_raw_json_do_not_break_the_event(store: Store) -> None:
    channel = Channel(store, "raw", Raw)
    events = channel.subscribe()
    await channel.publish(Raw(b'{"a":\r\n1}'))
    await channel.publish(Raw(b"2"))
    assert [bytes(event.data) for event in await take(events, 2) if isinstance(event.data, Raw)] == [b'{"a":  1}', b"2"]


async def test_the_encoder_of_a_channel_encodes_other_types(store: Store) -> None:
    channel = Channel(store, "prices", Priced, encoder=Encoder(enc_hook=str))
    event_id = await channel.publish(Priced(1j))
    assert event_id


@pytest.mark.parametrize("event", ["a\nb", "a\rb", "a\0b", "gap"])
async def test_an_event_type_that_cannot_be_sent_is_refused(store: Store, event: str) -> None:
    channel = Channel(store, "notes", Note)
    with pytest.raises(ValueError, match="event="):
        await channel.publish(Note(1), event=event)
    assert channel.statistics().published == 0


@pytest.mark.parametrize("data", [b"bytes", bytearray(b"bytes"), object()])
async def test_data_without_a_json_form_is_refused(store: Store, data: object) -> None:
    channel = Channel(store, "anything", object)
    with pytest.raises(TypeError):
        await channel.publish(data)
    assert channel.statistics().published == 0


async def test_a_closed_store_refuses_events_and_ends_subscriptions(store: Store) -> None:
    channel = Channel(store, "notes", Note)
    await channel.publish(Note(1))
    events = channel.subscribe()
    await store.__aexit__(None, None, None)
    assert [event async for event in events] == []
    with pytest.raises(ChannelUnavailable) as unavailable:
        await channel.publish(Note(2))
    assert isinstance(unavailable.value, ServiceUnavailable)


@pytest.mark.parametrize(("name", "history", "publish_timeout"), [("", 1, 1.0), ("notes", 0, 1.0), ("notes", 1, 0.0)])
async def test_a_channel_with_invalid_arguments_is_refused(
    store: Store, name: str, history: int, publish_timeout: float
) -> None:
    with pytest.raises(ValueError, match=r"Channel\("):
        Channel(store, name, Note, history=history, publish_timeout=publish_timeout)


async def test_channels_of_one_name_need_the_same_history(store: Store) -> None:
    Channel(store, "notes", Note, history=10)
    with pytest.raises(WiringError, match="history=10"):
        Channel(store, "notes", Note, history=11)


@pytest.mark.parametrize("store_class", [MemoryStore, lambda: RedisStore("redis://localhost")])
async def test_a_channel_in_a_closed_store_is_refused(store_class: type[MemoryStore]) -> None:
    with pytest.raises(WiringError, match="Enter it in _wire"):
        Channel(store_class(), "notes", Note)


async def test_entering_a_store_twice_is_refused(store: Store) -> None:
    with pytest.raises(WiringError, match="twice"):
        await store.__aenter__()


async def test_entering_a_store_fails_if_redis_does_not_answer() -> None:
    with pytest.raises(ChannelUnavailable, match="does not answer"):
        async with RedisStore(f"redis://127.0.0.1:{free_port()}"):
            raise AssertionError


async def test_closing_the_store_ends_a_subscriber_that_waits(store: Store) -> None:
    channel = Channel(store, "notes", Note)
    await channel.publish(Note(1))
    waiting = asyncio.create_task(take(channel.subscribe(), 1))
    await until(lambda: channel.statistics().subscribers == 1)
    await asyncio.sleep(0)
    await store.__aexit__(None, None, None)
    assert await waiting == []


async def test_statistics_count_what_happened(store: Store) -> None:
    channel = Channel(store, "notes", Note, history=10)
    before = channel.statistics()
    assert (before.subscribers, before.kept, before.last_id, before.published) == (0, 0, None, 0)
    events = channel.subscribe()
    published = await publish(channel, 12)
    await take(events, 1)
    await take(channel.subscribe(after=published[-3]), 2)
    statistics = channel.statistics()
    assert statistics.last_id == published[-1]
    assert (statistics.subscribers, statistics.kept, statistics.published) == (0, 10, 12)
    assert statistics.delivered >= 2
    with pytest.raises(AttributeError):
        setattr(statistics, "kept", 3)  # noqa: B010 - a type checker refuses a plain assignment, as it should


async def test_channels_of_one_name_share_their_counters(store: Store) -> None:
    channel, same, other = (Channel(store, name, Note) for name in ("notes", "notes", "others"))
    events = same.subscribe(after=await channel.publish(Note(1)))
    await channel.publish(Note(2))
    await take(events, 1)
    assert same.statistics() == channel.statistics()
    assert (channel.statistics().published, channel.statistics().delivered) == (2, 1)
    assert other.statistics().published == 0
