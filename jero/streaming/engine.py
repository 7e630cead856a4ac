"""Sends a stream: the request's own task watches the client, and a second one owns the stream's life."""

import asyncio

from jero.http.asgi import Receive, Send
from jero.streaming.disconnect import watch
from jero.streaming.life import Life
from jero.streaming.open_streams import OpenStreams
from jero.streaming.plan import StreamPlan
from jero.streaming.source import close_unstarted


async def send_stream(plan: StreamPlan, streams: OpenStreams, receive: Receive, send: Send) -> None:
    """Returns when the stream is over and torn down, whatever ended it; meanwhile it is one of the open `streams`.

    Raises what failed before the client was sent its status, for the caller to answer. A stream that ends without
    an end of its body is a cut transfer: the server drops the connection. A cancellation of the calling task
    ends the stream, waits for its teardown, and is then raised on.
    """
    life = Life(plan, send)
    streams.add(life)
    task = asyncio.get_running_loop().create_task(life.run(), name=plan.name, context=life.context)
    task.add_done_callback(life.end_with, context=life.context)
    # A task that is eager (`asyncio.eager_task_factory`) may be over already.
    ended_by = None if life.is_released else await watch(life, receive)
    if not life.is_released:
        ended_by = await life.wait() or ended_by
    streams.remove(life)  # also one whose teardown had to be left to itself
    if not life.begun:  # the task was cancelled before its first step
        await close_unstarted(plan.stream)
        await life.report()
    error = ended_by or life.to_raise
    try:
        if task.done():
            if not task.cancelled():
                task.result()
            life.dissolve()
        if error is not None:
            raise error
    finally:
        del error, ended_by  # each holds this frame by its traceback
