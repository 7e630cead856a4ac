"""The ring, compared with a list of all events."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jero.channels.event import Event, Payload, make_event
from jero.channels.ring import BATCH_BYTES, Batch, Ring


def event(number: int, size: int = 1) -> Event:
    return make_event(Payload(b"1" * size), (1, number), f"1-{number}")


def filled(capacity: int, count: int) -> Ring:
    ring = Ring(capacity, (1, 0))
    for number in range(1, count + 1):
        ring.append(event(number))
    return ring


@given(capacity=st.integers(1, 8), count=st.integers(0, 30))
def test_a_ring_keeps_the_newest_events(capacity: int, count: int) -> None:
    ring = filled(capacity, count)
    assert len(ring) == min(capacity, count)
    assert (ring.low_watermark, ring.high_watermark) == ((1, max(0, count - capacity)), (1, count))
    assert ring.last_sequence == count
    assert ring.first_sequence == ring.last_sequence - len(ring) + 1


@given(capacity=st.integers(1, 8), count=st.integers(0, 30), at=st.integers(0, 35))
def test_an_offset_has_a_sequence_number_if_every_later_event_is_kept(capacity: int, count: int, at: int) -> None:
    sequence = filled(capacity, count).sequence_at((1, at))
    assert sequence == (at if max(0, count - capacity) <= at <= count else None)


@given(capacity=st.integers(1, 8), steps=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), max_size=20))
def test_each_reader_gets_each_event_once_or_is_behind(capacity: int, steps: list[tuple[int, int]]) -> None:
    ring = Ring(capacity, (1, 0))
    readers = [0, 0, 0, 0]
    published = 0
    for added, reader in steps:
        for _ in range(added):
            published += 1
            ring.append(event(published))
        at = readers[reader]
        if at < ring.first_sequence - 1:
            assert ring.sequence_at((1, at)) is None
            at = ring.first_sequence - 1
        batch = ring.batch_after(at)
        assert batch is not None or at == published
        got = [] if batch is None else [event.offset[1] for event in batch.events]
        assert got == list(range(at + 1, published + 1))
        readers[reader] = published


@given(sizes=st.lists(st.integers(1, BATCH_BYTES // 2), min_size=1, max_size=12))
def test_a_batch_is_about_as_large_as_a_chunk(sizes: list[int]) -> None:
    ring = Ring(20, (1, 0))
    for number, size in enumerate(sizes, 1):
        ring.append(event(number, size))
    sequence = 0
    batches: list[Batch] = []
    while (batch := ring.batch_after(sequence)) is not None:
        assert batch.sequence is not None
        batches.append(batch)
        sequence = batch.sequence
    assert [event.offset[1] for batch in batches for event in batch.events] == list(range(1, len(sizes) + 1))
    frames = [sum(len(event.frame) for event in batch.events) for batch in batches]
    assert max(frames) <= BATCH_BYTES
    assert all(left + right > BATCH_BYTES / 2 for left, right in pairwise(frames))


def test_readers_at_one_place_get_the_same_batch() -> None:
    ring = filled(10, 5)
    assert ring.batch_after(2) is ring.batch_after(2)


def test_a_later_event_comes_in_a_new_batch() -> None:
    ring = filled(10, 5)
    earlier = ring.batch_after(2)
    ring.append(event(6))
    later = ring.batch_after(2)
    assert earlier is not None
    assert later is not None
    assert (earlier.sequence, later.sequence) == (5, 6)


def test_an_offset_between_two_events_has_no_sequence_number() -> None:
    ring = Ring(10, (1, 0))
    for number in (10, 20):
        ring.append(event(number))
    assert [ring.sequence_at((1, at)) for at in (0, 5, 10, 15, 20, 25)] == [0, None, 1, None, 2, None]


def test_after_a_restart_earlier_sequence_numbers_are_out_of_reach() -> None:
    ring = filled(10, 5)
    ring.restart((2, 7))
    assert len(ring) == 0
    assert ring.first_sequence - 1 > 5
    assert [ring.sequence_at(offset) for offset in ((1, 5), (2, 6), (2, 7))] == [None, None, ring.last_sequence]
    ring.append(make_event(Payload(b"1"), (2, 8), "2-8"))
    batch = ring.batch_after(ring.first_sequence - 1)
    assert batch is not None
    assert batch.offset == (2, 8)


@given(
    capacity=st.integers(1, 8),
    max_bytes=st.integers(1, 400),
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=30),
)
def test_a_ring_keeps_as_many_of_the_newest_events_as_fit(capacity: int, max_bytes: int, sizes: list[int]) -> None:
    ring = Ring(capacity, (1, 0), max_bytes)
    events = [event(number, size) for number, size in enumerate(sizes, 1)]
    for added in events:
        ring.append(added)
    kept = len(ring)
    assert 1 <= kept <= capacity
    assert kept == 1 or sum(event.size for event in events[-kept:]) <= max_bytes
    if kept < min(capacity, len(events)):  # the event before does not fit
        assert sum(event.size for event in events[-kept - 1 :]) > max_bytes
    assert ring.low_watermark == (1, len(events) - kept)
    assert (ring.first_sequence, ring.last_sequence) == (len(events) - kept + 1, len(events))


@given(capacity=st.integers(1, 8), count=st.integers(0, 30), at=st.integers(0, 30))
def test_the_end_is_alone_in_its_batch(capacity: int, count: int, at: int) -> None:
    ring = filled(capacity, count)
    end = Batch((event(count + 1),))
    ring.finish(end)
    assert ring.last_sequence == count + 1
    start = sequence = max(min(at, count), ring.first_sequence - 1)
    batches: list[Batch] = []
    while (batch := ring.batch_after(sequence)) is not None:
        assert ring.batch_after(sequence) is batch
        assert batch.sequence is not None
        sequence = batch.sequence
        batches.append(batch)
    *others, last = batches
    assert last is end
    assert [event.offset[1] for batch in others for event in batch.events] == list(range(start + 1, count + 1))
