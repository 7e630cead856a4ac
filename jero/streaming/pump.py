"""Moves a source's items to the sender, in the one task that owns both.

Theory of operation. Pulling is an `async for` over the source that frames each item into the buffer; it never sends.
The pump steps that coroutine by hand. While the source runs without a pause, items gather in the buffer. The moment
the source would wait, the pump sends what gathered, and only then passes on to the event loop what the source waits
for. So nothing that is ready is held back, no task is made for an item, and the source waits as it would in any
`async for`, with its own context, timeouts and cancel scopes.

A source that never pauses would keep the event loop. So pulling yields `LOOK_UP` now and then, and the pump attends:
it sends a full chunk, and gives the event loop its turn.

A cancellation of the task has one of two meanings. If the stream's ending is decided, it is the order to end. If not,
it is meant for the source, for a timeout or a cancel scope around one of its `yield`s, and the pump passes it on; while
a send waits for a slow client, it is kept until that send has ended.
"""

import asyncio
import types
from collections.abc import AsyncIterator, Coroutine, Generator
from typing import Any, Final

from anyio import CancelScope

from jero.streaming.buffer import FrameBuffer
from jero.streaming.plan import FastPath
from jero.streaming.send import BROKEN_OFF, SENT, Parts, Sender
from jero.streaming.source import MISSING, Source
from jero.streaming.state import StreamState
from jero.streaming.turns import Turns

LOOK_UP: Final = object()


