"""Which way a source's items go to the sender: the shortest for their kind."""

from collections.abc import Awaitable
from contextvars import Context

from jero.framing.framing import FramedSource
from jero.framing.raw import RAW
from jero.streaming.outbox import Outbox
from jero.streaming.plan import StreamPlan
from jero.streaming.pull import pull_items, pull_lines
from jero.streaming.pump import Pump
from jero.streaming.relay import Relay
from jero.streaming.source import Source
from jero.streaming.threaded import framed_in_thread, is_synchronous


def prepare(plan: StreamPlan) -> tuple[Source, Outbox, Outbox]:
    """The source, where its items are framed, and where what is framed waits to be sent."""
    frames = Outbox(plan.framing, plan.encoder, plan.policy.chunk_bytes)
    if not is_synchronous(plan.stream):
        return Source(plan.stream), frames, frames
    # FramedItems in its thread: what comes from there are chunks.
    return Source(framed_in_thread(plan.stream, frames)), frames, Outbox(RAW, plan.encoder, plan.policy.chunk_bytes)


def deliver(plan: StreamPlan, source: Source, outbox: Outbox, pump: Pump, context: Context) -> Awaitable[None]:
    """Sends all that the source has to give, but for what is left in the outbox at its end; raises what it raises."""
    if isinstance(plan.stream, FramedSource):
        return Relay(pump, outbox, plan.framing, context).drive(source)
    if plan.one_line is None or is_synchronous(plan.stream):
        return pump.drive(pull_items(source, outbox))
    return pump.drive(pull_lines(source, outbox, plan.one_line))
