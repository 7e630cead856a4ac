"""Calls what the application wants to be called when a stream starts or fails. Logs what that raises.

Most applications want neither. So the call at the end, which each stream makes, is in stream.py.
"""

import inspect
import logging
from collections.abc import Callable
from typing import Any

from jero.policy import StreamStart
from jero.streaming.buffer import FrameBuffer
from jero.streaming.plan import StreamKind

logger = logging.getLogger("jero.streams")


async def report_start(kind: StreamKind) -> None:
    """Calls `on_start`, if the kind has one."""
    if kind.on_start is None:
        return
    try:
        await kind.on_start(StreamStart(endpoint=kind.endpoint, method=kind.method))
    except BaseException:
        logger.exception("%s: _on_stream_start failed", kind.label)


async def add_last_item(
    kind: StreamKind, frames: FrameBuffer, on_error: Callable[[Exception], Any], error: Exception
) -> None:
    """Frames what `on_error` makes of the error of a stream; nothing if it makes nothing, or fails."""
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
