import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse
from prometheus_client.parser import text_string_to_metric_families

from tests.docs.example import Example, served
from tests.docs.program import PATIENCE, ROOT

PAGE = (ROOT / "docs/observability.md").read_text("utf-8")


def value(client: httpx.Client, name: str, **labels: str) -> float:
    """Returns the value of a sample, or 0 without a sample."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == name and sample.labels == labels)


def wait_for(client: httpx.Client, expected: float, name: str, **labels: str) -> None:
    """Waits until a sample has a value: the hook of a client that leaves is called some time later."""
    for _ in range(1_000):
        if value(client, name, **labels) == expected:
            return
    raise AssertionError(client.get("/metrics").text)


def test_a_stream_is_counted_with_its_reason_and_what_it_sent(client: httpx.Client) -> None:
    report = client.get("/report")
    labels = {"endpoint": "ReportEndpoint"}
    wait_for(client, 1, "streams_ended_total", **labels, reason="completed")
    assert value(client, "stream_items_total", **labels) == 3
    assert value(client, "stream_bytes_total", **labels) == len(report.content)
    assert value(client, "stream_duration_seconds_count", **labels) == 1
    assert value(client, "streams_open", **labels) == 0
    shown = re.findall(r"^stream.*ReportEndpoint.*$", PAGE, re.MULTILINE)
    assert len(shown) == 2
    assert set(shown) < set(client.get("/metrics").text.splitlines())


def test_a_client_that_leaves_is_counted(client: httpx.Client) -> None:
    labels = {"endpoint": "PricesEndpoint"}
    with connect_sse(client, "GET", "/prices") as source:
        events = source.iter_sse()  # keeps the iterator: httpx closes a stream if its iterator is dropped
        next(events)
        assert value(client, "streams_open", **labels) == 1
    wait_for(client, 1, "streams_ended_total", **labels, reason="disconnected")
    assert value(client, "streams_open", **labels) == 0


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Example]:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with served("metrics", ["--workers", "2"]) as example:
        for _ in range(2):
            example.line_with("Application startup complete")
        try:
            yield example
        finally:
            example.stop()


def test_each_worker_reports_the_sum_of_all(workers: Example) -> None:
    open_streams: list[Iterator[ServerSentEvent]] = []
    limits = httpx.Limits(max_keepalive_connections=0)  # each request may reach another worker
    with (
        httpx.Client(base_url=workers.url, timeout=PATIENCE, trust_env=False, limits=limits) as client,
        ExitStack() as stack,
    ):
        for number in range(1, 7):
            source = stack.enter_context(connect_sse(client, "GET", "/prices"))
            open_streams.append(source.iter_sse())
            next(open_streams[-1])
            assert value(client, "streams_open", endpoint="PricesEndpoint") == number
