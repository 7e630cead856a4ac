"""Defines how the clients of the soak treat their streams, and which answers are right."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import SystemRandom

from benchmarks.soak.connection import Connection
from benchmarks.soak.feeds import SEND_TIMEOUT

PROPER_END = b"0\r\n\r\n"
HEAD_END = b"\r\n\r\n"

chance = SystemRandom()


class UnexpectedAnswer(Exception):
    """A client has received an answer that is wrong for its stream."""


async def drain(connection: Connection) -> None:
    """Reads to the end. Raises `UnexpectedAnswer` unless the answer is whole."""
    received = await connection.read_all()
    if not received.startswith(b"HTTP/1.1 200") or not received.endswith(PROPER_END):
        raise UnexpectedAnswer(f"the answer is not whole: {received[:100]!r} ... {received[-100:]!r}")


async def drain_broken(connection: Connection) -> None:
    """Reads to the end. Raises `UnexpectedAnswer` unless the answer is cut, or is an error response."""
    received = await connection.read_all()
    if received.startswith(b"HTTP/1.1 200") and received.endswith(PROPER_END):
        raise UnexpectedAnswer(f"the stream failed, but its answer looks whole: {received[-100:]!r}")


async def leave_at_some_time(connection: Connection) -> None:
    """Leaves at once or soon, and reads nothing."""
    await asyncio.sleep(chance.choice((0.0, 0.001, 0.02)))


async def leave_after_an_item(connection: Connection) -> None:
    """Leaves when an item has arrived."""
    received = await connection.read()
    while received.endswith(HEAD_END):
        received = await connection.read()
    if not received.startswith(b"HTTP/1.1 200") and b"an item" not in received:
        raise UnexpectedAnswer(f"an item was expected: {received[:100]!r}")


async def never_read(connection: Connection) -> None:
    """Reads nothing until the server has dropped the connection."""
    await asyncio.sleep(SEND_TIMEOUT + 2)


async def read_slowly(connection: Connection) -> None:
    """Reads a little at a time, for longer than `SEND_TIMEOUT`."""
    for _ in range(400):
        if not await connection.read():
            raise UnexpectedAnswer("the server dropped a client that reads slowly")
        await asyncio.sleep(SEND_TIMEOUT / 200)


@dataclass(frozen=True)
class Manner:
    """A path to ask for, how to treat the stream, and the reasons for which it may end."""

    path: str
    treat: Callable[[Connection], Awaitable[None]]
    reasons: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Returns the kind of the source."""
        return self.path.rpartition("/")[2].partition("?")[0]


QUICK = (
    Manner("/streams/finite", drain, ("completed",)),
    Manner("/streams/finite", leave_at_some_time, ("completed", "disconnected")),
    Manner("/streams/silent", leave_at_some_time, ("disconnected",)),
    Manner("/streams/idle", leave_after_an_item, ("disconnected",)),
    Manner("/streams/busy", leave_after_an_item, ("disconnected",)),
    Manner("/streams/endless", leave_after_an_item, ("disconnected",)),
    Manner("/streams/threaded", leave_after_an_item, ("disconnected",)),
    Manner("/streams/failing", drain_broken, ("failed",)),
    Manner("/streams/cancelling", drain_broken, ("failed",)),
    Manner("/streams/unencodable", drain_broken, ("failed",)),
    Manner("/streams/badly_torn_down", drain_broken, ("failed",)),
    Manner("/streams/unclosable", leave_after_an_item, ("failed",)),
    Manner("/streams/busy?cancel=0", drain_broken, ("disconnected",)),
    Manner("/streams/busy?cancel=10", drain_broken, ("disconnected",)),
)
NEVER_READS = Manner("/streams/endless", never_read, ("stalled",))
READS_SLOWLY = Manner("/streams/endless", read_slowly, ("disconnected",))
