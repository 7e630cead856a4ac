"""Keeps the server and its clients on different cores of the processor.

On a shared core, chance decides whether the server joins several writes while a client waits for its turn. One run's
figure would then be half of the next run's.
"""

import os
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import Final

_CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def keep_apart(server: int, place: int = 0) -> None:
    """Moves the server's process, with all its threads, to a core of its own: the last, or `place` before the last.

    This process, and all that it starts, stays on the cores before that core, or on all cores if it is the first.
    """
    if len(_CORES) > max(1, place):
        _keep_to({_CORES[-1 - place]}, server)
        os.sched_setaffinity(0, _CORES[: -1 - place] or _CORES)


def share_all(server: int) -> None:
    """Lets the server's process, this process and all that it starts use every core."""
    if _CORES:
        os.sched_setaffinity(0, _CORES)
        keep_together(server)


def keep_together(process: int) -> None:
    """Moves a process, with all its threads, to the cores of this process."""
    if _CORES:
        _keep_to(os.sched_getaffinity(0), process)


def _keep_to(cores: AbstractSet[int], process: int) -> None:
    for thread in Path(f"/proc/{process}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread may end meanwhile
            os.sched_setaffinity(int(thread.name), cores)
