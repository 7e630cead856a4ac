"""A server that means harm cannot make the client a flood, put it to sleep, or fill its memory."""

import asyncio
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Callable

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jero.client import Reconnection, RequestRefused, StreamClient, StreamCut
from tests.client.waits import Waits

MEMORY = 12_000_000
LIMIT = 1_000_000


class Endless(httpx.AsyncByteStream):
    """Sends chunks without an end, and counts them."""

    def __init__(self, chunk: bytes) -> None:
        self._chunk = chunk
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += 1
            yield self._chunk


def client_of(respond: Callable[[httpx.Request], httpx.Response], **options: object) -> StreamClient:
    mock = httpx.AsyncClient(transport=httpx.MockTransport(respond), base_url="http://harm")
    settings: dict[str, object] = {"sleep": Waits(), "max_item_bytes": LIMIT, **options}
    return StreamClient(client=mock, **settings)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - options of the tests


@pytest.mark.parametrize("media_type", ["text/event-stream", "application/x-ndjson"])
@pytest.mark.parametrize(
    "chunk",
    [b"x" * 10_000, b": " * 5_000, b"data: " * 2_000, b"\\" * 10_000, b'"' * 10_000, b"[" * 10_000],
    ids=["text", "comment", "data", "backslashes", "quotes", "brackets"],
)
async def test_a_line_without_an_end_is_refused(media_type: str, chunk: bytes) -> None:
    body = Endless(chunk)
    client = client_of(lambda _: httpx.Response(200, headers={"Content-Type": media_type}, stream=body))
    read = client.sse if media_type == "text/event-stream" else client.ndjson
    tracemalloc.start()
    try:
        with pytest.raises(msgspec.DecodeError, match=f"has more than {LIMIT} bytes"):
            await anext(read("/", int))
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert body.sent <= LIMIT // len(chunk) + 2


@pytest.mark.parametrize("line", [b"data\n", b"data: a\n", b"data:\r"])
async def test_an_event_without_an_end_is_refused(line: bytes) -> None:
    body = Endless(line * 1_000)
    client = client_of(lambda _: httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=body))
    tracemalloc.start()
    try:
        with pytest.raises(msgspec.DecodeError, match=f"has more than {LIMIT} bytes"):
            await anext(client.sse("/", str))
        assert tracemalloc.get_traced_memory()[1] < 10 * MEMORY  # each line is a text of its own
    finally:
        tracemalloc.stop()


async def test_a_refusal_without_an_end_is_read_up_to_a_bound() -> None:
    body = Endless(b"x" * 1_000)
    client = client_of(lambda _: httpx.Response(418, stream=body))
    with pytest.raises(RequestRefused, match="was answered with 418"):
        await anext(client.ndjson("/", int))
    assert body.sent < 100


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    retry=st.integers(0, 10**18) | st.sampled_from(["0", "00", "9" * 4_999, "-1", "1e9", "inf", "nan", ""]),
    retry_after=st.integers(-5, 10**18).map(str)
    | st.sampled_from(["Fri, 31 Dec 9999 23:59:59 GMT", "9" * 999, "inf", "nan", "1e400", "-0", "0.0"]),
    status=st.sampled_from([200, 429, 503]),
    chance=st.floats(0, 10),
)
def test_whatever_a_server_sets_the_client_waits_within_its_bounds(
    retry: int | str, retry_after: str, status: int, chance: float
) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if next(numbers) > 5:
            return httpx.Response(204)
        headers = {"Content-Type": "text/event-stream", "Retry-After": retry_after}
        return httpx.Response(status, headers=headers, content=f"retry: {retry}\ndata: a\n\n".encode())

    async def read() -> Waits:
        waits = Waits()
        policy = Reconnection(jitter=chance, attempts=None)
        async for _ in client_of(respond, sleep=waits, reconnection=policy).sse("/", str):
            pass
        return waits

    numbers = itertools.count()
    waits = asyncio.run(read())
    assert len(waits) == 6
    assert all(0.1 <= seconds <= 300 for seconds in waits)


async def test_empty_answers_do_not_make_a_flood() -> None:
    waits = Waits()
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=b"")

    with pytest.raises(httpx.RemoteProtocolError, match="ended without a byte"):
        await anext(client_of(respond, sleep=waits).sse("/", str))
    assert len(requests) == 10
    assert sum(waits) > 60


@pytest.mark.parametrize("error", [httpx.ReadError, httpx.RemoteProtocolError])
async def test_a_cut_without_a_reason_has_a_message(error: type[httpx.TransportError]) -> None:
    class Cut(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"1\n2\n3"
            raise error("")

    client = client_of(lambda _: httpx.Response(200, headers={"Content-Type": "application/jsonl"}, stream=Cut()))
    found: list[int] = []
    with pytest.raises(StreamCut, match=r"^The stream was cut after 2 items: the connection broke\.$") as raised:
        found.extend([item async for item in client.ndjson("/", int)])
    assert raised.value.received == 2
