"""What is sent while a source is silent: the headers after the grace, then pings."""

import asyncio
from collections.abc import Callable

from jero.streaming.plan import StreamPlan
from jero.streaming.sender import Sender


class Keepalive:
    """One timer a stream; a send moves its time without touching it."""

    def __init__(self, plan: StreamPlan, sender: Sender, on_error: Callable[[BaseException], None]) -> None:
        self._grace = plan.first_item_grace
        self._interval = plan.keepalive if plan.ping is not None else None
        self._ping = plan.ping
        self._sender = sender
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def listen(self) -> None:
        """From now on the source's silence is timed."""
        self._timer = self._loop.call_at(self._began + self._grace, self._send_headers)

    def close(self) -> None:
        """Nothing is sent aside from now on."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm_ping(self) -> None:
        if self._interval is None:
            return
        due = self._sender.last_sent + self._interval
        self._timer = self._loop.call_at(due, self._send_ping, due)

    def _send_headers(self) -> None:
        if not self._sender.started and not self._sender.busy:
            self._sender.send_aside(b"", self._on_error)
        self._arm_ping()

    def _send_ping(self, due: float) -> None:
        sender = self._sender
        if sender.busy:  # a client that is slow to take what it is sent is no silence of the source
            sender.last_sent = self._loop.time()
        elif self._ping is not None and sender.last_sent + (self._interval or 0) <= due:
            try:
                sender.send_aside(self._ping() if callable(self._ping) else self._ping, self._on_error)
            except Exception as error:
                self._on_error(error)
                return
        self._arm_ping()
