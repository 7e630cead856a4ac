"""A client and its connection, at the seam of `receive` and `send`, for the engine to be tested against."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from jero.codec import DEFAULT_ENCODER
from jero.framing.framing import Framing
from jero.framing.json import NDJSON
from jero.http.asgi import Message, Scope, Send
from jero.policy import DEFAULT_POLICY, StreamOutcome, StreamPolicy
from jero.streaming.plan import StreamKind, StreamPlan
from jero.streaming.serve import OpenStreams, send_stream

T = TypeVar("T")


class Wire:
    """Records what is sent; `leave` is the client's leaving, `block` its ceasing to read.

    `received` counts the calls of `receive`, `receive_ended` what each ended with.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.outcomes: list[StreamOutcome] = []
        self.receive_calls = 0
        self.receive_cancelled = 0
        self.sent = asyncio.Event()
        self.send_error: BaseException | None = None
        self._left = asyncio.Event()
        self.disconnect_received = asyncio.Event()
        self._is_read = asyncio.Event()
        self._is_read.set()
        self.blocked = asyncio.Event()

    def leave(self) -> None:
        """The client leaves."""
        self._left.set()

    def block(self) -> None:
        """The client takes nothing more for now."""
        self._is_read.clear()

    def unblock(self) -> None:
        """The client reads on."""
        self._is_read.set()

    async def receive(self) -> Message:
        """The application's `receive`."""
        self.receive_calls += 1
        try:
            await self._left.wait()
            self.disconnect_received.set()
        except asyncio.CancelledError:
            self.receive_cancelled += 1
            raise
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """The application's `send`, which waits while the client does not read."""
        if self.send_error is not None:
            raise self.send_error
        if not self._is_read.is_set():
            self.blocked.set()
            await self._is_read.wait()
        self.messages.append(message)
        self.sent.set()

    async def wait_for_bytes(self, part: bytes) -> None:
        """Returns when `part` has been sent."""
        while part not in self.body:
            self.sent.clear()
            await self.sent.wait()

    @property
    def is_started(self) -> bool:
        """Whether the status was sent."""
        return bool(self.messages) and self.messages[0]["type"] == "http.response.start"

    @property
    def bodies(self) -> list[bytes]:
        """The body of each message that has one."""
        return [message["body"] for message in self.messages if message["type"] == "http.response.body"]

    @property
    def body(self) -> bytes:
        """All that was sent of the body."""
        return b"".join(self.bodies)

    @property
    def is_complete(self) -> bool:
        """Whether the body was ended, so that the client sees no cut transfer."""
        return bool(self.messages) and self.messages[-1].get("more_body") is False

    @property
    def outcome(self) -> StreamOutcome:
        """The outcome that was reported, which is one."""
        (outcome,) = self.outcomes
        return outcome

    async def report(self, outcome: StreamOutcome) -> None:
        """The plan's `on_end`."""
        self.outcomes.append(outcome)


async def no_cut(scope: Scope, send: Send, since: float, patience: Callable[[], float]) -> None:
    """The plan's `cut_connection`: the server's part, which these tests leave out."""


def make_plan(
    source: Any,
    on_end: Callable[[StreamOutcome], Awaitable[None]],
    *,
    framing: Framing = NDJSON,
    policy: StreamPolicy = DEFAULT_POLICY,
    **other: Any,
) -> StreamPlan:
    """Returns a plan with the defaults of an NDJSON stream. `other` replaces fields of the plan and of its kind."""
    kind: dict[str, Any] = {
        "framing": framing,
        "encoder": DEFAULT_ENCODER,
        "policy": policy,
        "first_item_grace": policy.first_item_grace or 5.0,
        "keepalive": None,
        "ping": (lambda: framing.keepalive or b"") if other.get("keepalive") else None,
        "final_frame": None,
        "fast_path": None,
        "on_end": on_end,
        "drop_connection": lambda scope, send, since: False,
        "cut_connection": no_cut,
        "pace": lambda scope, send: send,
        "endpoint": "Endpoint",
        "method": "GET",
        "name": "stream GET Endpoint",
        "close_on_error": False,
    }
    plan: dict[str, Any] = {"scope": {}, "status": 200, "headers": (), "on_error": None, "expires_at": None}
    for name, value in other.items():
        (kind if name in kind else plan)[name] = value
    return StreamPlan(StreamKind(**kind), source, **plan)


async def stream(source: Any, wire: Wire, **options: Any) -> None:
    """Streams the source over the wire, to its end."""
    plan = make_plan(source, options.pop("on_end", wire.report), **options)
    await send_stream(plan, OpenStreams(), wire.receive, wire.send)


def start(source: Any, wire: Wire, **options: Any) -> asyncio.Task[None]:
    """The same, in a task that stands for the request's."""
    return asyncio.create_task(stream(source, wire, **options), name="request")


class _SkippingSelector(selectors.SelectSelector):
    """Instead of waiting, moves the clock on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits, and no timer is set")
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class _SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now


def skip_time(test: Coroutine[Any, Any, T]) -> T:
    """Runs a test whose waits take no time: where all tasks wait, the clock moves to the next timer."""
    with asyncio.Runner(loop_factory=_SkippingLoop) as runner:
        return runner.run(test)
