"""Counts what is left to the garbage collector."""

import asyncio
import gc
from collections.abc import Awaitable, Callable


async def garbage(once: Callable[[], Awaitable[None]]) -> int:
    """Returns how many objects ten calls leave to the garbage collector."""
    await once()
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            await once()
        await asyncio.sleep(0)
        return gc.collect()
    finally:
        gc.enable()
