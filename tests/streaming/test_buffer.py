"""Items that were framed before, and items of which a format says nothing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
from msgspec.json import Encoder

from jero.codec import DEFAULT_ENCODER
from jero.framing.framing import FramedItems, FramedSource, Framing
from jero.framing.json import JSON_ARRAY, NDJSON
from jero.policy import StreamPolicy
from jero.streaming.buffer import FrameBuffer
from tests.streaming.press import Numbers
from tests.streaming.wire import Wire, skip_time, start, stream


class Feed(FramedSource):
    """Two pieces; whoever iterates it sees that it was not asked for them."""

    async def framed(self) -> AsyncGenerator[FramedItems, None]:
        yield Numbers(1, 2, 3)
        yield Numbers(4)

    def __aiter__(self) -> AsyncIterator[int]:
        raise AssertionError("it was to be asked for its framed items")


@pytest.mark.parametrize(("framing", "body"), [(NDJSON, b"1\n2\n3\n4\n"), (JSON_ARRAY, b"[1,2,3,4]")])
def test_a_source_of_framed_items_is_sent_as_it_is(framing: Framing, body: bytes) -> None:
    async def test() -> None:
        wire = Wire()
        await stream(Feed(), wire, framing=framing)
        assert wire.body == body
        assert wire.outcome.items == 4
        assert wire.outcome.reason == "completed"

    skip_time(test())


def encode_odd(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    if item % 2:
        buffer += b"%d" % item


@pytest.mark.parametrize(
    ("items", "body"), [((0, 1, 2, 3, 4), b"1,3"), ((0, 2), b""), ((1, 0, 3), b"1,3"), ((1, 3, 0), b"1,3")]
)
def test_an_item_of_which_nothing_is_said_has_no_separator(items: tuple[int, ...], body: bytes) -> None:
    outbox = FrameBuffer(Framing(content_type="x/odd", encode=encode_odd, separator=b","), DEFAULT_ENCODER, 65_536)
    for item in items:
        outbox.add(item)
    assert outbox.take() == body
    assert outbox.items == body.count(b",") + 1 if body else outbox.items == 0


def test_an_endless_source_of_such_items_leaves_the_event_loop_its_turn() -> None:
    times = iter(range(1_000))
    framing = Framing(content_type="x/odd", encode=encode_odd, separator=b",")
    outbox = FrameBuffer(framing, DEFAULT_ENCODER, 65_536, clock=lambda: next(times))
    assert any(outbox.add(0) for _ in range(100))


class Endless(FramedSource):
    """One piece after the other, each waited for or not; `closed` when it was closed."""

    def __init__(self, *, waits: bool) -> None:
        self.closed = asyncio.Event()
        self.given = 0
        self._waits = waits

    async def framed(self) -> AsyncGenerator[FramedItems, None]:
        try:
            while True:
                if self._waits:
                    await asyncio.sleep(1)
                self.given += 1
                yield Numbers(self.given)
        finally:
            self.closed.set()


@pytest.mark.parametrize("waits", [True, False])
def test_a_client_that_leaves_ends_it(*, waits: bool) -> None:
    async def test() -> None:
        wire, source = Wire(), Endless(waits=waits)
        request = start(source, wire)
        await wire.wait_for_bytes(b"3\n")
        wire.leave()
        await request
        assert source.closed.is_set()
        assert wire.outcome.reason == "disconnected"

    skip_time(test())


def test_one_that_never_waits_leaves_the_event_loop_its_turn() -> None:
    async def test() -> None:
        wire, source = Wire(), Endless(waits=False)
        request = start(source, wire)
        await wire.wait_for_bytes(b"1\n")
        turns = [source.given]
        for _ in range(5):
            await asyncio.sleep(0)
            turns.append(source.given)
        assert turns == list(range(turns[0], turns[0] + 6))
        wire.leave()
        await request

    skip_time(test())


def test_a_client_that_takes_nothing_holds_it_back_and_is_dropped() -> None:
    async def test() -> None:
        wire, source = Wire(), Endless(waits=True)
        wire.block()
        await stream(source, wire, policy=StreamPolicy(send_timeout=7, first_item_grace=0.1))
        assert wire.outcome.reason == "stalled"
        assert source.given <= 1
        assert source.closed.is_set()

    skip_time(test())


def test_a_send_that_fails_ends_it() -> None:
    async def test() -> None:
        wire, source = Wire(), Endless(waits=True)
        request = start(source, wire)
        await wire.wait_for_bytes(b"1\n")
        wire.send_error = OSError("gone")
        await request
        assert wire.outcome.reason == "disconnected"
        assert source.closed.is_set()

    skip_time(test())


def test_what_it_raises_fails_the_stream() -> None:
    class Failing(FramedSource):
        async def framed(self) -> AsyncGenerator[FramedItems, None]:
            yield Numbers(1)
            raise LookupError("lost")

    async def test() -> None:
        wire = Wire()
        await stream(Failing(), wire)
        assert wire.body == b"1\n"
        assert isinstance(wire.outcome.error, LookupError)
        assert not wire.is_complete

    skip_time(test())
