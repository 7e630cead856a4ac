"""How a body ends: with its terminator, with a last item, or cut."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jero.framing.framing import Framing
from jero.framing.json import JSON_ARRAY, NDJSON
from jero.framing.raw import RAW
from jero.framing.sse import SSE
from jero.policy import StreamPolicy
from jero.streaming.serve import OpenStreams, send_stream
from tests.streaming.wire import Wire, make_plan, skip_time, stream


async def fail() -> AsyncIterator[Any]:
    yield b"1"
    await asyncio.sleep(0)
    raise ValueError("secret")


async def tell(error: Exception) -> Any:
    return b"last"


async def fail_to_tell(error: Exception) -> Any:
    raise KeyError("handler")


async def tell_what_has_no_json(error: Exception) -> Any:
    return object()


@pytest.mark.parametrize(
    ("framing", "cut", "told"),
    [
        (RAW, b"1", b"1last"),
        (NDJSON, b'"MQ=="\n', b'"MQ=="\n"bGFzdA=="\n'),
        (JSON_ARRAY, b'["MQ=="', b'["MQ==","bGFzdA=="]'),
        (SSE, b"data: 1\n\n", b"data: 1\n\ndata: last\n\n"),
    ],
)
async def test_a_failed_stream_is_cut_unless_the_client_was_told(framing: Framing, cut: bytes, told: bytes) -> None:
    wire = Wire()
    await stream(fail(), wire, framing=framing)
    assert wire.body == cut
    assert not wire.is_complete
    wire = Wire()
    await stream(fail(), wire, framing=framing, on_error=tell)
    assert wire.body == told
    assert wire.is_complete
    assert wire.outcome.items == 1


MARKED = Framing(content_type="text/x", encode=RAW.encode, closing=b"[DONE]")


async def test_an_end_mark_is_sent_on_success_alone() -> None:
    async def complete() -> AsyncIterator[bytes]:
        yield b"1"

    ended, failed, told = Wire(), Wire(), Wire()
    await stream(complete(), ended, framing=MARKED)
    await stream(fail(), failed, framing=MARKED)
    await stream(fail(), told, framing=MARKED, on_error=tell)
    assert (ended.body, ended.is_complete) == (b"1[DONE]", True)
    assert (failed.body, failed.is_complete) == (b"1", False)
    assert (told.body, told.is_complete) == (b"1last", True)


@pytest.mark.parametrize("ending", ["expired", "shutdown"])
def test_an_end_mark_is_not_sent_with_a_final_frame(ending: str) -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"1"
        await asyncio.get_running_loop().create_future()

    async def test() -> Wire:
        wire, streams = Wire(), OpenStreams()
        policy = StreamPolicy(max_duration=1)
        plan = make_plan(silent(), wire.report, framing=MARKED, policy=policy, final_frame=lambda reason: b"retry")
        request = asyncio.create_task(send_stream(plan, streams, wire.receive, wire.send))
        await wire.wait_for_bytes(b"1")
        if ending == "shutdown":
            streams.drain()
        await request
        return wire

    wire = skip_time(test())
    assert wire.outcome.reason == ending
    assert (wire.body, wire.is_complete) == (b"1retry", True)


async def test_a_failed_array_is_closed_if_that_is_asked_for() -> None:
    wire = Wire()
    await stream(fail(), wire, framing=JSON_ARRAY, close_on_error=True)
    assert wire.body == b'["MQ=="]'
    assert not wire.is_complete


@pytest.mark.parametrize("handler", [fail_to_tell, tell_what_has_no_json])
async def test_a_handler_that_fails_is_logged_and_the_stream_cut(
    handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wire = Wire()
    await stream(fail(), wire, on_error=handler)
    assert not wire.is_complete
    assert wire.body == b'"MQ=="\n'
    assert "the error's handler failed" in caplog.text
    assert "ValueError: secret" in caplog.text


async def test_the_traceback_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire()
    await stream(fail(), wire)
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
async def test_odd_errors_of_a_source_are_failures(step: Any, *, is_early: bool) -> None:
    wire = Wire()

    async def source() -> AsyncIterator[int]:
        if not is_early:
            yield 1
            await asyncio.sleep(0)
        await step()
        yield 2

    if is_early:
        with pytest.raises(Exception):  # noqa: B017, PT011 - each step has its own, and it is an answer that is due
            await stream(source(), wire)
        assert wire.messages == []
    else:
        await stream(source(), wire)
        assert not wire.is_complete
    assert wire.outcome.reason == "failed"
    assert isinstance(wire.outcome.error, Exception)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_order_to_the_process_passes_through_after_the_teardown(kind: type[BaseException]) -> None:
    steps = list[str]()

    async def test() -> None:
        async def source() -> AsyncIterator[int]:
            try:
                yield 1
                await asyncio.sleep(0)
                raise kind
            finally:
                steps.append("closed")

        await stream(source(), Wire())

    with pytest.raises(kind):
        asyncio.run(test())
    assert steps == ["closed"]
