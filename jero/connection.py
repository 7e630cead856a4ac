"""Ends the connection under a request, or the request's part of it. ASGI has no message for that.

A stream that is cut short has no end of its body, and the client notices that the end is missing. Three things hide it:
HTTP/1.0, where the end of the connection is the end of the body; a middleware that completes the body when the
application returns; and hypercorn over HTTP/2, which leaves such a stream open. So a cut resets a connection of
HTTP/1.0 and a stream of HTTP/2. It leaves out the end that an included middleware sends, and it raises `UnfinishedBody`
through a middleware that stands around jero.

A reset throws away what the kernel has not sent yet. So the cut waits until everything is sent.

The connection must be the request's own. uvicorn and hypercorn pass `send` as a method of an object that refers to the
transport. An included middleware replaces `send`, so the server's own stays in the scope. Without such an object
(granian, or inside a Starlette application) `jero.sockets` finds the connection by its addresses, unless a client could
have changed them. If the connection is not found, nothing is dropped.
"""

import asyncio
import ctypes
import os
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from jero.errors import UnfinishedBody
from jero.http.asgi import Message, Scope, Send
from jero.sockets import Socket, Sockets, borrowed

if sys.platform != "win32":
    import fcntl

# The key of the exchange outside all included middleware, in the scope of a request that goes through one.
OUTERMOST: Final = "jero.outermost"

# A server may hold back bytes that it has been given: granian writes in a thread of its own, a middleware in a task.
SETTLE_SECONDS: Final = 0.05
LOOK_SECONDS: Final = 0.01
# How often a shutdown looks whether a client takes anything. Thousands of streams may end together.
LAST_LOOKS: Final = 4
LAST_LOOK_SECONDS: Final = 0.05

# More bytes than this in hypercorn's buffer of a stream mean that its client opens no window.
WINDOW_BYTES: Final = 64 * 1024

# What a middleware around jero is sent that completes the body even if jero raises (Starlette's BaseHTTPMiddleware):
# ASGI says that an unknown message is an error.
_UNKNOWN_MESSAGE: Final = {"type": "jero.stream.cut"}

# The modules of those who call an application, and drop the connection if a body has no end.
_SERVERS: Final = ("uvicorn.", "hypercorn.", "granian.", "jero.testing.")
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER, on, for 0 seconds
_UNSENT: Final = 0x5411  # SIOCOUTQ on Linux: bytes that the peer has not acknowledged
_INTERNAL_ERROR: Final = 2  # RFC 9113, section 7
_AF_UNSPEC: Final = bytes(16)  # a `sockaddr` whose family is AF_UNSPEC


class Connection(Protocol):
    """The transport of one request: a connection of HTTP/1, or a stream of HTTP/2."""

    def has_sent(self) -> bool:
        """Returns whether everything that the server was given has reached the client's kernel."""
        ...

    def unsent(self) -> int:
        """Returns how many bytes have not reached the client's kernel, as far as that is known."""
        ...

    def reset(self) -> None:
        """Ends the connection at once, with an error at the client. What is not sent yet is lost."""
        ...


class Link(Protocol):
    """A connection of HTTP/1 under a request, which shows whether its client has left."""

    def descriptor(self) -> int | None:
        """Returns the descriptor of the connection, or `None` if the connection has ended."""
        ...

    def leave(self) -> None:
        """Ends the connection, whose client has left, as far as that is jero's part."""
        ...


