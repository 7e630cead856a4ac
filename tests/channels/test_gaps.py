"""Gaps: a subscriber learns what it has missed, and an id from elsewhere never stands for a place in this channel."""

from collections.abc import Callable

import pytest

from jero import BadRequest
from jero.channels import Channel, Gap, Store
from tests.channels.reading import Follower, Note, check_accounted, numbers, order, publish, take

HISTORY = 50
# Redis drops about a hundred entries at a time, so it keeps more than `HISTORY`.
MANY = 500


@pytest.fixture
def channel(store: Store) -> Channel[Note]:
    return Channel(store, "notes", Note, history=HISTORY)


async def test_a_subscriber_that_resumes_too_late_gets_one_gap_and_continues(channel: Channel[Note]) -> None:
    published = await publish(channel, MANY)
    follower = Follower(channel.subscribe(after=published[0]))
    received = await follower.until(published[-1])
    gap, *rest = received
    assert (gap.event, gap.data) == ("gap", Gap(published[0], gap.id or ""))
    assert len(rest) >= HISTORY
    assert [event.id for event in rest] == published[-len(rest) :]
    check_accounted(published, received, published[0])


async def test_a_subscriber_that_resumes_after_a_gap_continues_behind_it(channel: Channel[Note]) -> None:
    published = await publish(channel, MANY)
    gap, first = await take(channel.subscribe(after=published[0]), 2)
    (again,) = await take(channel.subscribe(after=gap.id), 1)
    assert again == first


async def test_a_subscriber_that_falls_behind_gets_a_gap(channel: Channel[Note]) -> None:
    published = await publish(channel, 1)
    slow = Follower(channel.subscribe(after=published[0]))
    published += await publish(channel, 2, first=2)
    await slow.next()
    published += await publish(channel, MANY, first=4)
    received = await slow.until(published[-1])
    assert [event.event for event in received].count("gap") == 1
    check_accounted(published, received, published[0])


async def test_only_the_subscriber_that_falls_behind_gets_a_gap(channel: Channel[Note]) -> None:
    fast, slow = Follower(channel.subscribe()), Follower(channel.subscribe())
    published = await publish(channel, 1)
    await slow.next()
    for number in range(2, MANY):
        published += await publish(channel, 1, first=number)
        await fast.until(published[-1])
    assert numbers(fast.received) == list(range(1, MANY))
    await slow.until(published[-1])
    check_accounted(published, slow.received[1:], published[0])
    assert channel.statistics().gaps == 1


async def test_no_gap_comes_while_every_event_is_kept(channel: Channel[Note]) -> None:
    published = await publish(channel, HISTORY)
    assert numbers(await take(channel.subscribe(after=published[0]), HISTORY - 1)) == list(range(2, HISTORY + 1))


async def test_an_id_newer_than_every_event_is_a_gap_or_refused(channel: Channel[Note]) -> None:
    published = await publish(channel, 2)
    run, _ = published[-1].split("-")
    assert order(published[0]) < order(published[1])
    try:
        events = channel.subscribe(after=f"{run}-999999999")
    except BadRequest:
        return
    (gap,) = await take(events, 1)
    assert isinstance(gap.data, Gap)


@pytest.mark.parametrize(
    "after",
    ["x", "1", "-", "1-", "-1", "1-1-1", "1-1 ", " 1-1", "1-01", "1-\u0661", "1-1\n", "g-1", "9" * 40 + "-1", "*"],
)
async def test_a_malformed_id_is_refused_at_once(channel: Channel[Note], after: str) -> None:
    with pytest.raises(BadRequest) as refused:
        channel.subscribe(after=after)
    assert str(refused.value) == "Last-Event-ID is not an event id of this channel: it is malformed."


async def test_the_largest_id_of_redis_is_refused(channel: Channel[Note]) -> None:
    with pytest.raises(BadRequest):
        channel.subscribe(after=f"{2**64 - 1}-{2**64 - 1}")


async def test_an_id_of_another_channel_opens_nothing_of_that_channel(store: Store, channel: Channel[Note]) -> None:
    other = Channel(store, "others", Note)
    theirs = await publish(other, 3, first=100)
    events = channel.subscribe(after=theirs[0])
    published = await publish(channel, 3)
    received = await Follower(events).until(published[-1])
    assert set(numbers(received)) <= {1, 2, 3}


@pytest.mark.parametrize("make_store", ["memory"], indirect=True)
async def test_an_id_from_before_a_restart_is_a_gap(make_store: Callable[[], Store]) -> None:
    async with make_store() as store:
        old = await publish(Channel(store, "notes", Note), 5)
    async with make_store() as store:
        channel = Channel(store, "notes", Note)
        assert (await take(channel.subscribe(after=old[0]), 1))[0].event == "gap"
        published = await publish(channel, 3)
        received = await take(channel.subscribe(after=old[2]), 4)
    assert received[0].event == "gap"
    assert isinstance(received[0].data, Gap)
    assert received[0].data == Gap(old[2], received[0].id or "")
    assert [event.id for event in received[1:]] == published


@pytest.mark.parametrize(
    ("make_store", "after"), [("memory", "1700000000000-0"), ("redis", "0123456789abcdef-7")], indirect=["make_store"]
)
async def test_an_id_of_the_other_store_is_a_gap(channel: Channel[Note], after: str) -> None:
    events = channel.subscribe(after=after)
    published = await publish(channel, 2)
    gap, *received = await take(events, 3)
    assert isinstance(gap.data, Gap)
    assert gap.data == Gap(after, gap.id or "")
    assert [event.id for event in received] == published


@pytest.mark.parametrize("make_store", ["redis"], indirect=True)
async def test_an_id_is_valid_in_another_process(make_store: Callable[[], Store]) -> None:
    async with make_store() as store:
        old = await publish(Channel(store, "notes", Note), 5)
    async with make_store() as store:
        assert numbers(await take(Channel(store, "notes", Note).subscribe(after=old[1]), 3)) == [3, 4, 5]
