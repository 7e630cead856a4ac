"""The feeds of the servers' tests, with uploads that are read as they arrive."""

from collections.abc import AsyncIterator

from msgspec import Struct

from jero import Endpoint, NDJSONStreamingResponse
from tests.servers.feeds import Feeds, Query, Tick, report


class Sum(Struct):
    """The sum of an upload's numbers."""

    total: int


class Total(Endpoint, path="/total"):
    """Adds up the items, and reports each as it arrives."""

    async def post(self, params: Query, items: AsyncIterator[Tick]) -> Sum:
        total = 0
        async for item in items:
            total += item.number
            report("item", key=params.key)
        return Sum(total)


class Doubled(Endpoint, path="/doubled"):
    """Answers each item while the next are on their way."""

    async def post(self, items: AsyncIterator[Tick]) -> NDJSONStreamingResponse[Tick]:
        return NDJSONStreamingResponse(stream=self._doubled(items))

    async def _doubled(self, items: AsyncIterator[Tick]) -> AsyncIterator[Tick]:
        async for item in items:
            yield Tick(2 * item.number)


class Uploading(Feeds):
    """The application."""

    async def _wire(self) -> None:
        await super()._wire()
        self._include_endpoint(Total())
        self._include_endpoint(Doubled())


app = Uploading()
