"""Noticing that the client has left."""

import asyncio
import logging

from jero.http.asgi import Receive, is_disconnect

logger = logging.getLogger("jero.streams")


async def until_disconnect(receive: Receive) -> None:
    """Returns when the client has left; whatever it still sends of its request is passed over.

    One `receive()` waits for the whole of a stream's life: it is not cancelled and called again between items.
    """
    body_ended = False
    while not is_disconnect(message := await receive()):
        if message.get("more_body"):
            continue
        if body_ended:  # a middleware that answers with the same body for ever: asking on would never pause
            logger.warning("receive() gives the request's end again and again: the client's leaving goes unnoticed.")
            await asyncio.get_running_loop().create_future()
        body_ended = True
