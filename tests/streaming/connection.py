"""Provides a client's connection, as an application sees it: by `receive` and `send`; and a clock that can be moved."""

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


class Connection:
    """Records what is sent. The test decides when the client leaves, or takes nothing for a while.

    `receive_calls`, `receive_cancelled`: how often `receive` was called, and cancelled. `sent`: set by each send.
    `send_error`: what `send` raises. `blocked`: set when a send waits for the client. `disconnect_received`: set when
    `receive` returns the disconnect. `outcomes`: the reports of `on_end`.
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
        """Lets the client leave."""
        self._left.set()

    def block(self) -> None:
        """Lets the client take nothing until `unblock`."""
        self._is_read.clear()

    def unblock(self) -> None:
        """Lets the client read again."""
        self._is_read.set()

    async def receive(self) -> Message:
        """Waits until the client leaves. Returns the disconnect."""
        self.receive_calls += 1
        try:
            await self._left.wait()
            self.disconnect_received.set()
        except asyncio.CancelledError:
            self.receive_cancelled += 1
            raise
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Records `message`, as soon as the client reads. Raises `send_error` if it is set."""
        if self.send_error is not None:
            raise self.send_error
        if not self._is_read.is_set():
            self.blocked.set()
            await self._is_read.wait()
        self.messages.append(message)
        self.sent.set()

    async def wait_for_bytes(self, part: bytes) -> None:
        """Waits until the body contains `part`."""
        while part not in self.body:
            self.sent.clear()
            await self.sent.wait()

    @property
    def is_started(self) -> bool:
        """Returns whether the status was sent."""
        return bool(self.messages) and self.messages[0]["type"] == "http.response.start"

    @property
    def bodies(self) -> list[bytes]:
        """Returns the body of each message that has one."""
        return [message["body"] for message in self.messages if message["type"] == "http.response.body"]

    @property
    def body(self) -> bytes:
        """Returns the sent part of the body."""
        return b"".join(self.bodies)

    @property
    def is_complete(self) -> bool:
        """Returns whether the body was ended. If not, the client sees a cut transfer."""
        return bool(self.messages) and self.messages[-1].get("more_body") is False

    @property
    def outcome(self) -> StreamOutcome:
        """Returns the reported outcome. Raises `ValueError` unless there was exactly one report."""
        (outcome,) = self.outcomes
        return outcome

    async def report(self, outcome: StreamOutcome) -> None:
        """Records the outcome: the `on_end` of a plan."""
        self.outcomes.append(outcome)


def keep_connection(scope: Scope, send: Send, since: float) -> bool:
    """Drops nothing: the `drop_connection` of a plan."""
    return False


def is_there(scope: Scope, send: Send) -> bool:
    """Returns that the connection has not ended: the `has_left` of a plan."""
    return False


def keep_pace(scope: Scope, send: Send) -> Send:
    """Returns `send` unchanged: the `pace` of a plan."""
    return send


async def no_cut(
    scope: Scope, send: Send, since: float, patience: Callable[[], float], is_last: Callable[[], bool]
) -> None:
    """Cuts nothing: the `cut_connection` of a plan."""


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
        "on_start": None,
        "drop_connection": keep_connection,
        "cut_connection": no_cut,
        "has_left": is_there,
        "pace": keep_pace,
        "endpoint": "Endpoint",
        "method": "GET",
        "name": "stream GET Endpoint",
        "close_on_error": False,
    }
    plan: dict[str, Any] = {"scope": {}, "status": 200, "headers": (), "on_error": None, "expires_at": None}
    for name, value in other.items():
        (kind if name in kind else plan)[name] = value
    return StreamPlan(StreamKind(**kind), source, **plan)


async def stream(source: Any, connection: Connection, **options: Any) -> None:
    """Streams the source over the connection, until the stream is over."""
    plan = make_plan(source, options.pop("on_end", connection.report), **options)
    await send_stream(plan, OpenStreams(), connection.receive, connection.send)


def start(source: Any, connection: Connection, **options: Any) -> asyncio.Task[None]:
    """Does the same in a new task, the request's. Returns the task."""
    return asyncio.create_task(stream(source, connection, **options), name="request")


def tasks_are_eager() -> bool:
    """Returns whether the running loop's tasks take their first step where they are made."""
    return asyncio.get_running_loop().get_task_factory() is not None


def stream_task() -> asyncio.Task[object]:
    """Returns the task of the one stream that is open."""
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "stream GET Endpoint")
    return task


def start_and_call(action: Callable[[], object], source: Any, connection: Connection) -> asyncio.Task[None]:
    """Starts a stream, and calls `action` between its first step and the first step of its task."""
    loop = asyncio.get_running_loop()
    if tasks_are_eager():  # the request takes its first turn as it is made
        loop.call_soon(action)
        return start(source, connection)
    request = start(source, connection)
    loop.call_soon(action)
    return request


class _SkippingSelector(selectors.SelectSelector):
    """Moves the clock on instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("All tasks wait, and no timer is set.")
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class _SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now

    def skip(self, seconds: float) -> None:
        self._skipping.now += seconds


def skip_time(test: Coroutine[Any, Any, T]) -> T:
    """Runs a test without waiting: if all tasks wait, the clock moves to the next timer."""
    with asyncio.Runner(loop_factory=_SkippingLoop) as runner:
        return runner.run(test)


def pass_time(seconds: float) -> None:
    """Moves the clock of `skip_time` on within a turn of the event loop, as code does that computes for so long."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _SkippingLoop)
    loop.skip(seconds)
