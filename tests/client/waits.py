"""A `sleep` that takes no time."""

import asyncio


class Waits(list[float]):
    """The seconds that were waited, one after the other."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)
