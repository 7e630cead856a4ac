"""Noticing that the client has left."""

import asyncio
import logging

from jero.http.asgi import Receive, is_disconnect
from jero.streaming.life import Life

logger = logging.getLogger("jero.streams")


async def watch(life: Life, receive: Receive) -> asyncio.CancelledError | None:
    """Waits for the client to leave, whatever it still sends of its request, or for the stream to end; gives back a
    cancellation that is neither.

    One `receive()` waits for the whole of a stream's life: it is not cancelled and called again between items. The end
    of the stream calls this task back by cancelling it, as `asyncio.timeout` does: `receive` has no other way to be
    left.
    """
    request = asyncio.current_task()
    if request is None:
        raise RuntimeError("an ASGI application runs in a task of asyncio")
    cancellations = request.cancelling()
    life.watcher = request
    ends = 0
    try:
        while not is_disconnect(message := await receive()):
            ends += not message.get("more_body")
            if ends > 1:  # a middleware that answers with the same body for ever: asking on would never pause
                logger.warning(
                    "receive() gives the request's end again and again: the client's leaving goes unnoticed."
                )
                await asyncio.get_running_loop().create_future()
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
