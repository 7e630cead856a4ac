"""The matrix: every ending of a stream, in every format, by every way to the client. One table makes all cells."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

from tests.servers.servers import GRANIAN, HYPERCORN, UVICORN, UVICORN_PURE, Server

ENDINGS: Final = ("completed", "failed early", "failed late", "expired", "stalled", "shutdown")
FORMATS: Final = ("lines", "array", "events", "raw")
SERVERS: Final = (UVICORN, UVICORN_PURE, GRANIAN, HYPERCORN)
SPEAKING_HTTP2: Final = (GRANIAN, HYPERCORN)
# The version of HTTP that the client speaks: to the server, or to nginx.
PROTOCOLS: Final = ("1.0", "1.1", "2")
# "nginx 1.0": nginx asks the server by HTTP/1.0, its default. "inside": in a FastAPI with a middleware. "included":
# with Starlette's `BaseHTTPMiddleware` included in jero.
WAYS: Final = ("straight", "nginx 1.0", "nginx 1.1", "inside", "included")


@dataclass(frozen=True, eq=False)
class Way:
    """A way from a server to a client: what stands between them, and the client's version of HTTP."""

    server: Server
    between: str
    protocol: str

    @property
    def is_behind_nginx(self) -> bool:
        """Returns whether nginx speaks to the client."""
        return self.between.startswith("nginx")

    def __str__(self) -> str:
        return f"{self.server.name}, {self.between}, HTTP/{self.protocol}"


@dataclass(frozen=True, eq=False)
class Cell:
    """One ending of a stream in one format, on one way."""

    way: Way
    form: str
    ending: str

    @property
    def key(self) -> str:
        """Returns a key for the stream, by which its notes are found."""
        return f"{self.way}, {self.form}, {self.ending}"

    @property
    def is_cut(self) -> bool:
        """Returns whether the client must see a cut transfer.

        Event streams end properly, because their clients come back; a client that takes nothing cannot be sent an end.
        """
        return self.ending == "stalled" or (
            self.form != "events" and self.ending in ("failed late", "expired", "shutdown")
        )

    def __str__(self) -> str:
        return self.key


def ways() -> Iterator[Way]:
    """Yields each way that exists: nginx speaks HTTP/2 for any server, but not every server does."""
    for server, between, protocol in product(SERVERS, WAYS, PROTOCOLS):
        way = Way(server, between, protocol)
        if protocol != "2" or way.is_behind_nginx or server in SPEAKING_HTTP2:
            yield way


ALL_WAYS: Final = tuple(ways())
CELLS: Final = tuple(Cell(way, form, ending) for way, form, ending in product(ALL_WAYS, FORMATS, ENDINGS))
