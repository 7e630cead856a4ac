"""Writes the tables of tests/matrix/exceptions.py into the page "Behind proxies and servers".

Change the data, then run `python -m tools.matrix_in_docs`. With `--check` the page is not written, and the exit status
is 1 if it differs from the data.
"""

import sys
from collections.abc import Iterator, Sequence

from tests.matrix.cells import ALL_WAYS, CELLS, PROTOCOLS, SERVERS, WAYS, Cell, Way
from tests.matrix.exceptions import COMPLETE, CUT_BY_PROXY, EXCEPTIONS, TRIED, Known, known
from tests.servers.servers import Server
from tools.update_pages import run, with_parts

COMMAND = "python -m tools.matrix_in_docs"
SERVER_NAMES = {"uvicorn": "uvicorn, httptools", "uvicorn-h11-asyncio": "uvicorn, h11"}
BETWEEN = {
    "straight": "nothing",
    "nginx 1.0": "nginx as installed (HTTP/1.0 to the server)",
    "nginx 1.1": "nginx with `proxy_http_version 1.1`",
    "inside": 'FastAPI with `@app.middleware("http")`',
    "included": "`BaseHTTPMiddleware`, included in jero",
}
PROXIES = {"nginx": "nginx", "haproxy": "HAProxy", "caddy": "Caddy"}


def table(rows: Sequence[Sequence[str]]) -> str:
    """Returns a table of Markdown. The first row is the head."""
    head, *rest = rows
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, ["---"] * len(head), *rest])


def ways() -> str:
    """Returns the table of all ways: whether a client can tell a cut from a whole stream."""
    head = ["between", "client", *(SERVER_NAMES.get(server.name, server.name) for server in SERVERS)]
    rows = [
        [BETWEEN[between], f"HTTP/{protocol}", *(answer(between, protocol, server) for server in SERVERS)]
        for between in WAYS
        for protocol in PROTOCOLS
    ]
    return table([head, *(row for row in rows if set(row[2:]) != {NO_WAY})])


NO_WAY = "-"


def answer(between: str, protocol: str, server: Server) -> str:
    """Returns "yes" if every cut is a cut for the client, or the exceptions with the numbers of their reasons."""
    way = next(
        (way for way in ALL_WAYS if (way.between, way.protocol, way.server) == (between, protocol, server)), None
    )
    if way is None:
        return NO_WAY
    found = [exception for exception in EXCEPTIONS if any(exception.matches(cell) for cell in cells(way))]
    return "<br>".join(f"{missing(exception, way)} ({EXCEPTIONS.index(exception) + 1})" for exception in found) or "yes"


def cells(way: Way) -> Iterator[Cell]:
    """Yields the cells of a way."""
    return (cell for cell in CELLS if cell.way is way)


def missing(exception: Known, way: Way) -> str:
    """Returns "no" if no cut of the way is a cut, or the endings that are not."""
    is_true_of_all = all(exception in known(cell) for cell in cells(way) if cell.is_cut and cell.form != "array")
    return "only arrays" if is_true_of_all else f"not if {joined(exception.endings)}"


def joined(endings: Sequence[str]) -> str:
    """Returns the endings as a list in a sentence, in the words of `StreamOutcome.reason`."""
    *others, last = [ending.removesuffix(" late") for ending in endings]
    return f"{', '.join(others)} or {last}" if others else last


def reasons() -> str:
    """Returns the list of the exceptions: what is seen, and why."""
    seen = {
        COMPLETE: "The client sees a complete response, unless it parses an array.",
        "never ends": "The stream never ends.",
        "stall not noticed": "The stall is not noticed.",
    }
    return "".join(
        f"{number}. {seen[exception.seen]} {exception.why}\n" for number, exception in enumerate(EXCEPTIONS, 1)
    )


def proxies() -> str:
    """Returns the table of proxies: whether each passes a cut on as a cut."""
    head = ["proxy", *(f"client of HTTP/{protocol}" for protocol in PROTOCOLS)]
    rows = [
        [f"{PROXIES[name]} {TRIED[name]}", *("a cut" if protocol in cut else "**complete**" for protocol in PROTOCOLS)]
        for name, cut in CUT_BY_PROXY.items()
    ]
    return table([head, *rows])


TABLES = {"matrix: proxies": proxies, "matrix: ways": ways, "matrix: reasons": reasons}


def main(arguments: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    return run(arguments, COMMAND, ["docs/proxies.md"], lambda page: with_parts(page, TABLES))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
