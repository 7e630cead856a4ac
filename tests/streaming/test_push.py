"""Published items: sent where they are published, without waking the stream's task for each."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar

import pytest

from jero.framing.framing import FramedItems, Framing
from jero.framing.json import JSON_ARRAY, NDJSON
from jero.http.asgi import Message
from jero.policy import EndReason, StreamPolicy
from jero.streaming.serve import OpenStreams, send_stream
from tests.streaming.press import Numbers, Press
from tests.streaming.wire import Wire, make_plan, skip_time, start

caller: ContextVar[str] = ContextVar("caller")


def bye(reason: EndReason) -> bytes:
    return b"bye"


async def test_what_is_published_is_sent_at_once_in_the_streams_name_and_context() -> None:
    senders: list[tuple[str, str]] = []

    class Observed(Wire):
        async def send(self, message: Message) -> None:
            task = asyncio.current_task()
            assert task is not None
            senders.append((task.get_name(), caller.get()))
            await super().send(message)

    class Naming(Press):
        def framed(self) -> AsyncIterator[FramedItems]:
            caller.set(f"{caller.get()} source")
            return super().framed()

    wire, press = Observed(), Naming()
    caller.set("the stream's")
    request = start(press, wire)
    caller.set("the publisher's")
    for number in range(3):
        await press.publish(Numbers(number))
        assert wire.body.endswith(b"%d\n" % number)
    press.end()
    await request
    assert wire.body == b"0\n1\n2\n"
    assert press.taken == [True, True, True]
    assert set(senders) == {("stream GET Endpoint", "the stream's source")}
    assert wire.outcome.items == 3
    assert wire.outcome.bytes == 6
    assert wire.outcome.first_item_after is not None


@pytest.mark.parametrize(("framing", "body"), [(NDJSON, b"1\n2\n3\n"), (JSON_ARRAY, b"[1,2,3]")])
async def test_what_stands_between_items_stands_there(framing: Framing, body: bytes) -> None:
    wire, press = Wire(), Press()
    request = start(press, wire, framing=framing)
    await press.publish(Numbers(1, 2))
    await press.publish(Numbers())
    await press.publish(Numbers(3))
    press.end()
    await request
    assert wire.body == body
    assert wire.outcome.items == 3


async def test_of_what_a_format_says_nothing_is_no_item() -> None:
    class Silent(Numbers):
        def bytes_in(self, framing: Framing) -> bytes:
            return b""

    wire, press = Wire(), Press()
    request = start(press, wire)
    for framed in (Silent(1), Numbers(2), Silent(3)):
        await press.publish(framed)
    press.end()
    await request
    assert wire.bodies == [b"2\n", b""]
    assert wire.outcome.items == 1
    assert wire.outcome.first_item_after is not None


async def test_a_task_that_publishes_stays_itself() -> None:
    wire, press = Wire(), Press()
    request = start(press, wire)
    await press.awaited.wait()
    press.give(Numbers(1))
    assert press.taken == [False]
    await wire.wait_for_bytes(b"1\n")
    press.end()
    await request
    assert wire.outcome.items == 1


async def test_who_is_slow_is_waited_for_by_its_own_task() -> None:
    wire, press, streams = Wire(), Press(), OpenStreams()
    plan = make_plan(press, wire.report, final_frame=bye)
    request = asyncio.create_task(send_stream(plan, streams, wire.receive, wire.send))
    await press.publish(Numbers(1))
    wire.block()
    await press.publish(Numbers(2))
    await wire.blocked.wait()
    assert press.taken == [True, False]
    assert wire.body == b"1\n"
    wire.unblock()
    await press.publish(Numbers(3))
    streams.drain()
    await request
    assert wire.body == b"1\n2\n3\nbye"
    assert press.taken == [True, False, True]
    assert wire.outcome.items == 3
    assert wire.outcome.reason == "shutdown"


def test_who_takes_nothing_is_dropped() -> None:
    async def test() -> None:
        wire, press = Wire(), Press()
        wire.block()
        request = start(press, wire, policy=StreamPolicy(send_timeout=7))
        await press.publish(Numbers(1))
        await request
        assert asyncio.get_running_loop().time() == pytest.approx(7)
        assert wire.outcome.reason == "stalled"

    skip_time(test())


@pytest.mark.parametrize(("error", "reason"), [(OSError("gone"), "disconnected"), (LookupError("of send"), "failed")])
async def test_a_send_that_fails_ends_that_stream_alone(error: Exception, reason: str) -> None:
    wire, press = Wire(), Press()
    request = start(press, wire)
    await press.publish(Numbers(1))
    wire.send_error = error
    await press.publish(Numbers(2))
    await request
    assert press.taken == [True, False]
    assert press.deliver is None
    assert wire.outcome.reason == reason
    assert wire.outcome.error is (error if reason == "failed" else None)


async def test_an_item_that_cannot_be_framed_fails_that_stream_alone() -> None:
    class Unframed(Numbers):
        def bytes_in(self, framing: Framing) -> bytes:
            raise LookupError("of framing")

    wire, press = Wire(), Press()
    request = start(press, wire)
    await press.publish(Numbers(1))
    await press.publish(Unframed(2))
    await request
    assert wire.body == b"1\n"
    assert isinstance(wire.outcome.error, LookupError)
    assert not wire.is_complete


async def test_a_send_that_is_cancelled_by_itself_fails_that_stream_alone() -> None:
    wire, press = Wire(), Press()
    request = start(press, wire)
    await press.publish(Numbers(1))
    wire.send_error = asyncio.CancelledError()
    await press.publish(Numbers(2))
    await request
    assert wire.outcome.reason == "failed"


def shut_down(wire: Wire, streams: OpenStreams) -> None:
    streams.drain()


def leave(wire: Wire, streams: OpenStreams) -> None:
    wire.leave()


@pytest.mark.parametrize(
    ("end", "turns", "body"),
    [*((shut_down, turns, b"1\n2\nbye") for turns in range(3)), *((leave, turns, b"1\n") for turns in range(-1, 3))],
)
async def test_an_order_to_end_between_the_taking_of_an_item_and_its_sending(
    end: Callable[[Wire, OpenStreams], None], body: bytes, turns: int
) -> None:
    wire, press, streams = Wire(), Press(), OpenStreams()
    plan = make_plan(press, wire.report, final_frame=bye, policy=StreamPolicy(teardown_timeout=60))
    request = asyncio.create_task(send_stream(plan, streams, wire.receive, wire.send))
    await press.publish(Numbers(1))
    wire.block()
    if turns < 0:
        await press.publish(Numbers(2), before=lambda: end(wire, streams))
    else:
        await press.publish(Numbers(2), after=(lambda: end(wire, streams)) if turns == 0 else int)
    for _ in range(turns):
        await asyncio.sleep(0)
    if turns > 0:
        end(wire, streams)
    for _ in range(3):
        await asyncio.sleep(0)
    if end is shut_down:
        wire.unblock()
    async with asyncio.timeout(20):
        await request
    assert wire.body == body
    assert wire.outcome.reason == ("shutdown" if end is shut_down else "disconnected")


async def test_a_stream_that_was_told_to_end_takes_nothing_more() -> None:
    wire, press, streams = Wire(), Press(), OpenStreams()
    plan = make_plan(press, wire.report, final_frame=bye)
    request = asyncio.create_task(send_stream(plan, streams, wire.receive, wire.send))
    await press.publish(Numbers(1))

    def end_and_publish() -> None:
        streams.drain()
        press.give(Numbers(2))

    asyncio.get_running_loop().call_soon(end_and_publish)
    await request
    assert wire.body == b"1\nbye"
    assert press.taken == [True, False]


@pytest.mark.parametrize("item", [Numbers(2), Numbers(2, 3)])
async def test_a_send_that_shuts_its_own_stream_down(item: Numbers) -> None:
    streams = OpenStreams()

    class Ending(Wire):
        async def send(self, message: Message) -> None:
            await super().send(message)
            if message.get("body", b"").startswith(b"2"):
                streams.drain()

    wire, press = Ending(), Press()
    plan = make_plan(press, wire.report, final_frame=bye)
    request = asyncio.create_task(send_stream(plan, streams, wire.receive, wire.send))
    await press.publish(Numbers(1))
    await press.publish(item)
    await request
    assert wire.body.endswith(b"bye")
    assert press.taken == [True, False]
    assert wire.outcome.reason == "shutdown"
