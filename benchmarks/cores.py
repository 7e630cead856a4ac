"""Which core of the processor serves, and which ones ask.

On a machine of several they do not share one: else it is chance whether a client that is kept waiting lets the server
join several writes, and a figure of one run would be half of that of the next.
"""

import os
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import Final

_CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def keep_apart(server: int, place: int = 0) -> None:
    """Gives the process of that number, with all its threads, a core of its own: the last, or `place` before it.

    This process, and what it starts, keeps to those before that one; or to all of them, where there are none left.
    """
    if len(_CORES) > max(1, place):
        _keep_to({_CORES[-1 - place]}, server)
        os.sched_setaffinity(0, _CORES[: -1 - place] or _CORES)


def share_all(server: int) -> None:
    """The process of that number, this one, and what it starts, may use any core."""
    if _CORES:
        os.sched_setaffinity(0, _CORES)
        keep_beside(server)


def keep_beside(process: int) -> None:
    """The process of that number, with all its threads, keeps to the cores that this one keeps to."""
    if _CORES:
        _keep_to(os.sched_getaffinity(0), process)


def _keep_to(cores: AbstractSet[int], process: int) -> None:
    for thread in Path(f"/proc/{process}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread may end meanwhile
            os.sched_setaffinity(int(thread.name), cores)
