"""The sockets under a request, found among the process's own by what its scope says of them.

ASGI has no word for a server that stops, nor for a connection that is to be dropped: the sockets have. Where the
system does not list a process's descriptors, or the scope does not name the sockets' own ends (behind a proxy whose
headers the server trusts, for one), nothing is found, and nothing is done.
"""

import os
import socket
import stat
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

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