class Connections:
    """Finds and ends the connections under the requests of one application."""

    def __init__(self) -> None:
        self._sockets = Sockets()

    def drop(self, scope: Scope, send: Send, since: float) -> bool:
        """Ends a request whose client takes nothing, with everything that the server has not sent.

        `since`: a time of `time.monotonic` when the request was open already. Returns whether the connection was found.
        A server that closes a connection waits until the client has taken the rest. A client that does not read never
        does.
        """
        connection = self._find(scope, send, since)
        if connection is None:
            return False
        connection.reset()
        return True

    async def cut(
        self, scope: Scope, send: Send, since: float, patience: Callable[[], float], is_last: Callable[[], bool]
    ) -> None:
        """Makes an error of a body that has no end, where the client would not notice that the end is missing.

        First waits until everything is sent, at most for `patience()` seconds. If `is_last()`, because the
        server shuts down, the connection of a client that takes nothing ends in any case. Raises `UnfinishedBody` if a
        middleware that jero did not include may complete the body; the server then ends the response with an error.
        """
        if str(scope.get("http_version", "")) != "1.1":
            connection = self._find(scope, send, since)
            if connection is not None:
                shows_all = OUTERMOST not in scope and not isinstance(connection, SocketConnection)
                await _sent(connection, patience, 0 if shows_all else SETTLE_SECONDS)
                connection.reset()
        elif is_last():
            await self._drop_if_stuck(scope, send, since)
        outermost = scope.get(OUTERMOST)
        if outermost is not None and outermost.has_begun:  # else the boundary answers instead
            outermost.is_cut = True
        if not _is_server(send := _server_send(scope, send)):
            with suppress(Exception):
                await send(dict(_UNKNOWN_MESSAGE))
            raise UnfinishedBody

    async def _drop_if_stuck(self, scope: Scope, send: Send, since: float) -> None:
        """Ends a connection whose client takes nothing of what is left: granian would wait for it without end."""
        connection = self._find(scope, send, since)
        left = 0 if connection is None else connection.unsent()
        for _ in range(LAST_LOOKS):
            if connection is None or not left:
                return
            await asyncio.sleep(LAST_LOOK_SECONDS)
            before, left = left, connection.unsent()
            if left < before:  # a slow client: the system sends the rest, even after the process has ended
                return
        if connection is not None:
            connection.reset()

    def is_findable(self, scope: Scope, send: Send, since: float) -> bool:
        """Returns whether `link` takes little time now. If not, it does later."""
        return self._sockets.is_cheap(since) or _transport(_owner(_server_send(scope, send))) is not None

    def link(self, scope: Scope, send: Send, since: float) -> Link | None:
        """Returns the connection of a request that began at `since`, or `None` if it is not found, or has HTTP/2."""
        if not str(scope.get("http_version", "")).startswith("1"):
            return None
        owner = _owner(_server_send(scope, send))
        found = self._find_whole(scope, owner, since)
        is_reset = found is None and owner is not None and self._sockets.is_reset(scope, since)
        return ResetConnection() if is_reset else found

    def has_left(self, scope: Scope, send: Send) -> bool:
        """Returns whether the client of a request has left, as far as the server's transport shows it."""
        owner = _owner(_server_send(scope, send))
        transport = _transport(owner)
        if transport is None or not transport.is_closing():
            return False
        TransportConnection(transport, owner).leave()
        return True

    def _find(self, scope: Scope, send: Send, since: float) -> Connection | None:
        owner = _owner(_server_send(scope, send))
        if str(scope.get("http_version", "")).startswith("1"):
            return self._find_whole(scope, owner, since)
        return _stream_of_hypercorn(owner)

    def _find_whole(self, scope: Scope, owner: Any, since: float) -> "TransportConnection | SocketConnection | None":
        transport = _transport(owner)
        if transport is not None:
            return TransportConnection(transport, owner)
        found = self._sockets.find(scope, since)
        return None if found is None else SocketConnection(found)


async def _sent(connection: Connection, patience: Callable[[], float], settle: float) -> None:
    """Waits until everything has been sent for `settle` seconds, at most for `patience()` seconds."""
    loop = asyncio.get_running_loop()
    began = busy = loop.time()
    while (now := loop.time()) - began < patience():
        if not connection.has_sent():
            busy = now
        elif now - busy >= settle:
            return
        await asyncio.sleep(LOOK_SECONDS)


class TransportConnection:
    """A connection of uvicorn or hypercorn, by its transport. `owner`: the server's object of the request."""

    __slots__ = ("_descriptor", "_owner", "_transport")

    def __init__(self, transport: Any, owner: Any) -> None:
        self._transport = transport
        self._owner = owner
        self._descriptor: int = -1 if transport.is_closing() else transport.get_extra_info("socket").fileno()

    def descriptor(self) -> int | None:
        """Returns the descriptor of the connection, or `None` if the connection has ended."""
        return None if self._transport.is_closing() else self._descriptor

    def leave(self) -> None:
        """Ends the connection. uvicorn marks only the newest request of one, so this request is marked here."""
        if getattr(self._owner, "disconnected", None) is False:
            self._owner.disconnected = True
        if not self._transport.is_closing():
            self._transport.abort()

    def has_sent(self) -> bool:
        """Returns whether everything that the server was given has reached the client's kernel."""
        return not self.unsent()

    def unsent(self) -> int:
        """Returns how many bytes of the transport and of the kernel have not reached the client's kernel."""
        if self._transport.is_closing():
            return 0
        return int(self._transport.get_write_buffer_size()) + _unsent(self._descriptor)

    def reset(self) -> None:
        """Ends the connection at once, with an error at the client. What is not sent yet is lost."""
        if self._descriptor >= 0 and not self._transport.is_closing():
            with suppress(OSError), borrowed(self._descriptor) as found:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()


