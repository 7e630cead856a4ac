"""The sockets under a request, found among the process's own by what its scope says of them.

ASGI has no word for a server that stops, nor for a connection that is to be dropped: the sockets have. Where the
system does not list a process's descriptors, or the scope does not name the sockets' own ends (behind a proxy whose
headers the server trusts, for one), nothing is found, and nothing is done.


Noticing that the server is going down, while streams are open.

A server tells an application of its shutdown when the open requests have ended, which an endless stream never does.
But the first thing that every server does is to stop listening. So jero looks at the socket that its requests came by:
nothing of the server's is replaced or patched, and it makes no difference which signal the process was sent, or
whether it was sent one at all (hypercorn's workers are not), or how many workers there are.

Only a signal that nobody handles comes too fast for that: the process would be dead before it is looked. (The last of
hypercorn's workers are ended so.) There, and nowhere else, jero handles it: the process dies of it after the streams.

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


class Listener(Struct, frozen=True):
    """A socket that listens: its descriptor, and the inode by which it is told from a later one of that number."""

    descriptor: int
    inode: int

    def is_open(self) -> bool:
        """Whether it is still there."""
        return _inode(self.descriptor) == self.inode


def find_listener(scope: Scope) -> Listener | None:
    """The socket that the request came by."""
    server = scope.get("server")
    if not server:
        return None
    descriptor = _find(lambda found: _is_listening(found) and _has_port(found.getsockname(), server))
    return None if descriptor is None else Listener(descriptor, _inode(descriptor))


def drop_connection(scope: Scope) -> bool:
    """Ends the request's connection at once, and with it what the server has not yet sent; says whether it could.

    A server that closes a connection waits for the client to take the rest, which one that does not read never does.
    A connection of HTTP/2 or later is left alone: other requests share it.
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


def _find(is_it: Callable[[socket.socket], bool]) -> int | None:
    try:
        descriptors = sorted(map(int, os.listdir("/dev/fd")))  # noqa: PTH208 - these are numbers, and no paths
    except OSError:
        return None
    for descriptor in descriptors:
        with suppress(OSError):  # it was closed meanwhile, or is no socket of that kind
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                with _borrowed(descriptor) as found:
                    if is_it(found):
                        return descriptor
    return None


@contextmanager
def _borrowed(descriptor: int) -> Generator[socket.socket, None, None]:
    """A socket object on somebody else's descriptor, which is not closed with it."""
    found = socket.socket(fileno=descriptor)
    try:
        yield found
    finally:
        found.detach()


def _is_listening(found: socket.socket) -> bool:
    return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _has_port(name: Any, server: Any) -> bool:
    """Whether a listening socket's name fits a scope's `server`: it may listen on any host, or on a path."""
    if isinstance(name, str):
        return bool(name == server[0])
    return bool(server[1] is not None and name[1] == int(server[1]))


def _end(name: Any) -> tuple[str, int] | None:
    """A connection's end as a scope names it; an IPv4 address is that also where the socket is one of IPv6."""
    if not isinstance(name, list | tuple):
        return None
    host, port = cast("Sequence[Any]", name)[:2]
    return host.removeprefix("::ffff:"), int(port or 0)


def _inode(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return 0


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
