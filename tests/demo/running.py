"""Runs the demo for its tests: under a real uvicorn, on a free port."""

import os
import re
import sys
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest

from demo_app.app import App
from demo_app.serving import served_aside
from demo_app.settings import Service, Settings
from tests.docs.program import Program

READ = ("JERO_DEMO_", "OPENAI_", "UPSTREAM_")


@asynccontextmanager
async def running_demo(
    service: Service | None = None, upstream_timeout: float = 10.0
) -> AsyncGenerator[httpx.AsyncClient, None]:
    """Yields a client of a demo that asks `service`, or the offline model if it is `None`."""
    async with (
        served_aside(App(Settings(service, upstream_timeout, heartbeat=0.05))) as url,
        httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as client,
    ):
        yield client


def environment(**settings: str) -> dict[str, str]:
    """Returns this process's environment without the demo's variables, and with `settings`."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith(READ)}, **settings}


@contextmanager
def demo_process(
    redis_url: str, *, port: int = 0, command: Sequence[str] = ("demo_app",)
) -> Generator[tuple[Program, str], None, None]:
    """Runs a demo in processes of its own, with its notifications on that Redis. Yields the program and its URL."""
    with pytest.MonkeyPatch.context() as patch:
        for name in environment().keys() ^ os.environ.keys():
            patch.delenv(name)
        patch.setenv("JERO_DEMO_REDIS", redis_url)
        program = Program([sys.executable, "-m", *command, "--port", str(port)])
    with program:
        found = re.search(r"http://[\d.:]+", program.line_with("http://"))
        assert found is not None
        yield program, found[0]
