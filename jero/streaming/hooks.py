"""Calls what the application wants to be called when a stream starts, fails or completes.

Most applications want none of it. So the call at the end, which each stream makes, is in stream.py.
"""

import inspect
import logging
from collections.abc import Callable
from typing import Any

from jero.policy import StreamOutcome, StreamStart
from jero.streaming.buffer import FrameBuffer
from jero.streaming.plan import StreamKind, StreamPlan

logger = logging.getLogger("jero.streams")


async def report_start(kind: StreamKind) -> None:
    """Calls `on_start`, if the kind has one. Logs what that raises."""
    if kind.on_start is None:
        return
    try:
        await kind.on_start(StreamStart(endpoint=kind.endpoint, method=kind.method))
    except BaseException:
        logger.exception("%s: _on_stream_start failed", kind.label)


async def add_last_item(
    kind: StreamKind, frames: FrameBuffer, on_error: Callable[[Exception], Any], error: Exception
) -> None:
    """Frames what `on_error` makes of the error of a stream; nothing if it makes nothing, or fails.

    Logs what `on_error` raises.
    """
    try:
        item = on_error(error)
        if inspect.isawaitable(item):
            item = await item
        if item is not None:
            frames.add(item)
    except BaseException:
        logger.exception("%s: the error's handler failed", kind.label)
    finally:
        del error  # its traceback refers to this frame


def add_last(
    plan: StreamPlan, outcome: StreamOutcome, buffer: FrameBuffer, fail: Callable[[BaseException], None]
) -> bool:
    """Adds the item `last` of a complete stream to the buffer, unless that is closed. Returns whether it has bytes.

    Calls `fail` with what `last` raises.
    """
    if buffer.is_closed:
        return False
    try:
        last = frame_last(plan, outcome)
    except BaseException as error:
        fail(error)
        return False
    buffer.buffer += last
    return bool(last)


def frame_last(plan: StreamPlan, outcome: StreamOutcome) -> bytes:
    """Returns the item `last` of a complete stream, framed, with the separator before it. Raises what `last` raises.

    It is empty if the format has no bytes for the item.
    """
    last = b"" if plan.last is None else plan.last(outcome)
    return plan.kind.framing.separator + last if last and outcome.items else last
