"""A negotiated stream becomes the response class of its media type."""

from typing import Any

import pytest

from jero.framing.json import NDJSON_NAMES
from jero.responses.streaming import (
    OFFERED,
    UNDERSTOOD,
    FramedResponse,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    SSEResponse,
    negotiated,
)


@pytest.mark.parametrize(
    ("media_type", "response", "keepalive", "grace"),
    [
        *((name, NDJSONStreamingResponse, None, 5.0) for name in NDJSON_NAMES),
        ("text/event-stream", SSEResponse, 15.0, 0.1),
        ("application/json", JSONArrayStreamingResponse, None, 5.0),
    ],
)
def test_a_stream_becomes_the_response_of_its_media_type(
    media_type: str, response: type[FramedResponse[Any, Any]], keepalive: float | None, grace: float
) -> None:
    made = negotiated([1], media_type)
    assert type(made) is response
    assert made.header_pairs() == [(b"content-type", media_type.encode()), (b"vary", b"Accept")]
    assert (made.stream, made.keepalive, made.first_item_grace) == ([1], keepalive, grace)


def test_offered_and_understood_media_types_cover_every_format_once() -> None:
    assert {*OFFERED, *UNDERSTOOD} == {*NDJSON_NAMES, "text/event-stream", "application/json"}
    assert len(OFFERED) + len(UNDERSTOOD) == len({*OFFERED, *UNDERSTOOD})


@pytest.mark.parametrize("value", ["text", b"bytes", {"a": 1}, 1, None])
def test_a_value_that_is_not_a_source_raises(value: Any) -> None:
    with pytest.raises(TypeError, match="takes an iterable of items"):
        negotiated(value, "application/json")
