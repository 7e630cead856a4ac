"""Describes a stream to the engine, as data."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from msgspec import Struct
from msgspec.json import Encoder

from jero.framing.framing import Framing
from jero.http.asgi import Scope, Send
from jero.policy import EndReason, StreamOutcome, StreamPolicy, StreamStart


class FastPath(Struct, frozen=True):
    """Items that are known to be JSON on one line, whatever their fields hold.

    `types`: their exact classes. `encode_into` writes an item. `prefix`, `suffix`: the bytes that the format puts
    around it.
    """

    types: frozenset[type]
    encode_into: Callable[[object, bytearray, int], None]
    prefix: bytes
    suffix: bytes


class StreamKind(Struct, frozen=True, kw_only=True):
    """The part of a plan that the streams of one operation have in common. It is made once and shared.

    `first_item_grace`, `keepalive`: seconds. `ping`: the bytes of a ping, or a function that makes them.
    `final_frame` returns the last bytes for a client that reconnects automatically, given why the stream was cut short;
    `None` if clients of this format do not reconnect. `fast_path`: `None` if no item is known to be JSON on one line.
    `on_end` is called with the outcome, and `on_start` before the source is opened, if it is not `None`: once each, in
    any case. `drop_connection` closes the connection of a request whose client takes nothing, and returns whether it
    could. `cut_connection` lets a client notice that its body has no end. Both are called with the request's scope and
    `send`, and with a time of `time.monotonic` when the request was open already.
    `has_left` returns whether the connection has ended, given scope and `send`. It is called if a send fails.
    `pace` returns a `send` for HTTP/2 that waits for the client, if the server's does not. `endpoint` and `method` are
    for the outcome, `name` is the task's. `close_on_error`: the format's closing bytes are also sent if the stream
    fails, before the transfer is cut.
    """

    framing: Framing
    encoder: Encoder
    policy: StreamPolicy
    first_item_grace: float
    keepalive: float | None
    ping: Callable[[], bytes] | bytes | None
    final_frame: Callable[[EndReason], bytes] | None
    fast_path: FastPath | None
    on_end: Callable[[StreamOutcome], Awaitable[None]]
    drop_connection: Callable[[Scope, Send, float], bool]
    cut_connection: Callable[[Scope, Send, float, Callable[[], float], Callable[[], bool]], Awaitable[None]]
    has_left: Callable[[Scope, Send], bool]
    pace: Callable[[Scope, Send], Send]
    name: str
    endpoint: str
    method: str
    close_on_error: bool = False
    on_start: Callable[[StreamStart], Awaitable[None]] | None = None

    @property
    def label(self) -> str:
        """Returns the method and the endpoint, for a log."""
        return f"{self.method} {self.endpoint}"


class StreamPlan(Struct, frozen=True):
    """One stream: its kind, and what the request and its response add.

    `source`: what the user gave as `stream`. `status`, `headers`: of the response. `on_error` makes the last item for
    the client from an exception. `expires_at`: when the credentials of the request expire, in Unix seconds.
    `on_thread_end` is called when the thread of a synchronous source has ended, or will not be started. `last` makes
    the bytes of the item that follows all others if the stream completed, from its outcome. `dependencies` were opened
    for the request, in this order, by the task that owns the stream. They are left after the source.
    """

    kind: StreamKind
    source: Any
    scope: Scope
    status: int
    headers: Sequence[tuple[bytes, bytes]]
    on_error: Callable[[Exception], Any] | None = None
    expires_at: float | None = None
    on_thread_end: Callable[[], None] | None = None
    last: Callable[[StreamOutcome], bytes] | None = None
    dependencies: Sequence[AbstractAsyncContextManager[Any]] = ()
