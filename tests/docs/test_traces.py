from contextlib import nullcontext

import httpx
import pytest
from msgspec.json import decode
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from traces import App, Step

from demo_app.serving import served_aside
from tests.docs.example import served
from tests.docs.program import PATIENCE

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
FROM_OUTSIDE = {"traceparent": f"00-{TRACE_ID}-{CALLER}-01"}


async def traced(path: str) -> tuple[str, ReadableSpan, ReadableSpan]:
    """Returns what a client receives, and the only spans: of the request, and of its stream.

    The server has ended by then.
    """
    exporter = InMemorySpanExporter()
    received = ""
    async with (
        served_aside(App(exporter)) as url,
        httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client,
        client.stream("GET", url + path, headers=FROM_OUTSIDE) as response,
    ):
        with pytest.raises(httpx.RemoteProtocolError) if path == "/failing" else nullcontext():
            async for text in response.aiter_text():
                received += text
    (stream, request) = sorted(exporter.get_finished_spans(), key=lambda span: span.kind.value)
    assert (stream.kind, request.kind) == (SpanKind.INTERNAL, SpanKind.SERVER)
    return received, request, stream


def ids(span: ReadableSpan) -> tuple[str, str, str]:
    """Returns the ids of the trace, of the parent and of the span itself."""
    context = span.get_span_context()
    assert context is not None
    assert span.parent is not None
    return (
        trace.format_trace_id(context.trace_id),
        trace.format_span_id(span.parent.span_id),
        trace.format_span_id(context.span_id),
    )


async def test_the_request_and_its_stream_have_one_span_each_in_the_trace_of_the_caller() -> None:
    received, *spans = await traced("/steps")
    request, stream = map(ids, spans)
    assert request[:2] == (TRACE_ID, CALLER)
    assert stream[:2] == (TRACE_ID, request[2])
    steps = [decode(line, type=Step) for line in received.splitlines()]
    assert [step.traceparent for step in steps] == [f"00-{TRACE_ID}-{stream[2]}-01"] * 3


@pytest.mark.parametrize(
    ("path", "reason", "items", "status"),
    [("/steps", "completed", 3, StatusCode.UNSET), ("/failing", "failed", 1, StatusCode.ERROR)],
)
async def test_the_span_of_a_stream_has_its_outcome(path: str, reason: str, items: int, status: StatusCode) -> None:
    _, _, stream = await traced(path)
    assert stream.attributes is not None
    assert (stream.attributes["stream.reason"], stream.attributes["stream.items"]) == (reason, items)
    assert stream.status.status_code is status
    assert [event.name for event in stream.events] == (["exception"] if reason == "failed" else [])


def test_the_spans_are_sent_before_the_process_ends() -> None:
    with served("traces") as example:
        assert httpx.get(f"{example.url}/steps", timeout=PATIENCE, trust_env=False).status_code == 200
        lines = example.stop()
    assert sum('"name": ' in line for line in lines) == 2
