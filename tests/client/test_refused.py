import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import msgspec
import pytest

from jero import Conflict, Problem
from jero.client import RequestRefused
from jero.client.refused import MAX_BODY_BYTES, retry_after_seconds

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
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, expected: float | None) -> None:
    assert retry_after_seconds(value, NOON) == expected
