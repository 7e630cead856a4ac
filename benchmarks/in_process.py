"""Calls a subject's application in this process, without a server or a socket.

W10 and W14 start it with the module of an application, a number of requests and the targets to ask for, such as
`/ndjson/ready?count=20`. It prints a line for each target: nanoseconds of CPU a request, and the bytes of one body.
"""

import asyncio
import importlib
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, NamedTuple, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class Cost(NamedTuple):
    """The cost of one request: nanoseconds of CPU, and the bytes of the body that came for them."""

    nanoseconds: float
    bytes: int


class Client:
    """Counts the bytes that are sent. Disconnects when the response has ended."""

    def __init__(self) -> None:
        self._asked = False
        self._left = asyncio.Event()
        self.status = 0
        self.bytes = 0

    async def receive(self) -> Message:
        if self._asked:
            await self._left.wait()
            return {"type": "http.disconnect"}
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
            if not message.get("more_body"):
                self.leave()
        else:
            self.status = message["status"]

    def leave(self) -> None:
        """Disconnects."""
        self._left.set()


async def start(app: App) -> asyncio.Task[None]:
    """Starts the application as a server does. Returns the task of its lifespan."""
    started = asyncio.Event()
    messages: list[Message] = [{"type": "lifespan.startup"}]

    async def receive() -> Message:
        while not messages:
            await asyncio.get_running_loop().create_future()
        return messages.pop()

    async def send(message: Message) -> None:
        started.set()

    async def live() -> None:
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    lifespan = asyncio.create_task(live())
    ended = asyncio.create_task(started.wait())
    # An application that does not support the lifespan protocol raises at once.
    await asyncio.wait((lifespan, ended), return_when=asyncio.FIRST_COMPLETED)
    return lifespan


def scope(path: str, query: str) -> Message:
    """Returns the scope of a GET request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }


async def call(app: App, target: str) -> int:
    """Sends one request. Returns the bytes of its body, or raises `RuntimeError` if its status is not 200."""
    path, _, query = target.partition("?")
    client = Client()
    await app(scope(path, query), client.receive, client.send)
    if client.status != 200:
        raise RuntimeError(f"{target}: status {client.status}, not 200")
    return client.bytes


async def measure(app: App, requests: int, targets: Sequence[str]) -> list[Cost]:
    """Measures the targets in turn. A tenth of the requests, if that is one or more, warm up and do not count."""
    lifespan = await start(app)
    costs: list[Cost] = []
    for target in targets:
        for _ in range(requests // 10):
            await call(app, target)
        size = 0
        began = time.process_time_ns()
        for _ in range(requests):
            size = await call(app, target)
        costs.append(Cost((time.process_time_ns() - began) / requests, size))
    lifespan.cancel()
    return costs


def measure_apart(module: str, requests: int, targets: Sequence[str]) -> list[Cost]:
    """Measures `module.app` in a process of its own: two frameworks in one process may disturb each other."""
    command = [sys.executable, "-m", "benchmarks.in_process", module, str(requests), *targets]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    pairs = [line.split() for line in done.stdout.splitlines()[-len(targets) :]]
    return [Cost(float(nanoseconds), int(size)) for nanoseconds, size in pairs]


if __name__ == "__main__":
    for cost in asyncio.run(measure(importlib.import_module(sys.argv[1]).app, int(sys.argv[2]), sys.argv[3:])):
        print(*cost)
