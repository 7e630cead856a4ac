"""Work after the answer: jobs in a task group that lives as long as the application."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from jero import Accepted, BaseApp, Endpoint, ServiceUnavailable

logger = logging.getLogger("shop")


class Order(Struct):
    name: str


class Jobs:
    """Runs jobs. `limit`: how many at a time."""

    def __init__(self, tasks: asyncio.TaskGroup, limit: int) -> None:
        self._tasks = tasks
        self._free = limit

    def start(self, job: Coroutine[Any, Any, None]) -> None:
        if not self._free:
            job.close()
            raise ServiceUnavailable("Too many jobs wait.", headers={"Retry-After": "5"})
        self._free -= 1
        self._tasks.create_task(self._run(job))

    async def _run(self, job: Coroutine[Any, Any, None]) -> None:
        try:
            await job
        except Exception:  # a task group ends all of its tasks if one of them raises
            logger.exception("a job failed")
        finally:
            self._free += 1


@asynccontextmanager
async def jobs(limit: int, seconds: float) -> AsyncGenerator[Jobs, None]:
    """Yields the jobs. At shutdown they have some seconds to end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as timeout, asyncio.TaskGroup() as tasks:
            yield Jobs(tasks, limit)
            timeout.reschedule(asyncio.get_running_loop().time() + seconds)


@dataclass
class OrdersEndpoint(Endpoint, path="/orders"):
    jobs: Jobs

    async def post(self, json: Order) -> Accepted[Order]:
        self.jobs.start(confirm(json))
        return Accepted(json)


async def confirm(order: Order) -> None:
    """Stands for a mail server, which is slow or refuses, as the name says."""
    if order.name == "nobody":
        raise ConnectionRefusedError(order.name)
    try:
        await asyncio.sleep(600 if order.name == "slow" else 0)
        print(f"confirmed: {order.name}")
    except asyncio.CancelledError:
        print(f"not confirmed: {order.name}")
        raise


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(OrdersEndpoint(await self._aenter(jobs(limit=3, seconds=0.5))))


app = App()
