"""An error in jero itself while it adds an event: it is logged, a gap covers the event, and other channels go on."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from uuid import uuid4

import pytest

from jero.channels import Channel, Gap, RedisStore
from jero.channels.entry import EntryReader
from jero.channels.event import Payload
from tests.channels.proxy import Proxy
from tests.channels.reading import Follower, Note, numbers, publish, take
from tests.channels.redis_server import RedisServer
from tests.programs import needs_program

pytestmark = needs_program("redis-server")


@pytest.fixture
async def proxy(redis_server: RedisServer) -> AsyncGenerator[Proxy, None]:
    async with Proxy(redis_server.port) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: Proxy) -> AsyncGenerator[RedisStore, None]:
    async with RedisStore(proxy.url, prefix=f"{uuid4()}:") as store:
        yield store


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Returns the numbers of notes that cannot be read; each raises an error once."""
    faults: list[int] = []
    read = EntryReader.read

    def fail(reader: EntryReader, fields: Sequence[bytes]) -> Payload:
        payload = read(reader, fields)
        for number in faults:
            if b'"number":%d,' % number in payload.data:
                faults.remove(number)
                raise RuntimeError("a fault of the test")
        return payload

    monkeypatch.setattr(EntryReader, "read", fail)
    return faults


async def check_recovery(channel: Channel[Note], follower: Follower, first: int) -> None:
    """Checks that a gap comes next, and then what is published after it."""
    while numbers(follower.received)[-1:] != [first]:
        last = await follower.next()
        if isinstance(last.data, Gap):
            await publish(channel, 1, first=first)
    assert channel.statistics().gaps == 1
    await follower.close()


async def test_a_message_that_cannot_be_added_is_a_gap(
    store: RedisStore, faults: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    channel, other = Channel(store, "notes", Note), Channel(store, "other", Note)
    follower, beside = Follower(channel.subscribe()), Follower(other.subscribe())
    await follower.until(*await publish(channel, 1))
    await beside.until(*await publish(other, 1))
    faults.append(2)
    await publish(channel, 1, first=2)
    await check_recovery(channel, follower, 3)
    await beside.until(*await publish(other, 1, first=2))
    assert numbers(beside.received) == [1, 2]
    assert "a fault of the test" in caplog.text
    assert "does not answer" not in caplog.text
    await beside.close()


@pytest.mark.parametrize(
    "page",  # the history, the note that raises an error, and where
    [(1_000, 3, "in take"), (4, 30, "in _drain")],  # a small ring lets events in one by one, as they have their turn
)
async def test_an_event_of_a_page_that_cannot_be_added_is_a_gap(
    store: RedisStore,
    redis_server: RedisServer,
    proxy: Proxy,
    faults: list[int],
    caplog: pytest.LogCaptureFixture,
    page: tuple[int, int, str],
) -> None:
    history, fault, place = page
    channel, other = Channel(store, "notes", Note, history=history), Channel(store, "other", Note)
    follower, beside = Follower(channel.subscribe()), Follower(other.subscribe())
    await follower.until(*await publish(channel, 1))
    await beside.until(*await publish(other, 1))
    proxy.is_down = True
    proxy.cut()
    async with RedisStore(redis_server.url, prefix=store.prefix) as elsewhere:
        await publish(Channel(elsewhere, "notes", Note, history=history), 39, first=2)
    faults.append(fault)
    proxy.is_down = False
    await beside.until(*await publish(other, 1, first=2))
    await check_recovery(channel, follower, 41)
    assert numbers(beside.received) == [1, 2]
    assert place in caplog.text
    assert "a fault of the test" in caplog.text
    await beside.close()


async def test_a_channel_that_cannot_be_loaded_at_once_is_loaded_later(store: RedisStore, faults: list[int]) -> None:
    channel, other = Channel(store, "notes", Note), Channel(store, "other", Note)
    first, *_ = await publish(channel, 3)
    faults.append(2)
    loading = asyncio.create_task(take(channel.subscribe(after=first), 2))
    beside = Follower(other.subscribe())
    await beside.until(*await publish(other, 1))
    assert numbers(await loading) == [2, 3]
    await beside.close()
