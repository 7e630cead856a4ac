"""From the source to the sender, in the one task that owns both.

The pulling coroutine is stepped by hand. While it runs without a pause, items gather in the outbox. The moment
it would wait, what gathered is sent, and only then is that which it waits for handed on to the event loop:
nothing ready is held back, no task is made, and the source waits as it would in any `async for`, with its own
context, timeouts and cancel scopes.
"""

import asyncio
import types
from collections.abc import Coroutine, Generator
from time import sleep
from typing import Any, Final

from anyio import CancelScope

from jero.streaming.outbox import Outbox
from jero.streaming.pull import LOOK_UP
from jero.streaming.sender import BROKEN_OFF, SENT, Parts, Sender

# Other threads, a server's own among them, need the interpreter as the event loop needs its turn; and one that is to
# have it has to wake first. So it is let go for a sleep, however short, and not just for a call: a request on granian
# took a second then.
HANDOVER_SECONDS: Final = 0.000_001


class Pump:
    """Drives a pulling coroutine to its end, and sends what it puts into the outbox; raises what it raises.

    Once `stop` was called, a cancellation is an order to end. Any other that arrives while the pump itself waits is
    meant for the source, for a timeout or a cancel scope around one of its `yield`s, and is given to it.
    """

    __slots__ = ("_is_cut_off", "_outbox", "_parts", "_sender", "is_stopped")

    def __init__(self, outbox: Outbox, sender: Sender) -> None:
        self._outbox = outbox
        self._sender = sender
        self.is_stopped = False
        self._is_cut_off = False
        self._parts: Parts | None = None

    def stop(self, *, is_cut_off: bool) -> None:
        """The source is told to end. With `is_cut_off` nobody is there to be sent anything more."""
        self.is_stopped = True
        if is_cut_off:
            self._is_cut_off = True
            self._outbox.close()

    @types.coroutine
    def drive(self, pull: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        """Sends all that the coroutine pulls, but for what is left in the outbox at its end.

        A source that is slow pays for a pause with every item, so that is what is kept short here.
        """
        outbox, buffer, take = self._outbox, self._outbox.buffer, self._outbox.take
        thrown: BaseException | None = None
        try:
            while True:
                waiting: Any = pull.send(None) if thrown is None else pull.throw(thrown)
                if waiting is LOOK_UP:
                    thrown = yield from self._attend()
                    continue
                # The source pauses: what gathered is sent, and then it waits.
                pending = self.send_now(take()) if buffer else SENT
                thrown = None if pending is SENT else (yield from self.send_slowly(pending))
                if thrown is None or _cancel(waiting):
                    try:
                        yield waiting
                        thrown = None
                    except BaseException as error:  # the task's cancellation, which is the source's to handle
                        thrown = error
                outbox.turn_until = None
        except StopIteration:
            return
        finally:
            thrown = None  # it holds this frame by its traceback

    def _attend(self) -> Generator[Any, Any, BaseException | None]:
        """The source does not pause: what is due is sent, and the event loop has its turn."""
        if self.is_stopped:
            self._outbox.close()
            return asyncio.CancelledError()
        pending = self.send_now(self._outbox.take()) if self._outbox.is_due() else SENT
        thrown = None if pending is SENT else (yield from self.send_slowly(pending))
        if thrown is not None or not self._outbox.turn_is_over():
            return thrown
        sleep(HANDOVER_SECONDS)
        self._outbox.turn_until = None
        try:
            yield None
        except BaseException as error:  # the task's cancellation, which is the source's to handle
            return error
        return None

    def parts(self) -> Parts:
        """What sends the parts of the body."""
        if self._parts is None:  # not before it is needed: many streams are idle
            self._parts = self._sender.parts()
        return self._parts

    def send_now(self, body: bytes) -> Any:
        """Sends it; says that it is `SENT`, or where that has to wait, which is seldom, what for."""
        if self._is_cut_off:  # a source that goes on all the same may have filled the buffer
            return SENT
        return (self._parts or self.parts()).send(body)

    def send_slowly(self, waiting: Any) -> Generator[Any, Any, BaseException | None]:
        """Waits for a client that takes its time; gives back what the source is to be thrown."""
        if self._is_cut_off:
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
            thrown = None  # it holds this frame by its traceback

    def _wait_out(self, waiting: Any) -> Generator[Any, Any, BaseException | None]:
        """A cancellation that is meant for the source is kept for it, and breaks no send off."""
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
                    if not self._is_cut_off:
                        continue
                    broken_off = cancelled
                waiting = next(parts) if broken_off is None else parts.throw(broken_off)
                broken_off = None
            return kept
        finally:
            kept = broken_off = None  # each holds this frame by its traceback


def _until_done(waiting: Any) -> Generator[Any, Any, None]:
    """Waits for what a coroutine yielded to its task, without giving it the task's cancellation."""
    if waiting is None:
        yield None
        return
    while not waiting.done():
        yield from asyncio.wait((waiting,)).__await__()


def _cancel(waiting: Any) -> bool:
    """Cancels what a source waits for, as its task would; `False` where the source has to be told directly."""
    return waiting is not None and bool(waiting.cancel())
