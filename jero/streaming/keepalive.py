"""What is sent while a source is silent: the headers after the grace, then pings."""

import asyncio

from jero.streaming.overseer import Overseer
from jero.streaming.plan import StreamPlan
from jero.streaming.sender import Sender


class Keepalive:
    """One timer a stream; a send moves its time without touching it."""

    __slots__ = ("_due", "_loop", "_overseer", "_plan", "_sender", "_timer")

    def __init__(self, plan: StreamPlan, sender: Sender, overseer: Overseer) -> None:
        self._plan = plan
        self._sender = sender
        self._overseer = overseer
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + plan.first_item_grace
        self._timer: asyncio.TimerHandle | None = None

    def listen(self) -> None:
        """From now on the source's silence is timed."""
        self._timer = self._loop.call_at(self._due, self._send_headers, context=self._overseer.context)

    def close(self) -> None:
        """Nothing is sent aside from now on."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm_ping(self) -> None:
        if self._plan.keepalive is None or self._plan.ping is None:
            return
        self._due = self._sender.last_sent + self._plan.keepalive
        self._timer = self._loop.call_at(self._due, self._send_ping, context=self._overseer.context)

    def _send_headers(self) -> None:
        if not self._sender.started and not self._sender.busy:
            self._sender.send_aside(b"")
        self._arm_ping()

    def _send_ping(self) -> None:
        sender, ping = self._sender, self._plan.ping
        if sender.busy:  # a client that is slow to take what it is sent is no silence of the source
            sender.last_sent = self._loop.time()
        elif ping is not None and sender.last_sent + (self._plan.keepalive or 0) <= self._due:
            try:
                sender.send_aside(ping() if callable(ping) else ping)
            except Exception as error:
                self._overseer.lose(error)
                return
        self._arm_ping()
