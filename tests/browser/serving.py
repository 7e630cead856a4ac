"""Serves an application with a real uvicorn, in a thread of this process."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event, Thread

import uvicorn

from jero.http.asgi import ASGIApp

PATIENCE = 20.0


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()


@contextmanager
def served(app: ASGIApp) -> Generator[str, None, None]:
    """Serves the application on a free port of the loopback address. Yields its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _Server(uvicorn.Config(app, log_config=None, lifespan="on", ws="none"))
        thread = Thread(target=server.run, args=([listener],), name="server of the browser", daemon=True)
        thread.start()
        try:
            assert server.settled.wait(PATIENCE), "the application has not started"
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
        assert not thread.is_alive(), "the server has not stopped"
