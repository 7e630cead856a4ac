"""A response refuses wrong arguments when it is constructed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jero import (
    Accepted,
    BytesResponse,
    Created,
    EventStreamResponse,
    JSONArrayStreamingResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    Negotiated,
    NoContent,
    Redirect,
    ServerSentEvent,
    SSEResponse,
    StreamingResponse,
    TextResponse,
)

STREAMS = [StreamingResponse, NDJSONStreamingResponse, JSONArrayStreamingResponse, SSEResponse, EventStreamResponse]
SOURCED = [*STREAMS, Negotiated]


class Numbers:
    """An async iterable that is not a generator, so that an unused one need not be closed."""

    def __aiter__(self) -> AsyncIterator[int]:
        raise NotImplementedError


def made(response: Any, **options: Any) -> Any:
    return response(**options)


def content(response: Any) -> dict[str, Any]:
    by_class: dict[Any, dict[str, Any]] = {
        TextResponse: {"content": "a"},
        NoContent: {},
        Redirect: {"location": "/"},
        BytesResponse: {"content": b"a"},
    }
    return {"stream": Numbers()} if response in SOURCED else by_class.get(response, {"content": 1})


EVERY_RESPONSE = pytest.mark.parametrize(
    "response", [JSONResponse, Created, Accepted, TextResponse, BytesResponse, NoContent, Redirect, *SOURCED]
)


@EVERY_RESPONSE
@pytest.mark.parametrize("status", [0, 100, 101, 199, 600, -1, 200.5])
def test_a_status_out_of_range_is_refused(response: Any, status: int) -> None:
    with pytest.raises(
        ValueError,
        match=rf"^{response.__name__}\(status_code={status}\): the status of a response is from 200 to 599\.",
    ):
        made(response, status_code=status, **content(response))


@pytest.mark.parametrize("response", [JSONResponse, Created, Accepted, TextResponse, BytesResponse, *SOURCED])
@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_that_allows_no_body_is_refused(response: Any, status: int) -> None:
    with pytest.raises(
        ValueError,
        match=rf"^{response.__name__}\(status_code={status}\): this status allows no body\. Return NoContent\.",
    ):
        made(response, status_code=status, **content(response))
    assert made(NoContent, status_code=status).status_code == status


@EVERY_RESPONSE
@pytest.mark.parametrize("pair", [("x", "a\r\nb: c"), ("x\n", "a"), ("x", "\0"), ("x y", "a"), ("x", "€")])
def test_a_raw_header_with_a_forbidden_character_is_refused(response: Any, pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        made(response, raw_headers=[pair], **content(response))
    with pytest.raises(ValueError, match="header"):
        made(response, raw_headers=dict([pair]), **content(response))


@EVERY_RESPONSE
def test_headers_that_are_not_a_struct_are_refused(response: Any) -> None:
    with pytest.raises(TypeError, match="raw_headers"):
        made(response, headers={"x-total": "1"}, **content(response))


@pytest.mark.parametrize("response", SOURCED)
@pytest.mark.parametrize("stream", [None, 1, "text", b"bytes", {"a": 1}])
def test_a_stream_that_is_not_a_source_is_refused(response: Any, stream: Any) -> None:
    with pytest.raises(TypeError, match=rf"takes an iterable of items, .*; got {type(stream).__name__}\."):
        made(response, stream=stream)


@pytest.mark.parametrize(
    "response", [NDJSONStreamingResponse, JSONArrayStreamingResponse, SSEResponse, EventStreamResponse, Negotiated]
)
@pytest.mark.parametrize("keepalive", [0, -1, 0.0, float("nan"), "15", True])
def test_a_keepalive_that_is_not_positive_is_refused(response: Any, keepalive: float) -> None:
    with pytest.raises(ValueError, match="it must be a positive number of seconds, or None"):
        made(response, stream=Numbers(), keepalive=keepalive)


def test_a_keepalive_for_a_format_without_a_ping_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the format has no ping\. Leave it out\."):
        made(StreamingResponse, stream=Numbers(), keepalive=1)


def test_a_ping_item_in_an_array_is_refused() -> None:
    with pytest.raises(ValueError, match=r"an extra item would be an element\. Leave it out\."):
        made(JSONArrayStreamingResponse, stream=Numbers(), keepalive=1, ping=0)


FRAMED = [
    b"data: [DONE]\n\n",
    "data: [DONE]\n\n",
    "data:[DONE]\n",
    "event: end\ndata: 1\r\n\r\n",
    ": ping\n\n",
    "id: 1\ndata: 1\n\n",
    ServerSentEvent(data="data: [DONE]\n\n"),
]
UNFRAMED = [
    b"[DONE]",
    "[DONE]",
    "data: of a text",
    ":)\n",
    "id: 7\n",
    "two\nlines\n\n",
    1,
    ServerSentEvent(comment="data: \n"),
]


@pytest.mark.parametrize("response", [SSEResponse, EventStreamResponse, Negotiated])
@pytest.mark.parametrize("name", ["last", "ping"])
@pytest.mark.parametrize("item", FRAMED)
def test_an_event_that_is_framed_already_is_refused(response: Any, name: str, item: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{name}=.*: it is framed as an event already, .* such as {name}=.\[DONE\]"):
        made(response, stream=Numbers(), **{name: item})


@pytest.mark.parametrize("response", [SSEResponse, EventStreamResponse, Negotiated])
@pytest.mark.parametrize("name", ["last", "ping"])
@pytest.mark.parametrize("item", UNFRAMED)
def test_other_text_is_not_taken_for_a_framed_event(response: Any, name: str, item: Any) -> None:
    assert getattr(made(response, stream=Numbers(), **{name: item}), name) == item


@pytest.mark.parametrize("item", FRAMED)
def test_other_formats_may_end_with_a_framed_event(item: Any) -> None:
    for response in (StreamingResponse, NDJSONStreamingResponse, JSONArrayStreamingResponse):
        assert made(response, stream=Numbers(), last=item).last == item


def test_only_event_streams_have_a_default_keepalive() -> None:
    defaults = [made(response, stream=Numbers()).keepalive for response in STREAMS]
    assert defaults == [None, None, None, 15.0, 15.0]


@EVERY_RESPONSE
def test_a_response_is_frozen(response: Any) -> None:
    made_response = made(response, **content(response))
    with pytest.raises(AttributeError):
        made_response.status_code = 201
