"""Pings: while nothing else is sent, in time, and never in an item's way."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from jero.framing.json import JSON_ARRAY, NDJSON
from jero.framing.sse import SSE
from jero.policy import StreamPolicy
from tests.streaming.wire import Wire, skip_time, start, stream


async def after(*pauses: float) -> AsyncIterator[int]:
    for number, seconds in enumerate(pauses):
        await asyncio.sleep(seconds)
        yield number


def run(*pauses: float, **options: object) -> Wire:
    async def test() -> Wire:
        wire = Wire()
        await stream(after(*pauses), wire, **options)
        return wire

    return skip_time(test())


def test_pings_begin_before_the_first_item() -> None:
    wire = run(35, framing=SSE, keepalive=15, first_item_grace=0.1)
    assert wire.bodies == [b"", b": ping\n\n", b": ping\n\n", b"data: 0\n\n", b""]


@pytest.mark.parametrize(
    ("framing", "body"),
    [(NDJSON, b"\n0\n\n1\n"), (JSON_ARRAY, b"[ 0 ,1]"), (SSE, b": ping\n\ndata: 0\n\n: ping\n\ndata: 1\n\n")],
)
def test_the_ping_of_each_format(framing: object, body: bytes) -> None:
    assert run(20, 20, framing=framing, keepalive=15).body == body


def test_the_clock_restarts_with_every_send() -> None:
    wire = run(10, 10, 10, 20, keepalive=15)
    assert wire.body == b"0\n1\n2\n\n3\n"


def test_no_pings_without_keepalive() -> None:
    assert run(100, keepalive=None, framing=SSE).body == b"data: 0\n\n"


def test_pings_come_at_their_time() -> None:
    async def test() -> list[float]:
        wire, times = Wire(), list[float]()

        def ping() -> bytes:
            times.append(asyncio.get_running_loop().time())
            return b"\n"

        await stream(after(31, 19), wire, keepalive=10, ping=ping, first_item_grace=0.5)
        return times

    assert skip_time(test()) == pytest.approx([10.5, 20.5, 30.5, 41])


def test_a_ping_that_cannot_be_made_fails_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        wire = Wire()

        def ping() -> bytes:
            raise ValueError("of the ping")

        await stream(after(1, 100), wire, keepalive=10, ping=ping)
        assert wire.outcome.reason == "failed"
        assert str(wire.outcome.error) == "of the ping"
        assert not wire.is_complete

    skip_time(test())
    assert "of the ping" in caplog.text


def test_a_client_that_does_not_read_is_sent_no_pings() -> None:
    async def test() -> None:
        wire = Wire()
        request = start(after(1, 100, 0), wire, keepalive=10, policy=StreamPolicy(send_timeout=1_000))
        await wire.wait_for_bytes(b"0\n")
        wire.block()
        await asyncio.sleep(95)
        wire.unblock()
        await request
        assert wire.body == b"0\n\n1\n2\n"  # the one that was under way
        assert wire.is_complete

    skip_time(test())


def test_an_item_waits_for_the_ping_that_is_under_way() -> None:
    async def test() -> None:
        wire = Wire()
        request = start(after(1, 15), wire, keepalive=10)
        await wire.wait_for_bytes(b"0\n")
        wire.block()
        await asyncio.sleep(50)
        wire.unblock()
        await request
        assert wire.body == b"0\n\n1\n"
        assert wire.is_complete

    skip_time(test())


def test_leaving_while_a_ping_is_under_way_leaves_no_task_behind() -> None:
    async def test() -> None:
        wire = Wire()
        request = start(after(1, 1_000), wire, keepalive=10)
        await wire.wait_for_bytes(b"0\n")
        wire.block()
        await wire.blocked.wait()
        wire.leave()
        await request
        assert wire.outcome.reason == "disconnected"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    skip_time(test())


def test_an_oserror_of_a_ping_is_the_clients_leaving() -> None:
    async def test() -> None:
        wire = Wire()
        request = start(after(1, 1_000), wire, keepalive=10)
        await wire.wait_for_bytes(b"0\n")
        wire.send_error = OSError()
        await request
        assert wire.outcome.reason == "disconnected"

    skip_time(test())
