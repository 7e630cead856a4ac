"""How long a stream may take and how much it may hold, and how one ended: data."""

from typing import Literal, TypeAlias

from msgspec import Struct

EndReason: TypeAlias = Literal["completed", "disconnected", "failed", "stalled", "expired", "shutdown"]

_TIMES = ("first_item_grace", "send_timeout", "max_duration", "teardown_timeout", "drain_timeout")


class StreamPolicy(Struct, frozen=True, kw_only=True):
    """The limits of a stream.

    One on the application counts for all its streams; an endpoint's class attribute `stream_policy` replaces
    it, and a response's `policy=` replaces both.

    `first_item_grace`: seconds that the first item is waited for before the headers leave without it; in that
    time a failure is still answered with its true status. `None`: 0.1 for server-sent events, 5 for the rest.
    `chunk_bytes`: how many bytes of ready items are sent together at the most; 1 sends every item alone.
    `send_timeout`: seconds that one send may take; a client that takes nothing for so long is dropped.
    `max_duration`: seconds after which a stream is ended, up to a tenth earlier, so that a crowd that came together
    does not come back together. `None`: no end.
    `max_concurrent`: how many streams may be open, of the application or of the endpoint that has the policy; one
    more is answered with 503 before its handler runs. `None`: any number. A response's own policy cannot set it.
    `teardown_timeout`: seconds that the closing of a stream's source may take.
    `drain_timeout`: seconds that streams have to finish when the server is going down.

    Raises `ValueError` for a time that is not positive or a size under 1.
    """

    first_item_grace: float | None = None
    chunk_bytes: int = 65_536
    send_timeout: float = 60.0
    max_duration: float | None = None
    max_concurrent: int | None = None
    teardown_timeout: float = 10.0
    drain_timeout: float = 5.0

    def __post_init__(self) -> None:
        for field in _TIMES:
            seconds = getattr(self, field)
            if seconds is not None and not seconds > 0:
                raise ValueError(f"StreamPolicy({field}={seconds!r}): a time is a positive number of seconds.")
        if self.chunk_bytes < 1:
            raise ValueError(f"StreamPolicy(chunk_bytes={self.chunk_bytes!r}): a chunk holds at least 1 byte.")
        if self.max_concurrent is not None and self.max_concurrent < 1:
            raise ValueError(f"StreamPolicy(max_concurrent={self.max_concurrent!r}): at least 1 stream, or None.")


DEFAULT_POLICY = StreamPolicy()


class StreamOutcome(Struct, frozen=True, kw_only=True):
    """How a stream ended.

    `reason`: "completed", the source ended; "disconnected", the client left; "failed", the source, an item's
    encoding or the teardown raised, and `error` holds what; "stalled", one send took longer than `send_timeout`;
    "expired", `max_duration` was over, or the credential that it was opened with; "shutdown", the server is going down.
    `items`, `bytes`: what was framed of the stream, and what was sent of it, pings included.
    `duration`, `first_item_after`: seconds since the handler returned the stream; the latter is `None` when no
    item came. `endpoint`, `method`: the class that served it, and the request's method.
    """

    reason: EndReason
    error: BaseException | None
    items: int
    bytes: int
    duration: float
    first_item_after: float | None
    endpoint: str
    method: str
