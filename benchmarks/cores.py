"""Which core of the processor serves, and which ones ask.

On a machine of several they do not share one: else it is chance whether a client that is kept waiting lets the server
join several writes, and a figure of one run would be half of that of the next.
"""

import os
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import Final

_CORES: Final[AbstractSet[int]] = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else frozenset()
_SERVER: Final[AbstractSet[int]] = frozenset({max(_CORES)}) if len(_CORES) > 1 else frozenset()


def keep_apart(server: int) -> None:
    """Gives the process of that number, with all its threads, a core of its own; this one, and what it starts, keeps
    to the others.
    """
    if _SERVER:
        _keep_to(_SERVER, server)
        os.sched_setaffinity(0, _CORES - _SERVER)


def keep_aside(process: int) -> None:
    """The process of that number, with all its threads, leaves the server's core to the server."""
    if _SERVER:
        _keep_to(_CORES - _SERVER, process)


def _keep_to(cores: AbstractSet[int], process: int) -> None:
    for thread in Path(f"/proc/{process}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread may end meanwhile
            os.sched_setaffinity(int(thread.name), cores)
