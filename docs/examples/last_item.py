"""A last item: a client that has received it knows that it has all of the others."""

from collections.abc import AsyncIterator

from msgspec import Struct

from jero import (
    BaseApp,
    Endpoint,
    NDJSONStreamingResponse,
    ServerSentEvent,
    SSEResponse,
    StreamOutcome,
)


class Payment(Struct, tag="payment"):
    cents: int


class Total(Struct, tag="total"):
    payments: int


async def payments() -> AsyncIterator[Payment]:
    for cents in (1250, 300):
        yield Payment(cents=cents)


def total(outcome: StreamOutcome) -> Total:
    return Total(payments=outcome.items)


class PaymentsEndpoint(Endpoint, path="/payments"):
    async def get(self) -> NDJSONStreamingResponse[Payment | Total]:
        return NDJSONStreamingResponse(stream=payments(), last=total)


class EventsEndpoint(Endpoint, path="/payments/events"):
    async def get(self) -> SSEResponse[Payment]:
        return SSEResponse(stream=payments(), last=ServerSentEvent(data="[DONE]"))


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(PaymentsEndpoint())
        self._include_endpoint(EventsEndpoint())


app = App()
