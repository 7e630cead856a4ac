"""Notices that the server shuts down while streams are open: the socket that the requests came by is closed.

A server sends an application `lifespan.shutdown` only after the open requests have ended, and an endless stream never
ends. But the first thing that every server does is to stop listening. So jero looks at the socket that its requests
came by. Nothing of the server is replaced or patched. It makes no difference which signal the process got, whether it
got a signal at all (hypercorn's workers do not), or how many workers there are.

If the socket is not found (`jero.sockets`), nothing is noticed.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Final

from jero.http.asgi import Scope
from jero.sockets import Socket, find_listener

LOOK_SECONDS: Final = 0.1


class ShutdownWatch:
    """Calls `on_shutdown` when the server stops listening, or when a SIGTERM arrives that nothing else handles.

    `begin` starts the watch, which looks at the socket every `LOOK_SECONDS` as long as `is_needed()`. `is_looking`: the
    next look is scheduled.
    """

    def __init__(self, on_shutdown: Callable[[], asyncio.Future[None]], is_needed: Callable[[], bool]) -> None:
        self._on_shutdown = on_shutdown
        self._is_needed = is_needed
        self._listener: Socket | None = None
        self._has_sought = False
        self._timer: asyncio.TimerHandle | None = None
        self._signal_loop: asyncio.AbstractEventLoop | None = None
        self.is_looking = False

    def begin(self, scope: Scope) -> None:
        """Starts the watch for the request of `scope`, unless the watch has started already."""
        self._hold_signal()
        if not self._has_sought:  # not at startup: some servers begin to listen only later
            self._has_sought = True
            self._listener = find_listener(scope)
        if self._listener is not None and not self.is_looking:
            self._look_later()

    def close(self) -> None:
        """Ends the watch. The next `begin` looks for the socket again, and the process dies of a SIGTERM at once."""
        self._stop_looking()
        if self._signal_loop is not None:
            self._signal_loop.remove_signal_handler(signal.SIGTERM)
            self._signal_loop = None

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        self.is_looking = True

    def _look(self) -> None:
        self.is_looking = False
        if not self._is_needed():
            return
        if self._listener is not None and self._listener.is_open():
            self._look_later()
        else:
            self._stop_looking()
            self._on_shutdown()

    def _stop_looking(self) -> None:
        self._has_sought, self._listener = False, None
        if self._timer is not None:
            self._timer.cancel()
        self.is_looking = False

    def _hold_signal(self) -> None:
        """Handles SIGTERM if nothing else does: the process would be dead before the next look.

        The last of hypercorn's workers are ended so. Only the main thread of a process can handle signals.
        """
        is_main = threading.current_thread() is threading.main_thread()
        if self._signal_loop is None and is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._signal_loop = asyncio.get_running_loop()
            self._signal_loop.add_signal_handler(signal.SIGTERM, self._drain_and_die)

    def _drain_and_die(self) -> None:
        self._on_shutdown().add_done_callback(lambda _: self._die())

    def _die(self) -> None:
        self.close()
        signal.raise_signal(signal.SIGTERM)
