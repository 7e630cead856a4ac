"""Defines the limits of a stream and of a form, and the reports of a stream's start and of how it ended."""

from typing import Literal, TypeAlias

from msgspec import Struct

EndReason: TypeAlias = Literal["completed", "disconnected", "failed", "stalled", "expired", "shutdown", "stopped"]
"""Why a stream ended: `StreamOutcome` explains each reason."""


def is_positive(value: object) -> bool:
    """Returns whether the value is a number greater than 0: no text, no boolean, no NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


_TIMES = ("first_item_grace", "send_timeout", "max_duration", "teardown_timeout", "drain_timeout")
_COUNTS = ("max_concurrent", "max_per_caller", "max_threads")


class StreamPolicy(Struct, frozen=True, kw_only=True):
    """The limits of a stream.

    The application's policy applies to all its streams. An endpoint's class attribute `stream_policy` replaces it,
    and a response's `policy=` replaces both.

    `first_item_grace`: seconds to wait for the first item before the headers are sent without it. A failure before
    that is answered with its true status. `None`: 0.1 for an `SSEResponse`, 5 for all others.
    `chunk_bytes`: ready items are sent together up to this number of bytes. 1 sends every item alone.
    `send_timeout`: seconds that one send may take. A client that takes nothing for longer is disconnected.
    `max_duration`: seconds after which a stream is ended. Each stream ends up to a tenth earlier, so that clients that
    connected together do not reconnect together. `None`: no limit.
    `max_concurrent`: the number of streams that may be open at the same time, in the application or in the endpoint
    that has the policy. The application's policy counts those of all endpoints without a policy together. A request to
    an operation that may return a stream counts from before its handler runs, until its stream is over or its answer is
    known to be whole. A further request is answered with 503, before its handler runs. `None`: no limit.
    `max_per_caller`: the number of these streams that one caller may have open: one `user`, or, without a user, one
    client address, of which the first 64 bits count if it is of IPv6. A further request is answered with 429, before
    its handler runs. `None`: no limit.
    `max_threads`: the number of these streams whose synchronous sources may run in threads at the same time. A further
    one is answered with 503 after its handler, and its source is closed. `None`: no limit.
    In a response's policy these three have no effect.
    `teardown_timeout`: seconds that the teardown of a stream's source may take.
    `drain_timeout`: seconds that open streams have to finish when the server shuts down.

    Raises `ValueError` if a time is not positive, or if a number is less than 1.
    """

    first_item_grace: float | None = None
    chunk_bytes: int = 65_536
    send_timeout: float = 60.0
    max_duration: float | None = None
    max_concurrent: int | None = None
    max_per_caller: int | None = None
    max_threads: int | None = 200
    teardown_timeout: float = 10.0
    drain_timeout: float = 5.0

    def __post_init__(self) -> None:
        for field in _TIMES:
            seconds = getattr(self, field)
            if seconds is not None and not is_positive(seconds):
                raise ValueError(f"StreamPolicy({field}={seconds!r}): it must be a positive number of seconds.")
        if not is_positive(self.chunk_bytes) or self.chunk_bytes < 1:
            raise ValueError(f"StreamPolicy(chunk_bytes={self.chunk_bytes!r}): it must be at least 1 byte.")
        for field in _COUNTS:
            count = getattr(self, field)
            if count is not None and (not is_positive(count) or count < 1):
                raise ValueError(f"StreamPolicy({field}={count!r}): it must be at least 1, or None.")


DEFAULT_POLICY = StreamPolicy()


class FormPolicy(Struct, frozen=True, kw_only=True):
    """The limits of a form. An endpoint's class attribute `form_policy` sets them. A larger form is answered with 413.

    `max_bytes`: the size of the whole body. It applies instead of `Endpoint.max_body_bytes`.
    `max_fields`: the number of fields that are not files.
    `max_text_bytes`: the size of all names and texts together, which are in memory.
    `max_files`: the number of files.
    `max_file_bytes`: the size of each file. `None`: only `max_bytes` applies.

    Raises `ValueError` if a number is less than 1.
    """

    max_bytes: int = 16_777_216
    max_fields: int = 1_000
    max_text_bytes: int = 1_048_576
    max_files: int = 100
    max_file_bytes: int | None = None

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            number = getattr(self, field)
            if number is not None and (not is_positive(number) or number < 1):
                raise ValueError(f"FormPolicy({field}={number!r}): it must be at least 1.")


DEFAULT_FORM_POLICY = FormPolicy()


class StreamStart(Struct, frozen=True, kw_only=True):
    """The report that a stream starts. A `StreamOutcome` with the same `endpoint` and `method` follows, in any case.

    `endpoint`: the name of the endpoint class.
    `method`: the request's method.
    """

    endpoint: str
    method: str


class OpenStream(Struct, frozen=True, kw_only=True):
    """An open stream at one moment, for an operator.

    `id`: names it for `BaseApp.stop_stream`, in this process.
    `endpoint`: the name of the endpoint class.
    `method`, `path`: of the request.
    `client`: the address and port of the client, as the server says; `None` if it does not. The port is 0 if only the
    address is known.
    `items`: the number of items that were framed so far.
    `bytes`: the number of bytes that were sent so far, pings included.
    `age`: seconds since the handler's return.
    `blocked_for`: for how many seconds a send has waited for the client; `None` if none waits.
    """

    id: str
    endpoint: str
    method: str
    path: str
    client: tuple[str, int] | None
    items: int
    bytes: int
    age: float
    blocked_for: float | None


class StreamOutcome(Struct, frozen=True, kw_only=True):
    """The report of how a stream ended.

    `reason`: why it ended.
    - "completed": the source ended.
    - "disconnected": the client left.
    - "failed": the source, the encoding of an item, or the teardown raised.
    - "stalled": one send took longer than `send_timeout`.
    - "expired": `max_duration` passed, or the credential that opened the stream expired.
    - "shutdown": the server shuts down.
    - "stopped": `BaseApp.stop_stream` was called for it, or the run that it relays was stopped. The source of that run
      is ended by the same reason.

    `error`: the exception of a failed stream, else `None`.
    `items`: the number of items that were framed.
    `bytes`: the number of bytes that were sent, pings included.
    `duration`: seconds from the handler's return to the end of the stream.
    `first_item_after`: seconds from the handler's return to the first item; `None` if the source yielded no item.
    `endpoint`: the name of the endpoint class.
    `method`: the request's method.
    """

    reason: EndReason
    error: BaseException | None
    items: int
    bytes: int
    duration: float
    first_item_after: float | None
    endpoint: str
    method: str
