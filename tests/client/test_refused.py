import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero import Conflict, Problem
from jero.client import RequestRefused
from jero.client.refused import MAX_BODY_BYTES, media_type, retry_after_seconds

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
REQUEST = httpx.Request("GET", "http://testserver/movies")


class Body(httpx.AsyncByteStream):
    """Yields the chunks `times` times, then raises `error` if there is one."""

    def __init__(self, *chunks: bytes, error: Exception | None = None, times: int = 1) -> None:
        self._chunks = chunks
        self._error = error
        self._times = times

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._times):
            for chunk in self._chunks:
                yield chunk
        if self._error is not None:
            raise self._error


async def refused(status: int, body: Body, **headers: str) -> RequestRefused:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await RequestRefused.read(httpx.Response(status, headers=names, stream=body, request=REQUEST))


async def test_the_message_has_the_detail_of_the_problem() -> None:
    body = msgspec.json.encode(Conflict("Taken.").problem())
    error = await refused(409, Body(body[:9], body[9:]))
    assert str(error) == "GET http://testserver/movies was answered with 409: Taken."
    assert error.problem == Problem("conflict", "Conflict", 409, "Taken.")
    assert error.response.status_code == 409
    assert error.response.json()["type"] == "conflict"
    assert error.__notes__ == [body.decode()]


async def test_the_message_has_the_title_of_a_problem_without_detail() -> None:
    error = await refused(409, Body(msgspec.json.encode(Conflict().problem())))
    assert str(error) == "GET http://testserver/movies was answered with 409: Conflict."


@pytest.mark.parametrize("body", [b"<h1>Bad gateway</h1>", b"{}", b"[" * 5_000, b"\xff"])
async def test_a_body_that_is_not_a_problem_is_in_a_note(body: bytes) -> None:
    error = await refused(502, Body(body))
    assert str(error) == "GET http://testserver/movies was answered with 502."
    assert error.problem is None
    assert error.__notes__ == [error.response.text[:1000]]


async def test_an_empty_body_adds_no_note() -> None:
    assert not hasattr(await refused(500, Body()), "__notes__")


@pytest.mark.parametrize("fault", [httpx.ReadError("reset"), httpx.ReadTimeout("stalled"), httpx.DecodingError("odd")])
async def test_a_body_that_breaks_off_keeps_the_status(fault: Exception) -> None:
    error = await refused(500, Body(b"half", error=fault))
    assert error.response.status_code == 500
    assert error.response.content == b"half"


async def test_an_endless_body_is_read_up_to_a_bound() -> None:
    error = await refused(500, Body(b"x" * 10_000, error=AssertionError("read to the end"), times=1_000))
    assert len(error.response.content) == MAX_BODY_BYTES


async def test_a_slow_body_is_read_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jero.client.refused.MAX_BODY_SECONDS", 0.05)

    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                await asyncio.sleep(0.01)

    response = httpx.Response(500, stream=Slow(), request=REQUEST)
    error = await asyncio.wait_for(RequestRefused.read(response), 5)
    assert 1 <= len(error.response.content) <= 10


def test_a_body_of_a_synchronous_client_is_read_up_to_a_bound() -> None:
    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"x" * 10_000

    error = RequestRefused.read_now(httpx.Response(500, stream=Endless(), request=REQUEST))
    assert len(error.response.content) == MAX_BODY_BYTES


async def test_a_compressed_body_is_decompressed_once() -> None:
    error = await refused(500, Body(gzip.compress(b"plain")), content_encoding="gzip", content_length="25")
    assert error.response.text == "plain"


async def test_retry_after_is_read_from_the_response() -> None:
    assert (await refused(503, Body(), retry_after="7")).retry_after == 7
    assert (await refused(503, Body())).retry_after is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        ("120", 120),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30),
        ("Fri, 20 Nov 2026 13:00:30 +0100", 30),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("9" * 5_000, None),
        ("\u0663", None),
        ("Fri, 99 Nov 2026 12:00:30 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", (datetime.max.replace(tzinfo=UTC, microsecond=0) - NOON).total_seconds()),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Fri, 20 Nov 2026 12:00:30 +9999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, expected: float | None) -> None:
    assert retry_after_seconds(value, NOON) == expected


@given(
    value=st.text() | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,6} [0-9:]{0,9} [-+A-Z0-9]{0,6}")
)
def test_no_retry_after_raises(value: str) -> None:
    found = retry_after_seconds(value, NOON)
    assert found is None or found >= 0


# Fetch standard, "extract a MIME type": its examples, and the forms that proxies make.
@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        ("text/event-stream", "text/event-stream"),
        ("Text/Event-Stream;charset=UTF-8", "text/event-stream"),
        ("text/event-stream ; charset=utf-8", "text/event-stream"),
        ("text/event-stream, text/event-stream", "text/event-stream"),
        ("text/html, text/event-stream", "text/event-stream"),
        ("text/event-stream, text/html", "text/html"),
        ("text/event-stream, */*", "text/event-stream"),
        ("text/event-stream, cannot-parse", "text/event-stream"),
        ("text/event-stream,", "text/event-stream"),
        ('text/html;a="text/event-stream,b/c"', "text/html"),
        ('text/html;a="\\",text/event-stream"', "text/html"),
        ("text/event-stream x", "text/event-stream x"),
        ("", ""),
        (" , ", ""),
        ('"', '"'),
    ],
)
def test_the_last_valid_media_type_counts(content_type: str, found: str) -> None:
    assert media_type(content_type) == found


@given(before=st.text(st.sampled_from("a/;, ="), max_size=40))
def test_a_valid_last_media_type_counts_whatever_stands_before(before: str) -> None:
    assert media_type(f"{before},text/event-stream;a=b") == "text/event-stream"
