"""A negotiated stream becomes the response class of its media type."""

from typing import Any

import pytest
from msgspec.json import Encoder

from jero import Cookie, ResumeHeaders, StreamPolicy
from jero.framing.json import NDJSON_NAMES
from jero.responses.streaming import (
    OFFERED,
    UNDERSTOOD,
    EventStreamResponse,
    FramedResponse,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    Negotiated,
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


GIVEN: dict[str, Any] = {
    "stream": [1],
    "encoder": Encoder(),
    "policy": StreamPolicy(max_duration=9),
    "keepalive": 3.0,
    "ping": 0,
    "on_error": repr,
    "last": 2,
    "validate_items": True,
    "status_code": 206,
    "headers": ResumeHeaders("4"),
    "raw_headers": (("X-Own", "1"),),
    "cookies": [Cookie(name="seen", value="1")],
}


def test_every_argument_can_be_given() -> None:
    assert set(GIVEN) == set(Negotiated.__struct_fields__)


@pytest.mark.parametrize("media_type", OFFERED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_argument_is_given_to_the_response_of_the_format(media_type: str, method: str) -> None:
    made = negotiated(Negotiated(**GIVEN), media_type, method)
    expected = {**GIVEN, "raw_headers": (("X-Own", "1"), ("Content-Type", media_type), ("Vary", "Accept"))}
    if media_type == "application/json":
        expected["ping"] = None
    assert {name: getattr(made, name) for name in expected} == expected


@pytest.mark.parametrize("value", ["text", b"bytes", {"a": 1}, 1, None])
def test_a_value_that_is_not_a_source_raises(value: Any) -> None:
    with pytest.raises(TypeError, match="takes an iterable of items"):
        negotiated(value, "application/json", "GET")
