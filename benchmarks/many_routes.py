"""Measures applications with 3 to 3,000 endpoints in this process, without a server or a socket.

The workload W19 starts this program with the module of a subject and a number of rounds, and reads the figures that it
prints as JSON. The module's `declare(paths)` makes an endpoint for each path, as the import of a program does, and
returns a function that builds the application. `startup` is the time to build and start the largest application.
"""

import asyncio
import gc
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from benchmarks.in_process import App, Message, scope, start

Declare: TypeAlias = Callable[[Sequence[str]], Callable[[], App]]

COUNTS: Final = (3, 30, 300, 3_000)
KINDS: Final = ("static", "template")
STARTUP: Final = "startup"
SLOT: Final = "{item_id}"
BODY: Final = b"ok"
REQUESTS_PER_ROUND: Final = 200

REQUEST: Final[Message] = {"type": "http.request", "body": b"", "more_body": False}


def paths(count: int) -> list[str]:
    """Returns the paths of `count` endpoints. Every second path is a template."""
    return [f"/shelf{number // 2}/{SLOT if number % 2 else 'newest'}" for number in range(count)]


def requested(path: str) -> str:
    """Returns a path that a client can request and that matches the declared path."""
    return path.replace(SLOT, "7")


def figure_name(kind: str, count: int) -> str:
    """Returns the name of the figure of one kind of path in an application with `count` endpoints."""
    return f"{kind} of {count:,}"


def last_request(kind: str, count: int) -> str:
    """Returns the path of the request that is measured. It matches the path that was declared last of its kind."""
    declared = [path for path in paths(count) if (SLOT in path) == (kind == "template")]
    return requested(declared[-1])


async def measure(declare: Declare, rounds: int) -> dict[str, float]:
    """Returns microseconds of CPU a request by the figure's name, and the seconds of CPU of the startup.

    The applications take turns. Each figure is the least of its rounds.
    """
    apps: dict[int, App] = {}
    lifespans: list[asyncio.Task[None]] = []
    startup = 0.0
    for count in COUNTS:
        build = declare(paths(count))
        gc.collect()
        began = time.process_time()
        apps[count] = build()
        lifespans.append(await start(apps[count]))
        startup = time.process_time() - began
    asked = {(kind, count): last_request(kind, count) for kind in KINDS for count in COUNTS}
    least = dict.fromkeys(asked, float("inf"))
    for _ in range(rounds):
        for (kind, count), path in asked.items():
            least[kind, count] = min(least[kind, count], await _microseconds(apps[count], path))
    for lifespan in lifespans:
        lifespan.cancel()
    return {**{figure_name(*key): value for key, value in least.items()}, STARTUP: startup}


async def _microseconds(app: App, path: str) -> float:
    """Raises `RuntimeError` if the application does not find the path."""
    sent: list[Message] = []

    async def receive() -> Message:
        return REQUEST

    async def send(message: Message) -> None:
        sent.append(message)

    began = time.process_time()
    for _ in range(REQUESTS_PER_ROUND):
        sent.clear()
        await app(scope(path, ""), receive, send)
    spent = time.process_time() - began
    if sent[0].get("status") != 200 or b"".join(message.get("body", b"") for message in sent[1:]) != BODY:
        raise RuntimeError(f"{path} was answered by {sent}")
    return spent / REQUESTS_PER_ROUND * 1e6


async def main() -> None:
    """Prints the figures of the subject that the command names."""
    declare: Declare = importlib.import_module(sys.argv[1]).declare
    print(json.dumps(await measure(declare, int(sys.argv[2]))))


if __name__ == "__main__":
    asyncio.run(main())
