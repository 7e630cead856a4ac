"""Finds sockets among the descriptors of the process, by the addresses in a request's scope.

Nothing is found if the system does not list descriptors, or if the scope does not name the socket's own addresses.

A client can change what a scope names: servers and middleware take the client's address from headers such as
X-Forwarded-For. `Sockets` therefore finds nothing that a header could have named. Such an address needs a port from
the headers, or it combines the port of the request's own connection with a host from the headers:

- A port that stands in a header of the request is not looked for.
- If several connections have the client's port, none is found for a request with headers that may name a host.
  If one connection alone has it, that is the request's own: the look is not older than the request.
"""

import os
import re
import select
import socket
import stat
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, Final, TypeAlias, cast

from msgspec import Struct

from jero.http.asgi import Scope

# The peer's host and port, then the socket's own.
Ends: TypeAlias = tuple[str, int, str, int]

# The family only tells Python how long a name may be: asking the system for it would double the time of a look.
_WIDEST: Final = socket.AF_UNIX if hasattr(socket, "AF_UNIX") else socket.AF_INET6
# The part of its time that a process may spend on looks which can wait.
_SHARE_OF_LOOKS: Final = 0.01
_NAMES_HOSTS: Final = (b"forwarded", b"-ip")
_CLOSED_BY_PEER: Final = getattr(select, "POLLRDHUP", 0)  # other ends of a connection are always shown
_NOT_IN_NUMBERS: Final = re.compile(rb"[^0-9]+")


class Socket(Struct, frozen=True):
    """A socket: its descriptor, and the inode, which tells it from a later socket of that descriptor."""

    descriptor: int
    inode: int

    def is_open(self) -> bool:
        """Returns whether the socket is still open."""
        return _inode(self.descriptor) == self.inode


class ListeningSocket(Struct, frozen=True):
    """A listening socket: all its descriptors, and the inode and the name that they share.

    Some systems, such as macOS, give each socket of TCP the inode 0. There the name alone tells it from others.
    """

    descriptors: tuple[int, ...]
    inode: int
    name: Any

    def is_open(self) -> bool:
        """Returns whether all descriptors of the socket are still open.

        A server that inherits its socket, as by systemd's activation, may listen on a copy of the descriptor. When it
        stops, it closes the copy alone.
        """
        return all(
            _inode(descriptor) == self.inode and _read(descriptor, _listening_name) == self.name
            for descriptor in self.descriptors
        )


class Sockets:
    """The connections of the process, as they were at the last look.

    One look serves all requests that began before it. So a thousand connections that are searched for cost one look.
    """

    def __init__(self) -> None:
        self._looked_at = float("-inf")
        self._look_took = 0.0
        self._found: dict[Ends, Socket] = {}
        self._sharing: dict[int, int] = {}  # how many connections have a peer with this port
        self._broken: set[tuple[str, int]] = set()  # the own names of sockets that have a peer no more

    def find(self, scope: Scope, since: float) -> Socket | None:
        """Returns the connection of the request that began at `since`, or `None` if it is not certainly found.

        `since` is a time of `time.monotonic`.
        """
        ends = _ends(scope)
        if ends is None or _names_port(scope, ends[1]):
            return None
        if self._looked_at <= since:
            self._look()
        found = self._found.get(ends)
        if found is None or not found.is_open() or _ends_of(found.descriptor) != ends:
            return None
        if self._sharing[ends[1]] > 1 and _may_name_host(scope, ends[0]):
            return None
        return found

    def is_reset(self, scope: Scope, since: float) -> bool:
        """Returns whether the peer has reset the connection of the request that began at `since`.

        The system forgets the peer of such a socket, so it is not found. It is reset if no connection has the client's
        port, no header contains that port, and a socket with the own name of the connection has lost its peer. The
        scope must be as the server has made it.
        """
        ends = _ends(scope)
        if ends is None or _names_port(scope, ends[1]):
            return False
        if self._looked_at <= since:
            self._look()
        return ends[1] not in self._sharing and ends[2:] in self._broken

    def is_cheap(self, since: float) -> bool:
        """Returns whether `find` needs no look for a request that began at `since`, or the last look is long ago.

        A look takes longer the more descriptors there are.
        """
        return self._looked_at > since or (monotonic() - self._looked_at) * _SHARE_OF_LOOKS > self._look_took

    def _look(self) -> None:
        self._looked_at = monotonic()
        self._found, self._sharing, self._broken = {}, {}, set()
        for descriptor, inode in _descriptors():
            ends = _ends_of(descriptor)
            if ends is None:
                self._note_broken(descriptor)
            else:
                self._found[ends] = Socket(descriptor, inode)
                self._sharing[ends[1]] = self._sharing.get(ends[1], 0) + 1
        self._look_took = monotonic() - self._looked_at

    def _note_broken(self, descriptor: int) -> None:
        name = _read(descriptor, _name_without_peer)
        own = None if name is None else _joined(name, name)
        if own is not None:
            self._broken.add(own[2:])


