"""Makes the items that a server publishes on its channel; each subject publishes them in its own way."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic

from msgspec import Struct

from benchmarks.item import Item

# An environment variable: the URL of the Redis for the channel. If it is not set, the channel is in memory.
REDIS_URL = "BENCHMARKS_REDIS_URL"
# The events that a channel keeps, if its framework keeps any: more than are ever undelivered.
HISTORY = 10_000
NAME = "Item"


class Publication(Struct):
    """`count` items, numbered from `first` on, with a pause of `pause` seconds after each.

    Several publishers share the items, and do not wait for each other.
    """

    first: int
    count: int
    pause: float = 0.0
    publishers: int = 1

    async def publish(self, publish: Callable[[Item], Awaitable[object]]) -> None:
        """Calls `publish` for each item, of about 50 bytes of JSON. Its `price` is the time at which it was made.

        Without a pause the event loop gets a turn between two items only if `publish` waits.
        """
        numbers = range(self.first, self.first + self.count)
        if self.publishers == 1:
            await self._publish(numbers, publish)
            return
        async with asyncio.TaskGroup() as publishers:
            for place in range(self.publishers):
                publishers.create_task(self._publish(numbers[place :: self.publishers], publish))

    async def _publish(self, numbers: Iterable[int], publish: Callable[[Item], Awaitable[object]]) -> None:
        for number in numbers:
            await publish(Item(id=number, name=NAME, price=monotonic()))
            if self.pause:
                await asyncio.sleep(self.pause)
