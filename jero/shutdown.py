"""Notices that the server shuts down while streams are open: the socket that the requests came by is closed.

A server sends an application `lifespan.shutdown` only after the open requests have ended, and an endless stream never
ends. But the first thing that every server does is to stop listening. So jero looks at the socket that its requests
came by. Nothing of the server is replaced or patched. It makes no difference which signal the process got, whether it
got a signal at all (hypercorn's workers do not), or how many workers there are.

The socket is not found if the system lists no descriptors (Windows), or if the requests do not name it. Then the object
that handles the signals of the process is looked at instead: uvicorn's server sets `should_exit` before it stops.
Without such an object, nothing is noticed.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from jero.http.asgi import Scope
from jero.sockets import find_listener, lists_descriptors

logger = logging.getLogger("jero.streams")

LOOK_SECONDS: Final = 0.1


class Listener(Protocol):
    """Whatever shows whether the server still listens."""

    def is_open(self) -> bool:
        """Returns whether the server still listens, and is not about to stop."""
        ...


class SignalledServer:
    """uvicorn's server. Its method `handle_exit` is the handler of the process's signals, and sets `should_exit`."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def is_open(self) -> bool:
        """Returns whether the server is not about to stop."""
        return not self._server.should_exit


def find_server() -> SignalledServer | None:
    """Returns the server that handles the signals of the process, or `None` if it does not show that it stops."""
    owner = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    return SignalledServer(owner) if isinstance(getattr(owner, "should_exit", None), bool) else None


class ShutdownWatch:
    """Calls `on_shutdown` when the server stops listening, or when a SIGTERM arrives that nothing else handles.

    `begin` starts the watch, which looks at the socket every `LOOK_SECONDS` as long as `is_needed()`. `is_looking`: the
    next look is scheduled.
    """

    def __init__(self, on_shutdown: Callable[[], asyncio.Future[None]], is_needed: Callable[[], bool]) -> None:
        self._on_shutdown = on_shutdown
        self._is_needed = is_needed
        self._listener: Listener | None = None
        self._has_warned = False
        self._has_sought = False
        self._timer: asyncio.TimerHandle | None = None
        self._signal_loop: asyncio.AbstractEventLoop | None = None
        self.is_looking = False

    def begin(self, scope: Scope) -> None:
        """Starts the watch for the request of `scope`, unless the watch has started already."""
        self._hold_signal()
        if not self._has_sought:  # not at startup: some servers begin to listen only later
            self._has_sought = True
            self._listener = find_listener(scope) or find_server()
            self._warn()
        if self._listener is not None and not self.is_looking:
            self._look_later()

    def close(self) -> None:
        """Ends the watch. The next `begin` looks for the socket again, and the process dies of a SIGTERM at once."""
        self._stop_looking()
        if self._signal_loop is not None:
            self._signal_loop.remove_signal_handler(signal.SIGTERM)
            self._signal_loop = None

    def _warn(self) -> None:
        """Logs, once, that a shutdown will not be noticed because of the system."""
        if self._listener is None and not self._has_warned and not lists_descriptors():
            self._has_warned = True
            logger.warning(
                "A shutdown cannot be noticed: this system lists no descriptors, and the server does not show that "
                "it stops. Streams end when the server cancels them. Call app.drain() before, or limit the time of the "
                "server's graceful shutdown."
            )

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
            loop = asyncio.get_running_loop()
            with suppress(NotImplementedError):  # Windows, where no other process can send a SIGTERM
                loop.add_signal_handler(signal.SIGTERM, self._drain_and_die)
                self._signal_loop = loop

    def _drain_and_die(self) -> None:
        self._on_shutdown().add_done_callback(lambda _: self._die())

    def _die(self) -> None:
        self.close()
        signal.raise_signal(signal.SIGTERM)
