"""Sends a stream: the request's own task watches the client, and a second one owns the stream's life."""

import asyncio
import logging

from anyio import CancelScope

from jero.http.asgi import Receive, Send
from jero.streaming.disconnect import until_disconnect
from jero.streaming.life import Life
from jero.streaming.open_streams import OpenStreams
from jero.streaming.plan import StreamPlan
from jero.streaming.source import discard

logger = logging.getLogger("jero.streams")


async def send_stream(plan: StreamPlan, streams: OpenStreams, receive: Receive, send: Send) -> None:
    """Returns when the stream is over and torn down, whatever ended it; meanwhile it is one of the open `streams`.

    Raises what failed before the client was sent its status, for the caller to answer. A stream that ends without
    an end of its body is a cut transfer: the server drops the connection. A cancellation of the calling task
    ends the stream, waits for its teardown, and is then raised on.
    """
    life = Life(plan, send)
    streams.add(life)
    task = asyncio.get_running_loop().create_task(life.run(), name=plan.name)
    task.add_done_callback(life.end_with)
    ended_by = await _watch(life, receive)
    ended_by = await _until_released(life) or ended_by
    streams.remove(life)  # also one whose teardown had to be left to itself
    if not life.begun:  # the task was cancelled before its first step
        await discard(plan.stream)
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


async def _watch(life: Life, receive: Receive) -> asyncio.CancelledError | None:
    """Waits for the client to leave, or for the stream to end; gives back a cancellation that is neither.

    The end of the stream calls this task back by cancelling it, as `asyncio.timeout` does: `receive` has no
    other way to be left.
    """
    request = asyncio.current_task()
    if request is None:
        raise RuntimeError("an ASGI application runs in a task of asyncio")
    cancellations = request.cancelling()
    life.watcher = request
    try:
        await until_disconnect(receive)
    except asyncio.CancelledError as cancelled:
        if life.is_called_back and request.uncancel() <= cancellations:
            return None
        life.interrupt("disconnected")
        return cancelled
    except Exception:
        logger.exception("receive() failed: the client's leaving cannot be noticed, and counts as done")
    finally:
        life.watcher, request = None, None  # a cancellation holds this frame by its traceback, and its task holds it
    life.interrupt("disconnected")
    return None


async def _until_released(life: Life) -> asyncio.CancelledError | None:
    """Waits for the teardown; a cancellation meanwhile is given back, for it must not be lost either."""
    cancelled: asyncio.CancelledError | None = None
    if life.is_released:
        return None
    try:
        with CancelScope(shield=True):
            while not life.is_released:
                try:
                    await asyncio.wait((life.released(),))
                except asyncio.CancelledError as error:
                    cancelled = error
        return cancelled
    finally:
        del cancelled  # it holds this frame by its traceback
