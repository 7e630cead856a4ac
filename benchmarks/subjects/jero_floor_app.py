"""jero without its engine: the floor under the cost of a short stream.

The application is jero's own, and answers the same requests by the same route, binding and plan. Instead of the
engine, a loop frames all items into one buffer and sends two messages. It does not keep the engine's
promises: it does not notice a disconnect, and has neither keepalive nor limits nor teardown.

Import it only in a process of its own: it replaces the engine of the whole process.
"""

from unittest.mock import patch

from benchmarks.subjects import jero_app
from jero.dispatch import route
from jero.http.asgi import Receive, Send, response_body, response_start
from jero.streaming.plan import StreamPlan
from jero.streaming.serve import OpenStreams

app = jero_app.app


async def send_at_once(plan: StreamPlan, streams: OpenStreams, receive: Receive, send: Send) -> None:
    """Sends the whole stream as one message. Takes the arguments of `send_stream`."""
    framing, encoder = plan.kind.framing, plan.kind.encoder
    encode = framing.encode
    buffer = bytearray(framing.opening)
    async for item in plan.source:
        encode(item, buffer, encoder)
    buffer += framing.closing
    await send(response_start(plan.status, list(plan.headers)))
    await send(response_body(bytes(buffer)))


# Raises `AttributeError` if the engine is not called by this name any more: the floor would measure the engine.
patch.object(route, "send_stream", send_at_once).start()
