"""Tests the keepalive: pings are sent on time while the source is silent, and never within an item."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jero.framing.json import JSON_ARRAY, NDJSON
from jero.framing.sse import SSE
from jero.policy import StreamPolicy
from tests.streaming.connection import Connection, skip_time, start, stream


async def after(*pauses: float) -> AsyncIterator[int]:
    for number, seconds in enumerate(pauses):
        await asyncio.sleep(seconds)
        yield number


def run(*pauses: float, **options: object) -> Connection:
    async def test() -> Connection:
        connection = Connection()
        await stream(after(*pauses), connection, **options)
        return connection

    return skip_time(test())


def test_pings_begin_before_the_first_item() -> None:
    connection = run(35, framing=SSE, keepalive=15, first_item_grace=0.1)
    assert connection.bodies == [b"", b": ping\n\n", b": ping\n\n", b"data: 0\n\n", b""]


@pytest.mark.parametrize(
    ("framing", "body"),
    [(NDJSON, b"\n0\n\n1\n"), (JSON_ARRAY, b"[ 0 ,1]"), (SSE, b": ping\n\ndata: 0\n\n: ping\n\ndata: 1\n\n")],
)
def test_each_format_has_its_ping(framing: object, body: bytes) -> None:
    assert run(20, 20, framing=framing, keepalive=15).body == body


def test_every_send_restarts_the_clock() -> None:
    connection = run(10, 10, 10, 20, keepalive=15)
    assert connection.body == b"0\n1\n2\n\n3\n"


def test_a_stream_without_keepalive_is_not_pinged() -> None:
    assert run(100, keepalive=None, framing=SSE).body == b"data: 0\n\n"


def test_pings_are_sent_on_time() -> None:
    async def test() -> list[float]:
        connection, times = Connection(), list[float]()

        def ping() -> bytes:
            times.append(asyncio.get_running_loop().time())
            return b"\n"

        await stream(after(31, 19), connection, keepalive=10, ping=ping, first_item_grace=0.5)
        return times

    assert skip_time(test()) == pytest.approx([10.5, 20.5, 30.5, 41])


def test_a_ping_that_cannot_be_made_fails_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        connection = Connection()

        def ping() -> bytes:
            raise ValueError("of the ping")

        await stream(after(1, 100), connection, keepalive=10, ping=ping)
        assert connection.outcome.reason == "failed"
        assert str(connection.outcome.error) == "of the ping"
        assert not connection.is_complete

    skip_time(test())
    assert "of the ping" in caplog.text


def test_a_client_that_does_not_read_is_not_pinged() -> None:
    async def test() -> None:
        connection = Connection()
        request = start(after(1, 100, 0), connection, keepalive=10, policy=StreamPolicy(send_timeout=1_000))
        await connection.wait_for_bytes(b"0\n")
        connection.block()
        await asyncio.sleep(95)
        connection.unblock()
        await request
        assert connection.body == b"0\n\n1\n2\n"  # the ping that was under way
        assert connection.is_complete

    skip_time(test())


def test_an_item_waits_for_the_ping_that_is_under_way() -> None:
    async def test() -> None:
        connection = Connection()
        request = start(after(1, 15), connection, keepalive=10)
        await connection.wait_for_bytes(b"0\n")
        connection.block()
        await asyncio.sleep(50)
        connection.unblock()
        await request
        assert connection.body == b"0\n\n1\n"
        assert connection.is_complete

    skip_time(test())


def test_a_client_that_leaves_while_a_ping_is_under_way_leaves_no_task() -> None:
    async def test() -> None:
        connection = Connection()
        request = start(after(1, 1_000), connection, keepalive=10)
        await connection.wait_for_bytes(b"0\n")
        connection.block()
        await connection.blocked.wait()
        connection.leave()
        await request
        assert connection.outcome.reason == "disconnected"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    skip_time(test())


def test_an_oserror_of_a_ping_is_a_disconnect() -> None:
    async def test() -> None:
        connection = Connection()
        request = start(after(1, 1_000), connection, keepalive=10)
        await connection.wait_for_bytes(b"0\n")
        connection.send_error = OSError()
        await request
        assert connection.outcome.reason == "disconnected"

    skip_time(test())


async def test_an_idle_stream_is_pinged_again_and_again() -> None:
    async def source() -> AsyncIterator[int]:
        await asyncio.get_running_loop().create_future()
        yield 1

    connection = Connection()
    request = start(source(), connection, framing=SSE, keepalive=0.01, first_item_grace=0.01)
    ping = SSE.keepalive or b""
    async with asyncio.timeout(20):
        await connection.wait_for_bytes(ping * 3)
    connection.leave()
    await request
    assert connection.outcome.reason == "disconnected"


def test_the_headers_alone_are_followed_by_nothing_if_no_keepalive_is_set() -> None:
    assert run(100, keepalive=None, ping=b"\n", first_item_grace=5).bodies == [b"", b"0\n", b""]


def test_the_silence_begins_with_the_first_byte_and_not_with_the_grace() -> None:
    wire = run(0, 3.5, keepalive=1, framing=SSE, first_item_grace=5)
    assert wire.body == b"data: 0\n\n" + b": ping\n\n" * 3 + b"data: 1\n\n"


def test_a_client_that_is_slow_when_the_grace_ends_makes_no_timer_fire_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fired = list[float]()

    async def test() -> None:
        connection = Connection()
        connection.block()
        loop = asyncio.get_running_loop()
        call_at = loop.call_at

        def counted(when: float, *arguments: Any, **options: Any) -> asyncio.TimerHandle:
            fired.append(when)
            return call_at(when, *arguments, **options)

        monkeypatch.setattr(loop, "call_at", counted)
        request = start(after(0, 100), connection, keepalive=None, first_item_grace=5)
        await connection.blocked.wait()
        await asyncio.sleep(30)
        connection.unblock()
        await request

    skip_time(test())
    assert len(fired) < 20
