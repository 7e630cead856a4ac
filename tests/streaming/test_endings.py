"""Tests how a body ends: with its closing bytes, with a last item, or cut."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jero.framing.framing import Framing
from jero.framing.json import JSON_ARRAY, NDJSON
from jero.framing.raw import RAW
from jero.framing.sse import SSE
from jero.policy import EndReason, StreamOutcome, StreamPolicy
from jero.streaming.serve import OpenStreams, send_stream
from tests.streaming.connection import Connection, make_plan, skip_time, start, stream


async def fail() -> AsyncIterator[Any]:
    yield b"1"
    await asyncio.sleep(0)
    raise ValueError("secret")


async def last_item(error: Exception) -> Any:
    return b"last"


async def fail_again(error: Exception) -> Any:
    raise KeyError("handler")


async def return_what_has_no_json(error: Exception) -> Any:
    return object()


@pytest.mark.parametrize(
    ("framing", "cut", "with_last_item"),
    [
        (RAW, b"1", b"1last"),
        (NDJSON, b'"MQ=="\n', b'"MQ=="\n"bGFzdA=="\n'),
        (JSON_ARRAY, b'["MQ=="', b'["MQ==","bGFzdA=="]'),
        (SSE, b"data: 1\n\n", b"data: 1\n\ndata: last\n\n"),
    ],
)
async def test_a_failed_stream_is_cut_unless_on_error_makes_a_last_item(
    framing: Framing, cut: bytes, with_last_item: bytes
) -> None:
    connection = Connection()
    await stream(fail(), connection, framing=framing)
    assert connection.body == cut
    assert not connection.is_complete
    connection = Connection()
    await stream(fail(), connection, framing=framing, on_error=last_item)
    assert connection.body == with_last_item
    assert connection.is_complete
    assert connection.outcome.items == 1


def final_frame(reason: EndReason) -> bytes:
    return b"retry"


MARKED = Framing(content_type="text/x", encode=RAW.encode, closing=b"[DONE]")


async def test_an_end_mark_is_sent_only_if_the_stream_is_complete() -> None:
    async def complete() -> AsyncIterator[bytes]:
        yield b"1"

    ended, failed, handled = Connection(), Connection(), Connection()
    await stream(complete(), ended, framing=MARKED)
    await stream(fail(), failed, framing=MARKED)
    await stream(fail(), handled, framing=MARKED, on_error=last_item)
    assert (ended.body, ended.is_complete) == (b"1[DONE]", True)
    assert (failed.body, failed.is_complete) == (b"1", False)
    assert (handled.body, handled.is_complete) == (b"1last", True)


@pytest.mark.parametrize("ending", ["expired", "shutdown"])
def test_an_end_mark_is_not_sent_after_a_final_frame(ending: str) -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"1"
        await asyncio.get_running_loop().create_future()

    async def test() -> Connection:
        connection, streams = Connection(), OpenStreams()
        policy = StreamPolicy(max_duration=1)
        plan = make_plan(silent(), connection.report, framing=MARKED, policy=policy, final_frame=final_frame)
        request = asyncio.create_task(send_stream(plan, streams, connection.receive, connection.send))
        await connection.wait_for_bytes(b"1")
        if ending == "shutdown":
            streams.drain()
        await request
        return connection

    connection = skip_time(test())
    assert connection.outcome.reason == ending
    assert (connection.body, connection.is_complete) == (b"1retry", True)


async def test_a_failed_array_is_closed_if_close_on_error_is_set() -> None:
    connection = Connection()
    await stream(fail(), connection, framing=JSON_ARRAY, close_on_error=True)
    assert connection.body == b'["MQ=="]'
    assert not connection.is_complete


@pytest.mark.parametrize("handler", [fail_again, return_what_has_no_json])
async def test_an_on_error_that_fails_is_logged_and_the_stream_is_cut(
    handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    connection = Connection()
    await stream(fail(), connection, on_error=handler)
    assert not connection.is_complete
    assert connection.body == b'"MQ=="\n'
    assert "the error's handler failed" in caplog.text
    assert "ValueError: secret" in caplog.text


async def test_the_traceback_of_a_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection()
    await stream(fail(), connection)
    assert caplog.text.count("ValueError: secret") == 1
    (record,) = caplog.records
    assert record.name == "jero.streams"


async def raise_own_cancellation() -> None:
    raise asyncio.CancelledError


async def await_a_cancelled_future() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def raise_a_group() -> None:
    raise ExceptionGroup("several", [ValueError("one")])


async def raise_stop() -> None:
    raise StopAsyncIteration


@pytest.mark.parametrize("step", [raise_own_cancellation, await_a_cancelled_future, raise_a_group, raise_stop])
@pytest.mark.parametrize("is_early", [True, False])
async def test_any_error_of_a_source_is_a_failure(step: Any, *, is_early: bool) -> None:
    connection = Connection()

    async def source() -> AsyncIterator[int]:
        if not is_early:
            yield 1
            await asyncio.sleep(0)
        await step()
        yield 2

    if is_early:
        with pytest.raises(Exception):  # noqa: B017, PT011 - each step raises another error
            await stream(source(), connection)
        assert connection.messages == []
    else:
        await stream(source(), connection)
        assert not connection.is_complete
    assert connection.outcome.reason == "failed"
    assert isinstance(connection.outcome.error, Exception)


async def test_on_error_is_not_called_if_the_client_is_gone() -> None:
    connection, handled = Connection(), list[Exception]()

    async def source() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0)
        connection.send_error = LookupError("of send")
        yield 2

    await stream(source(), connection, on_error=handled.append)
    assert connection.outcome.reason == "failed"
    assert handled == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_of_the_process_is_raised_after_the_teardown(kind: type[BaseException]) -> None:
    steps = list[str]()

    def handle(error: Exception) -> None:
        steps.append("handled")

    async def test() -> None:
        async def source() -> AsyncIterator[int]:
            try:
                yield 1
                await asyncio.sleep(0)
                raise kind
            finally:
                steps.append("closed")

        await stream(source(), Connection(), on_error=handle)

    with pytest.raises(kind):
        asyncio.run(test())
    assert steps == ["closed"]


async def test_a_client_that_leaves_during_the_teardown_gets_no_last_item() -> None:
    connection, calls = Connection(), list[StreamOutcome]()
    tearing_down = asyncio.Event()

    @asynccontextmanager
    async def source() -> AsyncGenerator[AsyncIterator[int], None]:
        yield numbers()
        tearing_down.set()
        await connection.disconnect_received.wait()

    async def numbers() -> AsyncIterator[int]:
        yield 1

    def last(outcome: StreamOutcome) -> bytes:
        calls.append(outcome)
        return b"last"

    request = start(source(), connection, last=last)
    await tearing_down.wait()
    connection.leave()
    await request
    assert (connection.body, connection.outcome.items, calls) == (b"1\n", 1, [])


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_of_the_process_in_the_last_item_is_raised(kind: type[BaseException]) -> None:
    connection = Connection()

    async def numbers() -> AsyncIterator[int]:
        yield 1

    def last(outcome: StreamOutcome) -> bytes:
        raise kind

    with pytest.raises(kind):
        asyncio.run(stream(numbers(), connection, last=last))
    assert (connection.outcome.reason, connection.is_complete) == ("failed", False)
