"""How long to wait before trying again."""

import asyncio
import random
from typing import Final

FIRST_SECONDS: Final = 0.05
LONGEST_SECONDS: Final = 2.0


class Backoff:
    """Twice as long each time, up to two seconds; each time somewhat less, so that many do not come back at once."""

    def __init__(self) -> None:
        self._seconds = FIRST_SECONDS

    def reset(self) -> None:
        """It went well: the next wait is short again."""
        self._seconds = FIRST_SECONDS

    async def wait(self) -> None:
        """Waits for the next time."""
        seconds = self._seconds * random.uniform(0.5, 1.0)  # noqa: S311 - it spreads a crowd, and is no secret
        self._seconds = min(self._seconds * 2, LONGEST_SECONDS)
        await asyncio.sleep(seconds)
