"""The cells in which a client cannot tell a cut stream from a whole one, each with its reason.

The page "Behind proxies and servers" shows this table. A test fails if one of these cells is right, so that the page
stays true.
"""

from dataclasses import dataclass
from typing import Final

from tests.matrix.cells import PROTOCOLS, SERVERS, WAYS, Cell

NAMES: Final = tuple(server.name for server in SERVERS)
COMPLETE: Final = "complete 200"
CUTS: Final = ("failed late", "expired", "stalled", "shutdown")


@dataclass(frozen=True)
class Known:
    """Cells that must be cut, and are not. `seen`: the fault, as `verdicts.fault` words it. `why`: for the page."""

    seen: str
    why: str
    servers: tuple[str, ...] = NAMES
    between: tuple[str, ...] = WAYS
    protocols: tuple[str, ...] = PROTOCOLS
    endings: tuple[str, ...] = CUTS

    def matches(self, cell: Cell) -> bool:
        """Returns whether the cell is one of these. The client of a cut array can tell: no parser accepts the array."""
        return (
            cell.is_cut
            and (cell.form != "array" or self.seen != COMPLETE)
            and cell.way.server.name in self.servers
            and cell.way.between in self.between
            and cell.way.protocol in self.protocols
            and cell.ending in self.endings
        )


EXCEPTIONS: Final = (
    Known(
        COMPLETE,
        "To a client of HTTP/1.0, nginx ends a cut response as it ends a whole one: it closes the connection.",
        between=("nginx 1.0", "nginx 1.1"),
        protocols=("1.0",),
    ),
    Known(
        "never ends",
        "hypercorn does not end an HTTP/2 stream whose application stops before the end of the body. jero resets such "
        "a stream itself, but cannot do that if another application stands between.",
        servers=("hypercorn",),
        between=("inside",),
        protocols=("2",),
        endings=("failed late", "expired"),
    ),
    Known(
        "stall not noticed",
        "For an HTTP/2 client that does not read, hypercorn stores everything that it is given. jero waits for the "
        "client itself, but cannot do that if another application stands between.",
        servers=("hypercorn",),
        between=("inside",),
        protocols=("2",),
        endings=("stalled",),
    ),
)


def known(cell: Cell) -> list[Known]:
    """Returns the exceptions that the cell is one of: none, or one."""
    return [exception for exception in EXCEPTIONS if exception.matches(cell)]


# By proxy, the versions of HTTP to whose clients it passes a cut on as a cut, with the settings that the page shows.
CUT_BY_PROXY: Final = {"nginx": ("1.1", "2"), "haproxy": ("1.0", "1.1"), "caddy": ()}
# The versions of which this was tried. Of another version it is not tested, because it may have been mended.
TRIED: Final = {"nginx": "1.22", "haproxy": "2.6", "caddy": "2.6"}
