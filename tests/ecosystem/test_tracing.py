"""OpenTelemetry's middleware: a span for each request, streams and problems included."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.asgi import (  # pyright: ignore[reportMissingTypeStubs] - it ships no stubs
    OpenTelemetryMiddleware,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from jero import BaseApp, Conflict, Endpoint, NDJSONStreamingResponse
from jero.testing import AsyncTestClient, TestClient

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
FROM_OUTSIDE = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}


class NamesEndpoint(Endpoint, path="/names"):
    async def get(self) -> list[str]:
        return ["a"]

    async def post(self) -> str:
        raise Conflict

    async def put(self) -> str:
        raise ValueError("secret")


class LinesEndpoint(Endpoint, path="/lines"):
    """Yields the id of the trace in which each item is made."""

    async def get(self) -> NDJSONStreamingResponse[str]:
        return NDJSONStreamingResponse(stream=self._traces())

    async def _traces(self) -> AsyncIterator[str]:
        for _ in range(3):
            yield trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
            await asyncio.sleep(0)


class EndlessEndpoint(Endpoint, path="/endless"):
    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._numbers())

    async def _numbers(self) -> AsyncIterator[int]:
        yield 1
        await asyncio.get_running_loop().create_future()


class Traced(BaseApp):
    """Keeps its spans in `exporter`."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.exporter = InMemorySpanExporter()
        self._options = options

    async def _wire(self) -> None:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self._include_middleware(OpenTelemetryMiddleware, tracer_provider=provider, **self._options)
        for endpoint in (NamesEndpoint(), LinesEndpoint(), EndlessEndpoint()):
            self._include_endpoint(endpoint)

    @property
    def server_span(self) -> ReadableSpan:
        """Returns the only span of the only request."""
        [span] = [span for span in self.exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
        return span


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/names", 200),
        ("HEAD", "/lines", 200),
        ("GET", "/lines", 200),
        ("GET", "/nothing", 404),
        ("POST", "/names", 409),
        ("PUT", "/names", 500),
    ],
)
def test_a_request_has_its_span_with_its_status(method: str, path: str, status: int) -> None:
    app = Traced()
    with TestClient(app) as client:
        assert client.request(method, path, headers=FROM_OUTSIDE).status_code == status
    span = app.server_span
    assert span.attributes is not None
    assert status in (span.attributes.get("http.status_code"), span.attributes.get("http.response.status_code"))
    assert span.status.status_code is (StatusCode.ERROR if status == 500 else StatusCode.UNSET)
    context = span.get_span_context()
    assert context is not None
    assert trace.format_trace_id(context.trace_id) == TRACE_ID


def test_a_stream_is_made_within_its_trace() -> None:
    with TestClient(Traced()) as client:
        assert list(client.ndjson("/lines", str, headers=FROM_OUTSIDE)) == [TRACE_ID] * 3


async def test_the_span_of_a_stream_ends_with_it_when_its_client_leaves() -> None:
    app = Traced()
    async with AsyncTestClient(app) as client:
        async with client.stream("GET", "/endless") as response:
            assert await anext(response.aiter_text()) == "1\n"
            assert not [span for span in app.exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
        assert app.server_span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(("options", "sends"), [({}, True), ({"exclude_spans": ["receive", "send"]}, False)])
def test_each_send_has_a_span_unless_they_are_left_out(options: dict[str, Any], sends: object) -> None:
    app = Traced(**options)
    with TestClient(app) as client:
        client.get("/lines")
    spans = [span.name for span in app.exporter.get_finished_spans() if span.kind is not SpanKind.SERVER]
    assert any("http send" in name for name in spans) is sends
