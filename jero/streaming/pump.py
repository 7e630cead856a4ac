"""From the source to the sender, in the one task that owns both.

The pulling coroutine is stepped by hand. While it runs without a pause, items gather in the outbox. The moment
it would wait, what gathered is sent, and only then is that which it waits for handed on to the event loop:
nothing ready is held back, no task is made, and the source waits as it would in any `async for`, with its own
context, timeouts and cancel scopes.
"""

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import Any, Final

from anyio import CancelScope

from jero.streaming.outbox import Outbox
from jero.streaming.sender import Sender
from jero.streaming.source import NOTHING, Source

LOOK_UP: Final = object()


@types.coroutine
def look_up() -> Generator[object, None, None]:
    """A pause of the pulling coroutine's own, for the pump to send, or to let others have the event loop."""
    yield LOOK_UP


class Pump:
    """Pulls, frames and sends until the source ends; raises what the source or the framing raises.

    `listen` is called whenever the source pauses. `lose` is told of an error of `send`. Once `is_stopped` is set
    nothing more is sent, and a cancellation is an order to end. Any other that arrives while the pump itself waits
    is meant for the source, for a timeout or a cancel scope around one of its `yield`s, and is given to it.
    """

    def __init__(
        self,
        source: Source,
        outbox: Outbox,
        sender: Sender,
        *,
        listen: Callable[[], None],
        lose: Callable[[BaseException], None],
    ) -> None:
        self._source = source
        self._outbox = outbox
        self._sender = sender
        self._listen = listen
        self._lose = lose
        self.is_stopped = False

    async def run(self) -> None:
        """Opens the source and sends all of it but the end of the body."""
        await self._drive(self._pull())
        if self._outbox and not self.is_stopped:
            try:
                await self._sender.send(self._outbox.take())
            except Exception as error:
                self._lose(error)

    async def _pull(self) -> None:
        items = await self._source.open()
        add = self._outbox.add
        if self._source.first is not NOTHING and add(self._source.first):
            await self._pause(items)
        async for item in items:
            if add(item):
                await self._pause(items)

    async def _pause(self, items: AsyncIterator[Any]) -> None:
        try:
            await look_up()
        except asyncio.CancelledError as cancelled:
            throw = getattr(items, "athrow", None)
            if throw is None or self.is_stopped:
                raise
            try:
                self._outbox.add(await throw(cancelled))
            except StopAsyncIteration:
                return  # the source ended on it; the next pull says so again

    @types.coroutine
    def _drive(self, pull: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        thrown: BaseException | None = None
        while True:
            try:
                waiting: Any = pull.send(None) if thrown is None else pull.throw(thrown)
            except StopIteration:
                return
            thrown = yield from (self._attend() if waiting is LOOK_UP else self._wait(waiting))

    def _wait(self, waiting: Any) -> Generator[Any, Any, BaseException | None]:
        """The source pauses: what gathered is sent, then the source waits; gives back what it is to be thrown."""
        self._listen()
        thrown: BaseException | None = None
        if self._outbox and not self.is_stopped:
            thrown = yield from self._send_out()
        if thrown is None or _cancel(waiting):
            try:
                yield waiting
                thrown = None
            except BaseException as error:  # the task's cancellation, which is the source's to handle
                thrown = error
        self._begin_turn()
        return thrown

    def _attend(self) -> Generator[Any, Any, BaseException | None]:
        """The source does not pause: what is due is sent, and the event loop has its turn."""
        if self.is_stopped:
            self._outbox.close()
            return asyncio.CancelledError()
        thrown: BaseException | None = None
        if self._outbox.is_due():
            thrown = yield from self._send_out()
        if thrown is None and self._outbox.turn_is_over():
            try:
                yield None
            except BaseException as error:  # the task's cancellation, which is the source's to handle
                thrown = error
            self._begin_turn()
        return thrown

    def _begin_turn(self) -> None:
        if self.is_stopped:
            self._outbox.close()
        else:
            self._outbox.begin_turn()

    def _send_out(self) -> Generator[Any, Any, BaseException | None]:
        """Sends what gathered; gives back a cancellation that the source is to have, if there was one."""
        sending = self._sender.send(self._outbox.take())
        try:
            waiting = sending.send(None)
        except StopIteration:  # nearly always: the server took it at once
            return None
        except Exception as error:
            self._lose(error)
            return asyncio.CancelledError()
        return (yield from self._wait_out(sending, waiting))

    def _wait_out(self, sending: Coroutine[Any, Any, None], waiting: Any) -> Generator[Any, Any, BaseException | None]:
        """Waits for a slow client. A cancellation meant for the source is kept for it, and breaks no send off."""
        kept: BaseException | None = None
        broken_off: BaseException | None = None
        with CancelScope(shield=True):
            while True:
                try:
                    yield from _until_done(waiting)
                except asyncio.CancelledError as cancelled:
                    kept = cancelled
                    if not self.is_stopped:
                        continue
                    broken_off = cancelled
                try:
                    waiting = sending.send(None) if broken_off is None else sending.throw(broken_off)
                except StopIteration:
                    break
                except asyncio.CancelledError as cancelled:
                    kept = cancelled
                    break
                except Exception as error:
                    self._lose(error)
                    kept = asyncio.CancelledError()
                    break
                broken_off = None
        return kept


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
