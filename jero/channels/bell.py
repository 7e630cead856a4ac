"""News, for all who wait for them."""

import asyncio


class Bell:
    """`ring` wakes all who wait at that moment. Whoever waits has looked before, with no pause in between."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """There is something new."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, set()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self) -> None:
        """Returns when there is."""
        waiter = asyncio.get_running_loop().create_future()
        waiting = self._waiting
        waiting.add(waiter)
        try:
            await waiter
        except BaseException:
            waiting.discard(waiter)
            raise
