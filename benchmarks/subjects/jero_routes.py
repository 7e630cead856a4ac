"""jero's application with many endpoints: a class an endpoint."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from benchmarks.in_process import App
from benchmarks.many_routes import SLOT
from jero import BaseApp, Endpoint


class ItemPath(Struct):
    item_id: int


class ManyEndpoints(BaseApp):
    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        super().__init__()
        self._endpoints = endpoints

    async def _wire(self) -> None:
        for endpoint in self._endpoints:
            self._include_endpoint(endpoint)


def declare(paths: Sequence[str]) -> Callable[[], App]:
    endpoints = [item_endpoint(path) if SLOT in path else newest_endpoint(path) for path in paths]
    return lambda: ManyEndpoints(endpoints)


def item_endpoint(path: str) -> Endpoint:
    class ItemEndpoint(Endpoint, path=path):
        async def get(self, path: ItemPath) -> str:
            return "ok"

    return ItemEndpoint()


def newest_endpoint(path: str) -> Endpoint:
    class NewestEndpoint(Endpoint, path=path):
        async def get(self) -> str:
            return "ok"

    return NewestEndpoint()
