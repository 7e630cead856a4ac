"""Health and readiness: after SIGTERM the server is not ready, but goes on for a while, until no new clients come."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from types import FrameType

from jero import BaseApp, Endpoint, ServiceUnavailable, SSEResponse

SECONDS = float(os.environ.get("SECONDS_BEFORE_SHUTDOWN", "10"))  # longer than the load balancer takes to notice


@dataclass
class Readiness:
    is_ready: bool = True


@contextmanager
def unready_before_shutdown(readiness: Readiness, seconds: float) -> Generator[None]:
    """Ends the readiness at SIGTERM. The server gets the signal some seconds later, or when it is sent again."""
    if threading.current_thread() is not threading.main_thread():  # as in a TestClient, which gets no signals
        yield
        return
    loop = asyncio.get_running_loop()
    server = signal.getsignal(signal.SIGTERM)

    def begin(number: int, frame: FrameType | None) -> None:
        readiness.is_ready = False
        signal.signal(signal.SIGTERM, server)
        loop.call_soon_threadsafe(loop.call_later, seconds, signal.raise_signal, signal.SIGTERM)

    signal.signal(signal.SIGTERM, begin)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, server)


class HealthEndpoint(Endpoint, path="/health"):
    async def get(self) -> str:
        return "alive"


@dataclass
class ReadyEndpoint(Endpoint, path="/ready"):
    readiness: Readiness

    async def get(self) -> str:
        if not self.readiness.is_ready:
            raise ServiceUnavailable("The server is about to shut down.")
        return "ready"


class ClockEndpoint(Endpoint, path="/clock"):
    async def get(self) -> SSEResponse[int]:
        return SSEResponse(stream=self._ticks())

    async def _ticks(self) -> AsyncIterator[int]:
        for number in count(1):
            yield number
            await asyncio.sleep(0.1)


class App(BaseApp):
    async def _wire(self) -> None:
        readiness = Readiness()
        self._enter(unready_before_shutdown(readiness, SECONDS))
        self._include_endpoint(HealthEndpoint())
        self._include_endpoint(ReadyEndpoint(readiness))
        self._include_endpoint(ClockEndpoint())


app = App()
