"""What a response refuses when it is made."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jero import (
    BytesResponse,
    Created,
    JSONArrayStreamingResponse,
    JSONResponse,
    NDJSONStreamingResponse,
    NoContent,
    SSEResponse,
    StreamingResponse,
    TextResponse,
)

STREAMS = [StreamingResponse, NDJSONStreamingResponse, JSONArrayStreamingResponse, SSEResponse]


class Numbers:
    """An async iterable that is no generator, so that an unused one needs no closing."""

    def __aiter__(self) -> AsyncIterator[int]:
        raise NotImplementedError


def made(response: Any, **options: Any) -> Any:
    return response(**options)


def content(response: Any) -> dict[str, Any]:
    by_class: dict[Any, dict[str, Any]] = {
        TextResponse: {"content": "a"},
        NoContent: {},
        BytesResponse: {"content": b"a"},
    }
    return {"stream": Numbers()} if response in STREAMS else by_class.get(response, {"content": 1})


EVERY_RESPONSE = pytest.mark.parametrize(
    "response", [JSONResponse, Created, TextResponse, BytesResponse, NoContent, *STREAMS]
)


@EVERY_RESPONSE
@pytest.mark.parametrize("status", [0, 100, 101, 199, 600, -1])
def test_a_status_that_is_none(response: Any, status: int) -> None:
    with pytest.raises(ValueError, match=rf"status_code={status}: the status of a response is from 200 to 599\."):
        made(response, status_code=status, **content(response))


@pytest.mark.parametrize("response", [JSONResponse, Created, TextResponse, BytesResponse, *STREAMS])
@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_that_allows_no_body(response: Any, status: int) -> None:
    with pytest.raises(ValueError, match=rf"status_code={status}: that response has no body; return NoContent\."):
        made(response, status_code=status, **content(response))
    assert made(NoContent, status_code=status).status_code == status


@EVERY_RESPONSE
@pytest.mark.parametrize("pair", [("x", "a\r\nb: c"), ("x\n", "a"), ("x", "\0"), ("x y", "a"), ("x", "€")])
def test_a_raw_header_that_would_break_out_of_its_line(response: Any, pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        made(response, raw_headers=[pair], **content(response))
    with pytest.raises(ValueError, match="header"):
        made(response, raw_headers=dict([pair]), **content(response))


@EVERY_RESPONSE
def test_headers_that_would_be_lost(response: Any) -> None:
    with pytest.raises(TypeError, match="raw_headers"):
        made(response, headers={"x-total": "1"}, **content(response))


@pytest.mark.parametrize("response", STREAMS)
@pytest.mark.parametrize("stream", [None, 1, "text", b"bytes", {"a": 1}, print])
def test_a_stream_that_is_none(response: Any, stream: Any) -> None:
    with pytest.raises(TypeError, match=rf"takes an iterable of items, .*; got {type(stream).__name__}\."):
        made(response, stream=stream)


@pytest.mark.parametrize("response", [NDJSONStreamingResponse, JSONArrayStreamingResponse, SSEResponse])
@pytest.mark.parametrize("keepalive", [0, -1, 0.0, float("nan")])
def test_a_keepalive_that_is_no_time(response: Any, keepalive: float) -> None:
    with pytest.raises(ValueError, match="it is a positive number of seconds, or None"):
        made(response, stream=Numbers(), keepalive=keepalive)


def test_a_keepalive_without_a_ping() -> None:
    with pytest.raises(ValueError, match="the format has no ping that readers pass over"):
        made(StreamingResponse, stream=Numbers(), keepalive=1)


def test_a_ping_among_the_elements_of_an_array() -> None:
    with pytest.raises(ValueError, match="an extra item would change what the stream says"):
        made(JSONArrayStreamingResponse, stream=Numbers(), keepalive=1, ping=0)


def test_the_keepalive_that_is_on_by_itself() -> None:
    defaults = [made(response, stream=Numbers()).keepalive for response in STREAMS]
    assert defaults == [None, None, None, 15.0]


@EVERY_RESPONSE
def test_a_response_does_not_change(response: Any) -> None:
    one = made(response, **content(response))
    with pytest.raises(AttributeError):
        one.status_code = 201
