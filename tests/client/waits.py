"""Replaces `sleep`, without waiting."""

import asyncio


class Waits(list[float]):
    """Records the seconds of each call, and returns at once."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)
