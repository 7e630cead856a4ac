"""What is published on a channel, on the server's side: each subject publishes it in its own way."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic

from msgspec import Struct

from benchmarks.item import Item

# The address of a Redis, where a subject's channel is to be there.
REDIS_URL = "BENCHMARKS_REDIS_URL"
# How many events a channel keeps, where it keeps any: more than are ever on their way.
HISTORY = 10_000
NAME = "Item"


class Publication(Struct):
    """`count` items, numbered from `first` on, with a pause of so many seconds after each; in a row where there is one
    publisher, and else shared out among several that do not wait for each other.
    """

    first: int
    count: int
    pause: float = 0.0
    publishers: int = 1

    async def publish(self, publish: Callable[[Item], Awaitable[object]]) -> None:
        """An item is about 50 bytes of JSON, and its price is the clock's reading at its publishing.

        Without a pause the event loop has no turn between two of them, but where the publishing itself has to wait.
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
