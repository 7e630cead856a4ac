"""Metrics of the streams for Prometheus, of one process or of all workers."""

import asyncio
import os
from collections.abc import AsyncIterator
from itertools import count

from msgspec import Struct
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, SSEResponse, StreamOutcome, StreamStart, TextResponse

BUCKETS = (0.1, 1, 10, 60, 600, 3600)
OPEN = Gauge("streams_open", "Streams that are open now.", ["endpoint"], multiprocess_mode="sum")
ENDED = Counter("streams_ended", "Streams that have ended, by reason.", ["endpoint", "reason"])
ITEMS = Counter("stream_items", "Items of the streams that have ended.", ["endpoint"])
BYTES = Counter("stream_bytes", "Bytes of the streams that have ended.", ["endpoint"])
DURATION = Histogram("stream_duration_seconds", "How long streams were open.", ["endpoint"], buckets=BUCKETS)


class Price(Struct):
    number: int


async def prices(*numbers: int) -> AsyncIterator[Price]:
    for number in numbers or count(1):
        yield Price(number)
        await asyncio.sleep(0.1)


class PricesEndpoint(Endpoint, path="/prices"):
    async def get(self) -> SSEResponse[Price]:
        return SSEResponse(stream=prices())


class ReportEndpoint(Endpoint, path="/report"):
    async def get(self) -> NDJSONStreamingResponse[Price]:
        return NDJSONStreamingResponse(stream=prices(1, 2, 3))


class MetricsEndpoint(Endpoint, path="/metrics"):
    async def get(self) -> TextResponse:
        registry = REGISTRY
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # has no types
        return TextResponse(generate_latest(registry).decode(), raw_headers={"Content-Type": CONTENT_TYPE_LATEST})


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(PricesEndpoint())
        self._include_endpoint(ReportEndpoint())
        self._include_endpoint(MetricsEndpoint())

    async def _on_stream_start(self, start: StreamStart) -> None:
        OPEN.labels(start.endpoint).inc()

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        await super()._on_stream_end(outcome)  # logs a failure
        OPEN.labels(outcome.endpoint).dec()
        ENDED.labels(outcome.endpoint, outcome.reason).inc()
        ITEMS.labels(outcome.endpoint).inc(outcome.items)
        BYTES.labels(outcome.endpoint).inc(outcome.bytes)
        DURATION.labels(outcome.endpoint).observe(outcome.duration)


app = App()
