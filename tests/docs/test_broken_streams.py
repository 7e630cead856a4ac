from collections.abc import Iterator

import httpx
import pytest
from broken_streams import Reading, app
from httpx_sse import connect_sse

from jero import StreamFailed
from jero.testing import TestClient
from tests.docs.example import Example
from tests.programs import needs_program

READINGS = ['{"type":"reading","celsius":900}', '{"type":"reading","celsius":940}']
CURL_CUT = 18


@needs_program("curl")
def test_a_broken_ndjson_stream_is_cut(example: Example) -> None:
    with example.curl("/cut") as curl:
        *lines, error = curl.rest()
        assert curl.status() == CURL_CUT
    assert lines == READINGS
    example.line_with("GET CutEndpoint: the stream failed after 2 items")
    example.line_with("ERROR:    ASGI callable returned without completing response.")
    assert error.startswith("curl: (18)")


@pytest.mark.parametrize("path", ["/cut", "/array"])
def test_httpx_raises_at_a_cut_transfer(client: httpx.Client, path: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(path)


@needs_program("curl")
def test_a_broken_array_parses_and_its_transfer_is_cut(example: Example) -> None:
    with example.curl("/array") as curl:
        text = "".join(curl.rest())
        assert curl.status() == CURL_CUT
    assert text.startswith(f"[{','.join(READINGS)}]curl: (18)")


@needs_program("curl")
def test_a_reported_failure_completes_the_transfer(example: Example) -> None:
    with example.curl("/told") as curl:
        assert curl.rest() == [*READINGS, '{"type":"fault","text":"The kiln\'s sensor melted."}']
        assert curl.status() == 0


def test_an_event_stream_reports_the_failure_in_an_event(client: httpx.Client) -> None:
    with connect_sse(client, "GET", "/events") as source:
        *readings, error = source.iter_sse()
    assert [event.data for event in readings] == READINGS
    assert error.event == "error"
    assert error.json() == {
        "type": "service-unavailable",
        "title": "Service unavailable",
        "status": 503,
        "detail": "The kiln's sensor melted.",
    }


def test_the_test_client_raises_at_an_error_event() -> None:
    with TestClient(app) as client:
        events: Iterator[object] = client.sse("/events", Reading)
        with pytest.raises(StreamFailed, match="sensor melted"):
            list(events)