class Pump:
    """Drives a pulling coroutine to its end, and sends what it puts into the buffer."""

    __slots__ = ("_buffer", "_parts", "_sender", "_turns", "state")

    def __init__(self, buffer: FrameBuffer, sender: Sender, state: StreamState, turns: Turns) -> None:
        self._buffer = buffer
        self._sender = sender
        self._turns = turns
        self._parts: Parts | None = None
        self.state = state

    @types.coroutine
    def drive(self, pull: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        """Sends all that the coroutine pulls, except what is left in the buffer at its end. Raises what it raises.

        A slow source pays for a pause with every item, so that is what is kept short here.
        """
        frames, buffer = self._buffer, self._buffer.buffer
        thrown: BaseException | None = None
        try:
            while True:
                waiting: Any = pull.send(None) if thrown is None else pull.throw(thrown)
                if waiting is LOOK_UP:
                    thrown = yield from self._attend()
                    continue
                # The source pauses: what gathered is sent, and then the source waits.
                pending = self.send_now(frames.take()) if buffer else SENT
                thrown = None if pending is SENT else (yield from self.send_slowly(pending))
                if thrown is None or _cancel(waiting):
                    try:
                        yield waiting
                        thrown = None
                    except BaseException as error:  # the task's cancellation, which the source has to handle
                        thrown = error
                frames.turn_until = None
        except StopIteration:
            return
        finally:
            thrown = None  # its traceback refers to this frame

    def _attend(self) -> Generator[Any, Any, BaseException | None]:
        """Sends what is due of a source that does not pause, and gives the event loop its turn."""
        if self.state.ending is not None:
            self._buffer.close()
            return asyncio.CancelledError()
        pending = self.send_now(self._buffer.take()) if self._buffer.is_due() else SENT
        thrown = None if pending is SENT else (yield from self.send_slowly(pending))
        if thrown is not None or not self._buffer.turn_is_over():
            return thrown
        self._buffer.turn_until = None
        next_turn = self._turns.end(asyncio.get_running_loop())
        try:
            if next_turn is None:
                yield None
            else:
                yield from next_turn
        except BaseException as error:  # the task's cancellation, which the source has to handle
            return error
        return None

    def parts(self) -> Parts:
        """Returns the sender's generator of parts, made when it is first needed: many streams are idle."""
        if self._parts is None:
            self._parts = self._sender.parts()
        return self._parts

    def send_now(self, body: bytes) -> Any:
        """Sends `body`. Returns `SENT`, or the future to wait for if the server is not ready."""
        if self.state.client_is_gone:  # a source that ignores its cancellation may have filled the buffer
            return SENT
        return (self._parts or self.parts()).send(body)

    def send_slowly(self, waiting: Any) -> Generator[Any, Any, BaseException | None]:
        """Waits until a slow client has taken what is sent. Returns what to throw into the source, if anything."""
        if self.state.client_is_gone:
            self.parts().close()
            return asyncio.CancelledError()
        thrown: BaseException | None = None
        timer = self._sender.begin_waiting()
        try:
            with CancelScope(shield=True):
                thrown = yield from self._wait_out(waiting)
            return thrown
        finally:
            self._sender.end_waiting(timer)
            thrown = None  # its traceback refers to this frame

    def _wait_out(self, waiting: Any) -> Generator[Any, Any, BaseException | None]:
        """Keeps a cancellation that is meant for the source: it does not break off the send."""
        parts = self.parts()
        kept: BaseException | None = None
        broken_off: BaseException | None = None
        try:
            while waiting is not SENT:
                if waiting is BROKEN_OFF:
                    return asyncio.CancelledError()
                try:
                    yield from _until_done(waiting)
                except asyncio.CancelledError as cancelled:
                    kept = cancelled
                    if not self.state.client_is_gone:
                        continue
                    broken_off = cancelled
                waiting = next(parts) if broken_off is None else parts.throw(broken_off)
                broken_off = None
            return kept
        finally:
            kept = broken_off = None  # their tracebacks refer to this frame


async def pull_items(source: Source, buffer: FrameBuffer) -> None:
    """Opens the source and frames all its items. Raises what the source or the encoding of an item raises.

    Yields `LOOK_UP` to the pump when it is time to send, or to let others have the event loop. A cancellation that is
    thrown in there goes into the source, at the `yield` that the source waits in.
    """
    items = await source.open()
    if source.first is not MISSING and buffer.add(source.first):
        await _look_up(items, buffer)
    async for item in items:
        if buffer.add(item):
            await _look_up(items, buffer)


async def pull_fast(source: Source, frames: FrameBuffer, fast_path: FastPath) -> None:
    """Does the same for items that are mostly on the fast path, without a call for each of them: the hot loop."""
    items = await source.open()
    if source.first is not MISSING and frames.add(source.first):
        await _look_up(items, frames)
    prefix, suffix, encode_into = fast_path.prefix, fast_path.suffix, fast_path.encode_into
    known: type | None = None  # the class of the last item; the first item has no separator before it
    buffer, size, mark, framed = frames.buffer, len(frames.buffer), frames.mark, 0
    try:
        async for item in items:
            if type(item) is known:
                if prefix:
                    buffer += prefix
                encode_into(item, buffer, -1)
                buffer += suffix
                framed += 1
                size = len(buffer)
                if size < mark:
                    continue
                is_time = frames.look()
            else:
                is_time = frames.add(item)
                known = _fast_type(item, fast_path) or known
            if is_time:
                await _look_up(items, frames)
            size, mark = len(buffer), frames.mark
    except BaseException:
        del buffer[size:]  # what was written of an item before its encoding failed
        raise
    finally:
        frames.items += framed


def framed_fast(pulling: Any) -> int:
    """Returns how many items a running `pull_fast` has framed without counting them in `FrameBuffer.items` yet.

    They are read out of its frame. To count each in an attribute would cost every stream a fortieth of its time.
    """
    frame = getattr(pulling, "cr_frame", None)
    return 0 if frame is None else frame.f_locals.get("framed", 0)


def _fast_type(item: object, fast_path: FastPath) -> type | None:
    """Returns the class of an item that is on the fast path, and None for any other item."""
    return type(item) if type(item) in fast_path.types else None


async def _look_up(items: AsyncIterator[Any], buffer: FrameBuffer) -> None:
    try:
        await _pause()
    except asyncio.CancelledError as cancelled:
        throw = getattr(items, "athrow", None)
        if throw is None or buffer.is_closed:
            raise
        try:
            buffer.add(await throw(cancelled))
        except StopAsyncIteration:
            return  # the source ended on it; the next pull ends, too


@types.coroutine
def _pause() -> Generator[object, None, None]:
    yield LOOK_UP


def _until_done(waiting: Any) -> Generator[Any, Any, None]:
    """Waits for what a coroutine yielded to its task, without passing the task's cancellation on to it."""
    if waiting is None:
        yield None
        return
    while not waiting.done():
        yield from asyncio.wait((waiting,)).__await__()


def _cancel(waiting: Any) -> bool:
    """Cancels what a source waits for, as its task would. Returns whether that was possible."""
    return waiting is not None and bool(waiting.cancel())
