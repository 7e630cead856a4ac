"""Serves a subject's application: one uvicorn worker with uvloop and httptools, and a thread that reports on it.

`server.py` starts this module as a process, with the module of the application. The process prints its port, and then
a `Reading` for each line of its input.
"""

import asyncio
import importlib
import os
import sys
import time
from pathlib import Path
from socket import socket
from threading import Thread

import msgspec
import uvicorn
import uvloop

from benchmarks.closings import closings

# Some applications print: in `main`, `sys.stdout` becomes another file, and this one has the answers alone.
_ANSWERS = sys.stdout


class Reading(msgspec.Struct, frozen=True):
    """The use of a server's process: CPU seconds since its start, resident bytes, tasks, times of closings."""

    cpu: float
    resident: int
    tasks: int
    closings: list[float]


class AnnouncedServer(uvicorn.Server):
    """A server that prints its port when it listens."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets:
            Thread(target=_answer, args=[asyncio.get_running_loop()], daemon=True).start()
            print(sockets[0].getsockname()[1], file=_ANSWERS, flush=True)


def _answer(loop: asyncio.AbstractEventLoop) -> None:
    for _ in sys.stdin:
        reading = Reading(
            cpu=time.process_time(),
            resident=int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGESIZE"),
            tasks=len(asyncio.all_tasks(loop)),
            closings=closings.times,
        )
        print(msgspec.json.encode(reading).decode(), file=_ANSWERS, flush=True)
    os._exit(0)  # the measuring process has ended, and an application that hangs would never return


def main(module: str) -> None:
    """Serves `module.app` until the process is killed or its input ends."""
    sys.stdout = sys.stderr
    app = importlib.import_module(module).app
    config = uvicorn.Config(app, port=0, http="httptools", loop="uvloop", log_level="error", access_log=False)
    listening = config.bind_socket()
    uvloop.run(AnnouncedServer(config).serve([listening]))


if __name__ == "__main__":
    main(sys.argv[1])
