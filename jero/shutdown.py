"""Notices that the server shuts down while streams are open, by the sockets under the requests.

A server sends an application `lifespan.shutdown` only after the open requests have ended, and an endless stream never
ends. But the first thing that every server does is to stop listening. So jero looks at the socket that its requests
came by. Nothing of the server is replaced or patched. It makes no difference which signal the process got, whether it
got a signal at all (hypercorn's workers do not), or how many workers there are.

ASGI has no message for dropping a connection either: `drop_connection` shuts down the socket.

Sockets are found among the process's descriptors, by the addresses in the request's scope. Nothing is found if the
system does not list descriptors, or if the scope does not name the socket's own addresses (as behind a proxy whose
forwarding headers the server trusts). Then nothing is noticed, and nothing is dropped.
"""

import asyncio
import os
import signal
import socket
import stat
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

from msgspec import Struct

from jero.http.asgi import Scope

LOOK_SECONDS: Final = 0.1


class ShutdownWatch:
    """Calls `on_shutdown` when the server stops listening, or when a SIGTERM arrives that nothing else handles.

    `begin` starts the watch, which looks at the socket every `LOOK_SECONDS` as long as `is_needed()`. `is_looking`: the
    next look is scheduled.
    """

    def __init__(self, on_shutdown: Callable[[], asyncio.Future[None]], is_needed: Callable[[], bool]) -> None:
        self._on_shutdown = on_shutdown
        self._is_needed = is_needed
        self._listener: Listener | None = None
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


class Listener(Struct, frozen=True):
    """A socket that listens: its descriptor, and the inode, which tells it from a later socket of that descriptor."""

    descriptor: int
    inode: int

    def is_open(self) -> bool:
        """Returns whether the socket is still open."""
        return _inode(self.descriptor) == self.inode


def find_listener(scope: Scope) -> Listener | None:
    """Returns the socket that the request came by, or `None` if it is not found."""
    server = scope.get("server")
    if not server:
        return None
    descriptor = _find(lambda found: _is_listening(found) and _has_port(found.getsockname(), server))
    return None if descriptor is None else Listener(descriptor, _inode(descriptor))


def drop_connection(scope: Scope) -> bool:
    """Ends the request's connection at once, with everything that the server has not yet sent. Returns whether it did.

    A server that closes a connection waits until the client has taken the rest. A client that does not read never does.
    A connection of HTTP/2 or later is left alone, because other requests share it.
    """
    server, client = scope.get("server"), scope.get("client")
    if not server or not client or not str(scope.get("http_version", "")).startswith("1"):
        return False
    there, here = _end(client), _end(server)
    descriptor = _find(lambda found: _end(found.getpeername()) == there and _end(found.getsockname()) == here)
    if descriptor is None:
        return False
    with suppress(OSError), _borrowed(descriptor) as connection:
        connection.shutdown(socket.SHUT_RDWR)
    return True


def _find(is_wanted: Callable[[socket.socket], bool]) -> int | None:
    try:
        descriptors = sorted(map(int, os.listdir("/dev/fd")))  # noqa: PTH208 - these are numbers, not paths
    except OSError:
        return None
    for descriptor in descriptors:
        with suppress(OSError):  # closed meanwhile, or a socket of another kind
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                with _borrowed(descriptor) as found:
                    if is_wanted(found):
                        return descriptor
    return None


@contextmanager
def _borrowed(descriptor: int) -> Generator[socket.socket, None, None]:
    """Wraps the server's descriptor in a socket object, without closing the descriptor afterwards."""
    found = socket.socket(fileno=descriptor)
    try:
        yield found
    finally:
        found.detach()


def _is_listening(found: socket.socket) -> bool:
    return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _has_port(name: Any, server: Any) -> bool:
    """Returns whether a listening socket's name fits the scope's `server`: it may listen on any host, or on a path."""
    if isinstance(name, str):
        return bool(name == server[0])
    return bool(server[1] is not None and name[1] == int(server[1]))


def _end(name: Any) -> tuple[str, int] | None:
    """Returns one end of a connection as a scope names it. An IPv6 socket names IPv4 addresses with a prefix."""
    if not isinstance(name, list | tuple):
        return None
    host, port = cast("Sequence[Any]", name)[:2]
    return host.removeprefix("::ffff:"), int(port or 0)


def _inode(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return 0
