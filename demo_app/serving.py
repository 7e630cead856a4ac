"""Runs uvicorn: a server with a callback at its start, and a server in a thread."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from threading import Event, Thread

import uvicorn

from jero import BaseApp


class AnnouncedServer(uvicorn.Server):
    """Calls `on_started` when the server listens."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


@asynccontextmanager
async def served_aside(app: BaseApp) -> AsyncGenerator[str, None]:
    """Serves `app` on a free port of the loopback address, in a thread of its own. Yields its base URL.

    Raises `RuntimeError` if the application cannot start.
    """
    settled = Event()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_config=None,  # the program that runs the process sets up its logs
        lifespan="on",
        ws="none",
        timeout_keep_alive=60,  # longer than clients keep an idle connection: they must not use one that is closing
        timeout_graceful_shutdown=2,
    )
    server = AnnouncedServer(config, settled.set)

    def run() -> None:
        try:
            server.run(sockets=[listener])
        finally:
            settled.set()

    thread = Thread(target=run, name=f"{type(app).__name__} aside", daemon=True)
    thread.start()
    try:
        await asyncio.to_thread(settled.wait)
        if not server.started:
            raise RuntimeError(f"{type(app).__name__} did not start: see the log for the reason.")
        host, port = listener.getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join)
        listener.close()
