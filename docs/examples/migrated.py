"""Orders as rows and as a feed: the service that the page on migrating shows in other frameworks, too."""

from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, ServerSentEvent, SSEResponse


class Order(Struct):
    number: int
    cents: int


class Page(Struct):
    limit: int = 3


class Resume(Struct):
    last_event_id: int = 0


class OrdersEndpoint(Endpoint, path="/orders"):
    async def get(self, params: Page) -> NDJSONStreamingResponse[Order]:
        return NDJSONStreamingResponse(stream=self._orders(params.limit))

    async def _orders(self, limit: int) -> AsyncIterator[Order]:
        for number in range(1, limit + 1):
            yield Order(number, number * 100)


class FeedEndpoint(Endpoint, path="/feed"):
    async def get(self, headers: Resume) -> SSEResponse[Order]:
        return SSEResponse(stream=self._events(headers.last_event_id))

    async def _events(self, after: int) -> AsyncIterator[ServerSentEvent[Order]]:
        for number in range(after + 1, 4):
            yield ServerSentEvent(id=str(number), event="order", data=Order(number, number * 100))


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(OrdersEndpoint())
        self._include_endpoint(FeedEndpoint())


app = App()
