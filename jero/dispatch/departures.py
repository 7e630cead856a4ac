"""Notices clients that leave while their server does not read their connection, or does not pass on what it has read.

A server reports a disconnect only by `receive`. If a client sends a second request before the first is answered, no
server does that for the first one: uvicorn with httptools marks the newest request of a connection alone, and all
others stop reading until the answer is complete. So anyone could keep streams open without a connection.

One timer looks at all open streams and watched handlers every few seconds, not one timer each. Before the first look a
request costs nothing: its connection is found in that look. The system shows the end of a connection that nobody reads.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from jero.connection import Connections, Link
from jero.http.asgi import Scope
from jero.sockets import hung_up

LOOK_SECONDS: Final = 5.0
# How many are looked at in one turn of the event loop, which takes a millisecond at most.
AT_ONCE: Final = 500


class Watched(Protocol):
    """A request whose client may leave.

    `began`: a time of `time.monotonic` when the request was open already.
    """

    began: float

    @property
    def scope(self) -> Scope:
        """Returns the scope of the request."""
        ...

    @property
    def server_send(self) -> Any:
        """Returns `send` of ASGI, as the application got it."""
        ...

    def client_left(self) -> None:
        """Ends what runs for the client."""
        ...


class Departures:
    """Looks whether clients have left, as long as there are `streams` or `handlers`.

    `begin` starts the looks, unless `is_looking`: the next look is scheduled.
    """

    def __init__(self, connections: Connections, streams: Iterable[Watched]) -> None:
        self._connections = connections
        self._streams = streams
        self.handlers: set[Watched] = set()
        # `None`: sought, and not found. A request that is over is not kept.
        self._links: WeakKeyDictionary[Watched, Link | None] = WeakKeyDictionary()
        self._timer: asyncio.TimerHandle | None = None
        self.is_looking = False

    def begin(self) -> None:
        """Schedules the first look."""
        self._look_later(LOOK_SECONDS, [])

    def close(self) -> None:
        """Ends the looks."""
        if self._timer is not None:
            self._timer.cancel()
        self.is_looking = False

    def _look_later(self, seconds: float, rest: list[Watched]) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look, rest)
        self.is_looking = True

    def _look(self, rest: list[Watched]) -> None:
        """Looks at the next of the `rest`. If it is empty, begins again with all."""
        self.is_looking = False
        if not rest:
            rest = [*self._streams, *self.handlers]
            if not rest:
                return
        part, rest = rest[:AT_ONCE], rest[AT_ONCE:]
        try:
            self._end_left(part)
        finally:
            self._look_later(0 if rest else LOOK_SECONDS, rest)

    def _end_left(self, part: Iterable[Watched]) -> None:
        links = [(watched, link) for watched in part if (link := self._link(watched)) is not None]
        open_links = [(watched, link, link.descriptor()) for watched, link in links]
        closed = hung_up(descriptor for _, _, descriptor in open_links if descriptor is not None)
        for watched, link, descriptor in open_links:
            if descriptor is None or descriptor in closed:
                link.leave()
                watched.client_left()

    def _link(self, watched: Watched) -> Link | None:
        """Returns the connection of a request, which is sought once."""
        if watched not in self._links:
            request = watched.scope, watched.server_send, watched.began
            if not self._connections.is_findable(*request):
                return None
            self._links[watched] = self._connections.link(*request)
        return self._links[watched]