class SocketConnection:
    """A connection of a server that shows nothing but its descriptor."""

    def __init__(self, found: Socket) -> None:
        self._socket = found

    def descriptor(self) -> int | None:
        """Returns the descriptor of the connection, or `None` if the connection has ended."""
        return self._socket.descriptor if self._socket.is_open() else None

    def leave(self) -> None:
        """Leaves the connection to its server, which ends it if the body of a response has no end."""

    def has_sent(self) -> bool:
        """Returns whether everything that the kernel was given has reached the client's kernel."""
        return not self.unsent()

    def unsent(self) -> int:
        """Returns how many bytes of the kernel have not reached the client's. The server may have more of them."""
        return _unsent(self._socket.descriptor) if self._socket.is_open() else 0

    def reset(self) -> None:
        """Ends the connection at once, with an error at the client if the system can do that."""
        try:
            copy = os.dup(self._socket.descriptor)
        except OSError:  # closed meanwhile
            return
        # The server's threads may close the descriptor at any moment, and accept another connection under its number.
        # The copy stays with its socket.
        try:
            if Socket(copy, self._socket.inode).is_open():
                # `connect` to AF_UNSPEC resets a connection without closing the descriptor, which is the server's.
                ctypes.CDLL(None).connect(copy, _AF_UNSPEC, len(_AF_UNSPEC))
                with suppress(OSError), borrowed(copy) as found:
                    found.shutdown(socket.SHUT_RDWR)
        finally:
            os.close(copy)


class ResetConnection:
    """A connection that the client has reset before it was found."""

    def descriptor(self) -> int | None:
        """Returns `None`: the connection has ended."""
        return None

    def leave(self) -> None:
        """Leaves the socket to its server."""


class StreamOfHypercorn:
    """A stream of HTTP/2 on hypercorn, by its protocol. Other streams share the connection, so that stays open."""

    def __init__(self, stream_id: int, protocol: Any, transport: Any) -> None:
        self._stream_id = stream_id
        self._protocol = protocol
        self._transport = transport
        self._connection = TransportConnection(transport, None)

    @property
    def buffer(self) -> Any:
        """Returns hypercorn's buffer of the stream, or `None` after the stream is closed."""
        return self._protocol.stream_buffers.get(self._stream_id)

    def has_sent(self) -> bool:
        """Returns whether everything that the server was given has reached the client's kernel."""
        return not self.unsent()

    def unsent(self) -> int:
        """Returns how many bytes of hypercorn's buffer and of the connection have not reached the client's kernel."""
        buffer = self.buffer
        return (len(buffer.buffer) if buffer else 0) + self._connection.unsent()

    def reset(self) -> None:
        """Resets the stream, as a server does that fails."""
        with suppress(Exception):  # h2's own, of a stream or a connection that is closed already
            self._protocol.connection.reset_stream(self._stream_id, _INTERNAL_ERROR)
            self._transport.write(self._protocol.connection.data_to_send())
            # hypercorn frees the buffer of a closed stream only when it is that stream's turn to send.
            self._protocol.priority.unblock(self._stream_id)


def paced(scope: Scope, send: Send) -> Send:
    """Returns a `send` that waits while the client of an HTTP/2 stream opens no window.

    hypercorn's own does not wait: it stores everything that it is given. All other servers' `send` is returned.
    """
    stream = _stream_of_hypercorn(_owner(_server_send(scope, send)))
    if stream is None:
        return send

    async def wait_and_send(message: Message) -> None:
        await send(message)
        buffer = stream.buffer
        if buffer is not None and len(buffer.buffer) > WINDOW_BYTES:
            await buffer.drain()

    return wait_and_send


def _server_send(scope: Scope, send: Send) -> Send:
    """Returns the `send` outside all included middleware, and outside jero's own exchanges."""
    outermost = scope.get(OUTERMOST)
    if outermost is not None:
        send = outermost.server_send
    while (inner := getattr(getattr(send, "__self__", None), "server_send", None)) is not None:
        send = inner
    return send


def _owner(send: Send) -> Any:
    """Returns the server's object whose method `send` is, or `None` if it is not a server's."""
    return getattr(send, "__self__", None) if _is_server(send) else None


def _is_server(send: Send) -> bool:
    owner: Any = getattr(send, "__self__", None)
    return type(owner).__module__.startswith(_SERVERS)


def _transport(owner: Any) -> Any:
    """Returns the transport under a request, or `None` if the server does not show it."""
    try:
        return owner.transport if hasattr(owner, "transport") else _tcp_server(owner.send.__self__).writer.transport
    except AttributeError:
        return None


def _stream_of_hypercorn(owner: Any) -> StreamOfHypercorn | None:
    try:
        protocol = owner.send.__self__
        return StreamOfHypercorn(owner.stream_id, protocol, _tcp_server(protocol).writer.transport)
    except AttributeError:
        return None


def _tcp_server(protocol: Any) -> Any:
    return protocol.send.__self__


def _unsent(descriptor: int) -> int:
    """Returns how many bytes the peer's kernel has not acknowledged; 0 if the system does not say that."""
    if sys.platform == "win32":
        return 0
    try:
        return int(struct.unpack("i", fcntl.ioctl(descriptor, _UNSENT, bytes(4)))[0])
    except OSError:
        return 0