def find_listener(scope: Scope) -> ListeningSocket | None:
    """Returns the listening socket that the request came by, or `None` if it is not found."""
    server = scope.get("server")
    if not server:
        return None

    descriptors = _descriptors()
    for descriptor, inode in descriptors:
        name = _read(descriptor, _listening_name)
        if name is not None and _has_port(name, server):
            same = (other for other, its_inode in descriptors if its_inode == inode)
            copies = (other for other in same if _read(other, _listening_name) == name)
            return ListeningSocket((descriptor, *copies), inode, name)
    return None


def lists_descriptors() -> bool:
    """Returns whether the system lists the descriptors of the process. Windows does not."""
    return next(_numbers(), None) is not None


def hung_up(descriptors: Iterable[int]) -> set[int]:
    """Returns the descriptors whose peers have closed their side, also if there are bytes to read before that.

    Windows does not show it, so none is returned there. macOS shows only that both sides are closed.
    """
    if sys.platform == "win32":
        return set()
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, _CLOSED_BY_PEER)
    return {descriptor for descriptor, _ in poll.poll(0)}


@contextmanager
def borrowed(descriptor: int) -> Generator[socket.socket, None, None]:
    """Wraps the server's descriptor in a socket object, without closing the descriptor afterwards."""
    found = socket.socket(_WIDEST, socket.SOCK_STREAM, 0, descriptor)
    try:
        yield found
    finally:
        found.detach()


def _descriptors() -> Generator[tuple[int, int], None, None]:
    """Yields the descriptor and the inode of each socket of the process."""
    for descriptor in _numbers():
        with suppress(OSError):  # closed meanwhile
            status = os.fstat(descriptor)
            if stat.S_ISSOCK(status.st_mode):
                yield descriptor, status.st_ino


def _numbers() -> Iterator[int]:
    """Yields the descriptors of the process in order, or nothing if the system does not list them."""
    try:
        yield from sorted(map(int, os.listdir("/dev/fd")))  # noqa: PTH208 - these are numbers, not paths
    except OSError:
        return


def _read(descriptor: int, read: Callable[[socket.socket], Any]) -> Any:
    """Returns what `read` returns for the socket, or `None` if the system refuses to read that."""
    try:
        found = socket.socket(_WIDEST, socket.SOCK_STREAM, 0, descriptor)
        try:
            return read(found)
        finally:
            found.detach()
    except OSError:  # a socket of a different kind, or closed meanwhile
        return None


def _ends_of(descriptor: int) -> Ends | None:
    names = _read(descriptor, _names)
    return None if names is None else _joined(*names)


def _names(found: socket.socket) -> tuple[Any, Any]:
    return found.getpeername(), found.getsockname()


def _listening_name(found: socket.socket) -> Any:
    """Returns the name of a socket that listens, or `None` for any other."""
    return found.getsockname() if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) else None


def _name_without_peer(found: socket.socket) -> Any:
    """Returns the name of a TCP socket that was connected, or `None` for one that listens."""
    if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return None
    name = found.getsockname()
    return None if isinstance(name, str | bytes) else name


def _ends(scope: Scope) -> Ends | None:
    return _joined(scope.get("client"), scope.get("server"))


def _joined(peer: Any, own: Any) -> Ends | None:
    """Returns both ends of a connection, or `None` if one has no port. IPv6 sockets name IPv4 hosts with a prefix."""
    ends: list[Any] = []
    for name in (peer, own):
        if not isinstance(name, list | tuple):
            return None
        host, port = cast("Sequence[Any]", name)[:2]
        if not port or not int(port):
            return None
        ends += (str(host).removeprefix("::ffff:"), int(port))
    return cast("Ends", tuple(ends))


def _names_port(scope: Scope, port: int) -> bool:
    """Returns whether a header of the request contains the port, in whichever way it is separated or padded."""
    digits = b"%d" % port
    return any(digits in _NOT_IN_NUMBERS.sub(b"", value.replace(b"_", b"")) for _, value in scope.get("headers", ()))


def _may_name_host(scope: Scope, host: str) -> bool:
    """Returns whether a header other than Host contains the host, or is one that proxies name hosts in."""
    text = host.encode("latin-1", "replace")
    return any(
        name != b"host" and (text in value or any(part in name for part in _NAMES_HOSTS))
        for name, value in scope.get("headers", ())
    )


def _has_port(name: Any, server: Any) -> bool:
    """Returns whether a listening socket's name fits the scope's `server`: it may listen on any host, or on a path."""
    if isinstance(name, str):
        return bool(name == server[0])
    return bool(server[1] is not None and name[1] == int(server[1]))


def _inode(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return 0
