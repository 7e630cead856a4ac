"""The demo, as its tests run it: under a real uvicorn, on a free port."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx

from demo_app.app import App
from demo_app.serving import served_aside
from demo_app.settings import Service, Settings


@asynccontextmanager
async def running_demo(
    service: Service | None = None, patience: float = 10.0
) -> AsyncGenerator[httpx.AsyncClient, None]:
    """A client of a demo that asks `service`, or the embedded stand-in."""
    async with (
        served_aside(App(Settings(service, patience, heartbeat=0.05))) as url,
        httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as client,
    ):
        yield client
