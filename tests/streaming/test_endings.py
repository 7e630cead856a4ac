"""How a body ends: with its terminator, with a last item, or cut."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jero.framing.framing import Framing
from jero.framing.json import JSON_ARRAY, NDJSON
from jero.framing.raw import RAW
from jero.framing.sse import SSE
from tests.streaming.wire import Wire, stream


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
        (JSON_ARRAY, b'["MQ=="]', b'["MQ==","bGFzdA=="]'),
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
