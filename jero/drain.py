"""Noticing that the server is going down, while streams are open.

A server tells an application of its shutdown when the open requests have ended, which an endless stream never does.
But the first thing that every server does is to stop listening. So jero looks at the socket that its requests came by:
nothing of the server's is replaced or patched, and it makes no difference which signal the process was sent, or
whether it was sent one at all (hypercorn's workers are not), or how many workers there are.

Only a signal that nobody handles comes too fast for that: the process would be dead before it is looked. (The last of
hypercorn's workers are ended so.) There, and nowhere else, jero handles it: the process dies of it after the streams.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Final

from jero.http.asgi import Scope
from jero.http.sockets import Listener, find_listener

LOOK_SECONDS: Final = 0.1


class ShutdownWatch:
    """Calls `on_shutdown` when the socket that requests came by no longer listens.

    It looks every tenth of a second, only while `is_needed`. Where the system does not list a process's descriptors,
    or the server does not name its socket, nothing is noticed.
    """

    def __init__(self, on_shutdown: Callable[[], object], is_needed: Callable[[], bool]) -> None:
        self._on_shutdown = on_shutdown
        self._is_needed = is_needed
        self._listener: Listener | None = None
        self._has_sought = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, scope: Scope) -> None:
        """A stream begins, for the request of `scope`."""
        if not self._has_sought:  # not at startup: some servers listen only later
            self._has_sought = True
            self._listener = find_listener(scope)
        if self._listener is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look, self._listener)

    def close(self) -> None:
        """Ends the watch; the next `begin` begins anew."""
        self._has_sought, self._listener = False, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, listener: Listener) -> None:
        self._timer = None
        if not self._is_needed():
            return
        if listener.is_open():
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look, listener)
        else:
            self.close()
            self._on_shutdown()


class FatalSignal:
    """Holds SIGTERM back where nothing handles it, until the future of `on_shutdown` is done."""

    def __init__(self, on_shutdown: Callable[[], asyncio.Future[None]]) -> None:
        self._on_shutdown = on_shutdown
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self) -> None:
        """A stream begins. Only a process's main thread hears signals."""
        is_main = threading.current_thread() is threading.main_thread()
        if self._loop is None and is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._loop = asyncio.get_running_loop()
            self._loop.add_signal_handler(signal.SIGTERM, self._hear)

    def close(self) -> None:
        """From now on the process dies of it at once again."""
        if self._loop is not None:
            self._loop.remove_signal_handler(signal.SIGTERM)
            self._loop = None

    def _hear(self) -> None:
        self._on_shutdown().add_done_callback(lambda _: self._die())

    def _die(self) -> None:
        self.close()
        signal.raise_signal(signal.SIGTERM)


def all_over(draining: Sequence[asyncio.Future[None]]) -> asyncio.Future[None]:
    """Done when all of them are."""
    return asyncio.ensure_future(_wait(draining))


async def _wait(draining: Sequence[asyncio.Future[None]]) -> None:
    await asyncio.wait(draining)
