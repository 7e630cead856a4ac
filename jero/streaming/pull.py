"""Pulling: from the source's items to framed bytes in the outbox. It never sends; it looks up, and the pump does."""

import asyncio
import types
from collections.abc import AsyncIterator, Generator
from typing import Any, Final

from jero.streaming.one_line import OneLine
from jero.streaming.outbox import Outbox
from jero.streaming.source import MISSING, Source

LOOK_UP: Final = object()


async def pull_items(source: Source, outbox: Outbox) -> None:
    """Opens the source and frames all its items; raises what it raises, or their encoding.

    Whenever it is time to send, or for others to have the event loop, it yields `LOOK_UP`. A cancellation that it is
    thrown there goes into the source, at the `yield` that the source waits in.
    """
    items = await source.open()
    if source.first is not MISSING and outbox.add(source.first):
        await _look_up(items, outbox)
    async for item in items:
        if outbox.add(item):
            await _look_up(items, outbox)


async def pull_lines(source: Source, outbox: Outbox, one_line: OneLine) -> None:
    """The same for items that are mostly known to be JSON on one line, without a call for each: the hot path."""
    items = await source.open()
    if source.first is not MISSING and outbox.add(source.first):
        await _look_up(items, outbox)
    before, after, encode_into = one_line.before, one_line.after, one_line.encoder.encode_into
    known: type | None = None  # the class of the last such item; the first item has no separator before it
    buffer, size, mark, framed = outbox.buffer, len(outbox.buffer), outbox.mark, 0
    try:
        async for item in items:
            if type(item) is known:
                if before:
                    buffer += before
                encode_into(item, buffer, -1)
                buffer += after
                framed += 1
                size = len(buffer)
                if size < mark:
                    continue
                is_time = outbox.look()
            else:
                is_time = outbox.add(item)
                known = one_line.known(item) or known
            if is_time:
                await _look_up(items, outbox)
            size, mark = len(buffer), outbox.mark
    except BaseException:
        del buffer[size:]  # what was written of an item before its encoding failed
        raise
    finally:
        outbox.items += framed


async def _look_up(items: AsyncIterator[Any], outbox: Outbox) -> None:
    try:
        await _pause()
    except asyncio.CancelledError as cancelled:
        throw = getattr(items, "athrow", None)
        if throw is None or outbox.is_closed:
            raise
        try:
            outbox.add(await throw(cancelled))
        except StopAsyncIteration:
            return  # the source ended on it; the next pull says so again


@types.coroutine
def _pause() -> Generator[object, None, None]:
    yield LOOK_UP
