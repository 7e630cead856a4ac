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


def variables_of(service: Service) -> dict[str, str]:
    """Returns the environment variables that make a demo ask `service`."""
    return {"OPENAI_API_KEY": service.api_key, "OPENAI_BASE_URL": service.base_url, "OPENAI_MODEL": service.model}


@contextmanager
def demo_process(
    redis_url: str | None = None,
    *,
    service: Service | None = None,
    port: int = 0,
    command: Sequence[str] = ("demo_app",),
) -> Generator[tuple[Program, str], None, None]:
    """Runs a demo in processes of its own. Yields the program and its URL.

    `redis_url`: keeps its notifications. `service`: answers; if it is `None`, the offline model does.
    """
    settings = {} if service is None else variables_of(service)
    if redis_url is not None:
        settings["JERO_DEMO_REDIS"] = redis_url
    with pytest.MonkeyPatch.context() as patch:
        for name in environment().keys() ^ os.environ.keys():
            patch.delenv(name)
        for name, value in settings.items():
            patch.setenv(name, value)
        program = Program([sys.executable, "-m", *command, "--port", str(port)])
    with program:
        found = re.search(r"http://[\d.:]+", program.line_with("http://"))
        assert found is not None
        yield program, found[0]
