"""Tests how a subscriber's events are counted, checked and timed."""

import pytest
from msgspec.json import encode

from benchmarks.delivery import Delivery
from benchmarks.item import Item
from benchmarks.publication import NAME

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(number: int, *, made_at: float = 1.5, end: bytes = b"\n") -> bytes:
    """Returns an event in a chunk of its own."""
    event = b"id: life-%d%bdata: %b%b%b" % (number, end, encode(Item(number, NAME, made_at)), end, end)
    return b"%x\r\n%b\r\n" % (len(event), event)


def delivered(*pieces: bytes) -> tuple[Delivery, int]:
    """Returns a delivery of these pieces, and the number of events that it counted."""
    delivery = Delivery()
    return delivery, sum(delivery.add(memoryview(piece), at=0.0) for piece in pieces)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_every_event_is_counted_however_the_bytes_are_split(end: bytes) -> None:
    text = HEAD + b"".join(chunk(number, end=end) for number in range(3))
    for place in range(1, len(text)):
        delivery, count = delivered(text[:place], text[place:])
        assert count == 3
        delivery.check(range(3))
    assert delivered(*(bytes([byte]) for byte in text))[1] == 3


@pytest.mark.parametrize("numbers", [[], [0], [0, 1], [0, 2, 1], [0, 1, 1, 2], [0, 1, 2, 3], [1, 2, 3]], ids=str)
def test_check_raises_unless_all_events_came_once_and_in_order(numbers: list[int]) -> None:
    delivery, _ = delivered(HEAD, *map(chunk, numbers))
    with pytest.raises(RuntimeError, match=f"received {len(numbers)} of 3 events"):
        delivery.check(range(3))


def test_check_raises_if_an_event_is_not_whole() -> None:
    whole = chunk(2)
    cut = whole.replace(b"data: ", b"data:")
    for last in (whole[: whole.index(b"}")], cut, whole + b'"id":'):
        delivery, count = delivered(HEAD, chunk(0), chunk(1), last)
        assert count == 3 + last.endswith(b'"id":')
        with pytest.raises(RuntimeError, match="of 3 events"):
            delivery.check(range(3))


def test_an_event_arrives_with_its_last_byte() -> None:
    delivery = Delivery()
    events = [chunk(number, made_at=100.0) for number in range(3)]
    delivery.add(memoryview(HEAD + events[0] + events[1][:-9]), at=100.5)
    delivery.add(memoryview(events[1][-9:] + events[2]), at=102.0)
    assert list(delivery.delays(0)) == [500, 2000, 2000]
    assert list(delivery.delays(1)) == [2000, 2000]
