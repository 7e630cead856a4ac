"""The streams that are open, for a shutdown to end them."""

import asyncio

from jero.streaming.life import Life


class OpenStreams:
    """Knows every open stream of an application. `is_draining`: the server is going down, and none is begun."""

    def __init__(self) -> None:
        self._lives: set[Life] = set()
        self._waiting: list[asyncio.Future[None]] = []
        self.is_draining = False

    def add(self, life: Life) -> None:
        """A stream begins."""
        self._lives.add(life)
        if self.is_draining:
            life.shut_down()

    def remove(self, life: Life) -> None:
        """It is over."""
        self._lives.discard(life)
        if not self._lives:
            self._tell_waiting()

    def open(self) -> None:
        """Streams may begin: a life of the server has begun."""
        self.is_draining = False

    def drain(self) -> asyncio.Future[None]:
        """Ends them all, as a shutdown does; the future is done when they are over."""
        self.is_draining = True
        for life in list(self._lives):
            life.shut_down()
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(over)
        if not self._lives:
            self._tell_waiting()
        return over

    def __len__(self) -> int:
        return len(self._lives)

    def _tell_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for over in waiting:
            if not over.done():
                over.set_result(None)
