"""A negotiated stream becomes the response class of its media type."""

from typing import Any

import pytest

from jero.framing.json import NDJSON_NAMES
from jero.responses.streaming import (
    OFFERED,
    UNDERSTOOD,
    EventStreamResponse,
    FramedResponse,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    SSEResponse,
    negotiated,
)

OTHERS = ("POST", "PUT", "PATCH", "DELETE")


@pytest.mark.parametrize(
    ("media_type", "response", "keepalive", "grace"),
    [
        *((name, NDJSONStreamingResponse, None, 5.0) for name in NDJSON_NAMES),
        ("application/json", JSONArrayStreamingResponse, None, 5.0),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stream_becomes_the_response_of_its_media_type(
    media_type: str, response: type[FramedResponse[Any, Any]], keepalive: float | None, grace: float, method: str
) -> None:
    made = negotiated([1], media_type, method)
    assert type(made) is response
    assert made.header_pairs() == [(b"content-type", media_type.encode()), (b"vary", b"Accept")]
    assert (made.stream, made.keepalive, made.first_item_grace) == ([1], keepalive, grace)


@pytest.mark.parametrize(
    ("method", "response", "grace"), [("GET", SSEResponse, 0.1), *((name, EventStreamResponse, 5.0) for name in OTHERS)]
)
def test_events_are_sent_to_a_client_that_reconnects_by_get_alone(
    method: str, response: type[FramedResponse[Any, Any]], grace: float
) -> None:
    made = negotiated([1], "text/event-stream", method)
    assert type(made) is response
    assert (made.keepalive, made.first_item_grace) == (15.0, grace)


def test_offered_and_understood_media_types_cover_every_format_once() -> None:
    assert {*OFFERED, *UNDERSTOOD} == {*NDJSON_NAMES, "text/event-stream", "application/json"}
    assert len(OFFERED) + len(UNDERSTOOD) == len({*OFFERED, *UNDERSTOOD})


@pytest.mark.parametrize("value", ["text", b"bytes", {"a": 1}, 1, None])
def test_a_value_that_is_not_a_source_raises(value: Any) -> None:
    with pytest.raises(TypeError, match="takes an iterable of items"):
        negotiated(value, "application/json", "GET")
