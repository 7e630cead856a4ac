"""Tests items that are framed already: from their source, or from the publisher's turn of the event loop."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from jero.channels import Channel, MemoryStore
from jero.framing.framing import FramedItems, FramedSource, Framing
from jero.framing.json import JSON_ARRAY, NDJSON
from jero.http.asgi import Message
from jero.policy import EndReason, StreamPolicy
from jero.streaming.serve import OpenStreams, send_stream
from tests.streaming.connection import Connection, make_plan, skip_time, start, start_and_call, stream
from tests.streaming.publisher import Numbers, Publisher

caller: ContextVar[str] = ContextVar("caller")


def final_frame(reason: EndReason) -> bytes:
    return b"bye"


async def test_a_published_item_is_sent_at_once_in_the_task_and_context_of_the_stream() -> None:
    senders: list[tuple[str, str]] = []

    class Observed(Connection):
        async def send(self, message: Message) -> None:
            task = asyncio.current_task()
            assert task is not None
            senders.append((task.get_name(), caller.get()))
            await super().send(message)

    class Naming(Publisher):
        def framed(self) -> AsyncIterator[FramedItems]:
            caller.set(f"{caller.get()} source")
            return super().framed()

    connection, publisher = Observed(), Naming()
    caller.set("the stream's")
    request = start(publisher, connection)
    caller.set("the publisher's")
    for number in range(3):
        await publisher.publish(Numbers(number))
        assert connection.body.endswith(b"%d\n" % number)
    publisher.end()
    await request
    assert connection.body == b"0\n1\n2\n"
    assert publisher.delivered == [True, True, True]
    assert set(senders) == {("stream GET Endpoint", "the stream's source")}
    assert connection.outcome.items == 3
    assert connection.outcome.bytes == 6
    assert connection.outcome.first_item_after is not None


@pytest.mark.parametrize(("framing", "body"), [(NDJSON, b"1\n2\n3\n"), (JSON_ARRAY, b"[1,2,3]")])
async def test_published_items_have_separators_between_them(framing: Framing, body: bytes) -> None:
    connection, publisher = Connection(), Publisher()
    request = start(publisher, connection, framing=framing)
    await publisher.publish(Numbers(1, 2))
    await publisher.publish(Numbers())
    await publisher.publish(Numbers(3))
    publisher.end()
    await request
    assert connection.body == body
    assert connection.outcome.items == 3


async def test_an_item_without_bytes_in_a_format_is_not_counted() -> None:
    class Silent(Numbers):
        def bytes_in(self, framing: Framing) -> bytes:
            return b""

    connection, publisher = Connection(), Publisher()
    request = start(publisher, connection)
    for framed in (Silent(1), Numbers(2), Silent(3)):
        await publisher.publish(framed)
    publisher.end()
    await request
    assert connection.bodies == [b"2\n", b""]
    assert connection.outcome.items == 1
    assert connection.outcome.first_item_after is not None


async def test_a_task_that_publishes_does_not_send_in_the_name_of_the_stream() -> None:
    connection, publisher = Connection(), Publisher()
    request = start(publisher, connection)
    await publisher.waiting.wait()
    publisher.publish_now(Numbers(1))
    assert publisher.delivered == [False]
    await connection.wait_for_bytes(b"1\n")
    publisher.end()
    await request
    assert connection.outcome.items == 1


async def test_a_slow_subscriber_is_waited_for_by_its_own_task() -> None:
    connection, publisher, streams = Connection(), Publisher(), OpenStreams()
    plan = make_plan(publisher, connection.report, final_frame=final_frame)
    request = asyncio.create_task(send_stream(plan, streams, connection.receive, connection.send))
    await publisher.publish(Numbers(1))
    connection.block()
    await publisher.publish(Numbers(2))
    await connection.blocked.wait()
    assert publisher.delivered == [True, False]
    assert connection.body == b"1\n"
    connection.unblock()
    await publisher.publish(Numbers(3))
    streams.drain()
    await request
    assert connection.body == b"1\n2\n3\nbye"
    assert publisher.delivered == [True, False, True]
    assert connection.outcome.items == 3
    assert connection.outcome.reason == "shutdown"


def test_a_subscriber_that_takes_nothing_is_dropped() -> None:
    async def test() -> None:
        connection, publisher = Connection(), Publisher()
        connection.block()
        request = start(publisher, connection, policy=StreamPolicy(send_timeout=7))
        await publisher.publish(Numbers(1))
        await request
        assert asyncio.get_running_loop().time() == pytest.approx(7)
        assert connection.outcome.reason == "stalled"

    skip_time(test())


@pytest.mark.parametrize(("error", "reason"), [(OSError("gone"), "disconnected"), (LookupError("of send"), "failed")])
async def test_a_send_that_fails_ends_that_stream_alone(error: Exception, reason: str) -> None:
    connection, publisher = Connection(), Publisher()
    request = start(publisher, connection)
    await publisher.publish(Numbers(1))
    connection.send_error = error
    await publisher.publish(Numbers(2))
    await request
    assert publisher.delivered == [True, False]
    assert publisher.deliver is None
    assert connection.outcome.reason == reason
    assert connection.outcome.error is (error if reason == "failed" else None)


async def test_an_item_that_cannot_be_framed_fails_that_stream_alone() -> None:
    class Unframed(Numbers):
        def bytes_in(self, framing: Framing) -> bytes:
            raise LookupError("of framing")

    connection, publisher = Connection(), Publisher()
    request = start(publisher, connection)
    await publisher.publish(Numbers(1))
    await publisher.publish(Unframed(2))
    await request
    assert connection.body == b"1\n"
    assert isinstance(connection.outcome.error, LookupError)
    assert not connection.is_complete


async def test_a_send_that_raises_its_own_cancellation_fails_that_stream_alone() -> None:
    connection, publisher = Connection(), Publisher()
    request = start(publisher, connection)
    await publisher.publish(Numbers(1))
    connection.send_error = asyncio.CancelledError()
    await publisher.publish(Numbers(2))
    await request
    assert connection.outcome.reason == "failed"


def shut_down(connection: Connection, streams: OpenStreams) -> None:
    streams.drain()


def leave(connection: Connection, streams: OpenStreams) -> None:
    connection.leave()


@pytest.mark.parametrize(
    ("end", "turns", "body"),
    [*((shut_down, turns, b"1\n2\nbye") for turns in range(3)), *((leave, turns, b"1\n") for turns in range(-1, 3))],
)
async def test_a_stop_between_the_delivery_of_an_item_and_its_sending(
    end: Callable[[Connection, OpenStreams], None], body: bytes, turns: int
) -> None:
    connection, publisher, streams = Connection(), Publisher(), OpenStreams()
    plan = make_plan(publisher, connection.report, final_frame=final_frame, policy=StreamPolicy(teardown_timeout=60))
    request = asyncio.create_task(send_stream(plan, streams, connection.receive, connection.send))
    await publisher.publish(Numbers(1))
    connection.block()
    if turns < 0:
        await publisher.publish(Numbers(2), before=lambda: end(connection, streams))
    else:
        await publisher.publish(Numbers(2), after=(lambda: end(connection, streams)) if turns == 0 else int)
    for _ in range(turns):
        await asyncio.sleep(0)
    if turns > 0:
        end(connection, streams)
    for _ in range(3):
        await asyncio.sleep(0)
    if end is shut_down:
        connection.unblock()
    async with asyncio.timeout(20):
        await request
    assert connection.body == body
    assert connection.outcome.reason == ("shutdown" if end is shut_down else "disconnected")


async def test_a_stopped_stream_is_delivered_nothing_more() -> None:
    connection, publisher, streams = Connection(), Publisher(), OpenStreams()
    plan = make_plan(publisher, connection.report, final_frame=final_frame)
    request = asyncio.create_task(send_stream(plan, streams, connection.receive, connection.send))
    await publisher.publish(Numbers(1))

    def end_and_publish() -> None:
        streams.drain()
        publisher.publish_now(Numbers(2))

    asyncio.get_running_loop().call_soon(end_and_publish)
    await request
    assert connection.body == b"1\nbye"
    assert publisher.delivered == [True, False]


@pytest.mark.parametrize("item", [Numbers(2), Numbers(2, 3)])
async def test_a_send_may_shut_down_its_own_stream(item: Numbers) -> None:
    streams = OpenStreams()

    class Ending(Connection):
        async def send(self, message: Message) -> None:
            await super().send(message)
            if message.get("body", b"").startswith(b"2"):
                streams.drain()

    connection, publisher = Ending(), Publisher()
    plan = make_plan(publisher, connection.report, final_frame=final_frame)
    request = asyncio.create_task(send_stream(plan, streams, connection.receive, connection.send))
    await publisher.publish(Numbers(1))
    await publisher.publish(item)
    await request
    assert connection.body.endswith(b"bye")
    assert publisher.delivered == [True, False]
    assert connection.outcome.reason == "shutdown"


class Feed(FramedSource[Any]):
    """Two batches of framed items. It cannot be iterated."""

    async def framed(self) -> AsyncGenerator[FramedItems, None]:
        yield Numbers(1, 2, 3)
        yield Numbers(4)

    def __aiter__(self) -> AsyncIterator[int]:
        raise AssertionError("the framed items were not used")


@pytest.mark.parametrize(("framing", "body"), [(NDJSON, b"1\n2\n3\n4\n"), (JSON_ARRAY, b"[1,2,3,4]")])
def test_framed_items_are_sent_unchanged(framing: Framing, body: bytes) -> None:
    async def test() -> None:
        connection = Connection()
        await stream(Feed(), connection, framing=framing)
        assert connection.body == body
        assert connection.outcome.items == 4
        assert connection.outcome.reason == "completed"

    skip_time(test())


class Endless(FramedSource[Any]):
    """Framed items without an end. If `waits`, each takes a second. `closed`: set when the source was closed."""

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
def test_a_client_that_leaves_ends_a_source_of_framed_items(*, waits: bool) -> None:
    async def test() -> None:
        connection, source = Connection(), Endless(waits=waits)
        request = start(source, connection)
        await connection.wait_for_bytes(b"3\n")
        connection.leave()
        await request
        assert source.closed.is_set()
        assert connection.outcome.reason == "disconnected"

    skip_time(test())


def test_a_source_of_framed_items_that_never_pauses_gives_the_event_loop_its_turn() -> None:
    async def test() -> None:
        connection, source = Connection(), Endless(waits=False)
        request = start(source, connection)
        await connection.wait_for_bytes(b"1\n")
        turns = [source.given]
        for _ in range(5):
            await asyncio.sleep(0)
            turns.append(source.given)
        assert turns == list(range(turns[0], turns[0] + 6))
        connection.leave()
        await request

    skip_time(test())


def test_a_source_of_framed_items_is_not_pulled_while_the_client_takes_nothing() -> None:
    async def test() -> None:
        connection, source = Connection(), Endless(waits=True)
        connection.block()
        await stream(source, connection, policy=StreamPolicy(send_timeout=7, first_item_grace=0.1))
        assert connection.outcome.reason == "stalled"
        assert source.given <= 1
        assert source.closed.is_set()

    skip_time(test())


def test_a_send_that_fails_ends_a_source_of_framed_items() -> None:
    async def test() -> None:
        connection, source = Connection(), Endless(waits=True)
        request = start(source, connection)
        await connection.wait_for_bytes(b"1\n")
        connection.send_error = OSError("gone")
        await request
        assert connection.outcome.reason == "disconnected"
        assert source.closed.is_set()

    skip_time(test())


def test_an_error_of_a_source_of_framed_items_fails_the_stream() -> None:
    class Failing(FramedSource[Any]):
        async def framed(self) -> AsyncGenerator[FramedItems, None]:
            yield Numbers(1)
            raise LookupError("lost")

    async def test() -> None:
        connection = Connection()
        await stream(Failing(), connection)
        assert connection.body == b"1\n"
        assert isinstance(connection.outcome.error, LookupError)
        assert not connection.is_complete

    skip_time(test())


async def test_an_item_that_is_published_right_after_the_first_step_is_sent_at_once() -> None:
    connection, publisher = Connection(), Publisher()
    bodies = list[bytes]()

    def publish() -> None:
        publisher.publish_now(Numbers(1))
        publisher.publish_now(Numbers(2))
        bodies.append(connection.body)

    request = start_and_call(publish, publisher, connection)
    await connection.wait_for_bytes(b"2\n")
    publisher.end()
    await request
    assert bodies == [b"1\n2\n"]
    assert publisher.delivered == [True, True]
    assert connection.body == b"1\n2\n"
    assert connection.outcome.items == 2


async def test_a_slow_client_of_an_item_that_is_published_right_after_the_first_step_is_waited_for() -> None:
    connection, publisher = Connection(), Publisher()

    def publish() -> None:
        connection.block()
        publisher.publish_now(Numbers(1))

    request = start_and_call(publish, publisher, connection)
    await connection.blocked.wait()
    assert publisher.delivered == [False]
    connection.unblock()
    await publisher.publish(Numbers(2))
    publisher.end()
    await request
    assert connection.body == b"1\n2\n"


async def test_a_channel_misses_no_subscriber_that_has_taken_only_its_first_step() -> None:
    connection = Connection()
    async with MemoryStore() as store:
        channel = Channel(store, "numbers", int)

        async def publish() -> None:
            for number in range(3):
                await channel.publish(number)

        publishing = list[asyncio.Task[None]]()
        request = start_and_call(
            lambda: publishing.append(asyncio.create_task(publish())), channel.subscribe(), connection
        )
        await connection.wait_for_bytes(b"2\n")
        await publishing[0]
        connection.leave()
        await request
    assert connection.body == b"0\n1\n2\n"
    assert connection.outcome.items == 3
