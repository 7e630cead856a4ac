"""Traces by OpenTelemetry: a span for each request, and one for each stream, but none for an item."""

from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from contextvars import ContextVar

from msgspec import Struct
from opentelemetry import context, propagate, trace
from opentelemetry.instrumentation.asgi import (  # pyright: ignore[reportMissingTypeStubs] - it ships no stubs
    OpenTelemetryMiddleware,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Span, StatusCode, Tracer

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, StreamOutcome, StreamStart

STREAM = ContextVar[Span]("STREAM")


class Step(Struct):
    number: int
    traceparent: str  # what another service is sent


class StepsEndpoint(Endpoint, path="/steps"):
    async def get(self) -> NDJSONStreamingResponse[Step]:
        return NDJSONStreamingResponse(stream=self._steps())

    async def _steps(self) -> AsyncIterator[Step]:
        for number in range(3):
            headers: dict[str, str] = {}
            propagate.inject(headers)  # for a request of the source
            yield Step(number, headers["traceparent"])


class FailingEndpoint(Endpoint, path="/failing"):
    async def get(self) -> NDJSONStreamingResponse[Step]:
        return NDJSONStreamingResponse(stream=self._steps())

    async def _steps(self) -> AsyncIterator[Step]:
        yield Step(0, "")
        raise ValueError("no more steps")


@contextmanager
def tracing(exporter: SpanExporter) -> Generator[TracerProvider, None, None]:
    """Sends spans in the background, and the last ones at the end."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    yield provider
    provider.shutdown()


class App(BaseApp):
    _tracer: Tracer

    def __init__(self, exporter: SpanExporter) -> None:
        super().__init__()
        self._exporter = exporter

    async def _wire(self) -> None:
        provider = self._enter(tracing(self._exporter))  # in each worker: its thread does not survive a fork
        self._tracer = provider.get_tracer("shop")
        self._include_middleware(OpenTelemetryMiddleware, tracer_provider=provider, exclude_spans=["receive", "send"])
        self._include_endpoint(StepsEndpoint())
        self._include_endpoint(FailingEndpoint())

    async def _on_stream_start(self, start: StreamStart) -> None:
        span = self._tracer.start_span(f"stream {start.endpoint}")
        STREAM.set(span)
        context.attach(trace.set_span_in_context(span))  # the parent of what the source does

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        await super()._on_stream_end(outcome)
        span = STREAM.get()
        span.set_attributes(
            {"stream.reason": outcome.reason, "stream.items": outcome.items, "stream.bytes": outcome.bytes}
        )
        if outcome.error is not None:
            span.record_exception(outcome.error)
            span.set_status(StatusCode.ERROR)
        span.end()


app = App(ConsoleSpanExporter())
