"""How long a stream may take and how much it may hold, and how one ended: data."""

from typing import Literal, TypeAlias

from msgspec import Struct

EndReason: TypeAlias = Literal["completed", "disconnected", "failed"]


class StreamPolicy(Struct, frozen=True, kw_only=True):
    """The limits of a stream.

    One on the application counts for all its streams; an endpoint's class attribute `stream_policy` replaces
    it, and a response's `policy=` replaces both.

    `first_item_grace`: seconds that the first item is waited for before the headers leave without it; in that
    time a failure is still answered with its true status. `None`: 0.1 for server-sent events, 5 for the rest.
    `chunk_bytes`: how many bytes of ready items are sent together at the most; 1 sends every item alone.
    `teardown_timeout`: seconds that the closing of a stream's source may take.

    Raises `ValueError` for a time that is not positive or a size under 1.
    """

    first_item_grace: float | None = None
    chunk_bytes: int = 65_536
    teardown_timeout: float = 10.0

    def __post_init__(self) -> None:
        for field in ("first_item_grace", "teardown_timeout"):
            seconds = getattr(self, field)
            if seconds is not None and not seconds > 0:
                raise ValueError(f"StreamPolicy({field}={seconds!r}): a time is a positive number of seconds.")
        if self.chunk_bytes < 1:
            raise ValueError(f"StreamPolicy(chunk_bytes={self.chunk_bytes!r}): a chunk holds at least 1 byte.")


DEFAULT_POLICY = StreamPolicy()


class StreamOutcome(Struct, frozen=True, kw_only=True):
    """How a stream ended.

    `reason`: "completed", the source ended; "disconnected", the client left; "failed", the source, an item's
    encoding or the teardown raised, and `error` holds what.
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
