"""Bodies in the smallest parts: they take the memory of their bytes, and are read the same however they are cut."""

import asyncio
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from time import process_time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jero import Endpoint, NDJSONStreamingResponse
from jero.binding.body import BodyReader
from jero.binding.incoming import READ_AHEAD_BYTES, RequestBody
from jero.dispatch.unread import MESSAGE_BYTES, READ_ON_BYTES
from jero.errors import ContentTooLarge, RequestTimeout
from jero.http.asgi import BODY_HAS_ENDED, Message, Receive, Scope
from tests.application import Application, http_scope
from tests.streaming.connection import skip_time

MIB = 1_048_576
SECONDS = 3.0


class Parts:
    """The body of a request as the server passes it on: `part` for `count` times."""

    def __init__(self, part: bytes, count: int, last: bytes = b"") -> None:
        self._part = part
        self._last = last
        self.left = count

    async def receive(self) -> Message:
        self.left -= 1
        if self.left < 0:
            return {"type": "http.request", "body": self._last, "more_body": False}
        # As a server does, makes a new object for each part.
        return {"type": "http.request", "body": bytes(bytearray(self._part)), "more_body": True}


async def read_body(scope: Scope, receive: Receive, *, limit: int = MIB, seconds: float = 30) -> bytes:
    body: bytes = await BodyReader("content", bytes, limit, seconds).read(scope, receive)
    return body


@pytest.mark.parametrize(("part", "count"), [(b"", 60_000), (b"x", 60_000), (b"xy", 30_000), (b"x" * 100, 10_000)])
async def test_a_body_in_small_parts_takes_no_more_memory_than_its_bytes(part: bytes, count: int) -> None:
    parts = Parts(part, count)
    tracemalloc.start()
    try:
        body = await read_body(http_scope("POST"), parts.receive)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(body) == len(part) * count
    assert peak < 2.5 * len(body) + 50_000  # the parts, and the whole that is made of them


@pytest.mark.parametrize("part", [b"x", b"xy", b"x" * 1_000])
async def test_a_body_in_small_parts_is_refused_at_its_limit(part: bytes) -> None:
    parts = Parts(part, 10 * MIB)
    scope = http_scope("POST")
    with pytest.raises(ContentTooLarge):
        await read_body(scope, parts.receive, limit=10_000)
    assert 10 * MIB - parts.left == 10_000 // len(part) + 1
    assert scope[BODY_HAS_ENDED] is False


@given(parts=st.lists(st.binary(max_size=3), max_size=8))
def test_a_whole_body_is_the_same_however_it_is_cut(parts: list[bytes]) -> None:
    messages: Iterator[Message] = iter([*({"body": part, "more_body": True} for part in parts), {"body": b"."}])

    async def receive() -> Message:
        return {"type": "http.request", **next(messages)}

    assert asyncio.run(read_body(http_scope("POST"), receive)) == b"".join(parts) + b"."


def test_empty_parts_do_not_hold_off_the_timeout() -> None:
    """HTTP/2 has frames without data: a client could send one every few seconds, for ever."""

    async def test() -> None:
        received = 0

        async def receive() -> Message:
            nonlocal received
            received += 1
            assert received < 10
            await asyncio.sleep(4)
            return {"type": "http.request", "body": b"", "more_body": True}

        with pytest.raises(RequestTimeout):
            await read_body(http_scope("POST"), receive, seconds=5)
        assert asyncio.get_running_loop().time() == 5

    skip_time(test())


def test_a_dribbled_body_keeps_the_clock_of_each_part_and_is_refused_when_it_stops() -> None:
    async def test() -> None:
        left = 100

        async def receive() -> Message:
            nonlocal left
            left -= 1
            await asyncio.sleep(4 if left >= 0 else 1_000)
            return {"type": "http.request", "body": b"x", "more_body": True}

        with pytest.raises(RequestTimeout):
            await read_body(http_scope("POST"), receive, seconds=5)
        assert asyncio.get_running_loop().time() == 405

    skip_time(test())


class Lines(Endpoint, path="/lines"):
    """Reads items, and keeps none."""

    max_line_bytes = 100_000

    async def post(self, items: AsyncIterator[int | str]) -> int:
        return sum([1 async for _ in items])

    async def put(self, items: AsyncIterator[int | str]) -> NDJSONStreamingResponse[int | str]:
        return NDJSONStreamingResponse(stream=items)

    async def patch(self, json: str) -> int:
        return len(json)


async def exchange(
    method: str, messages: Sequence[Message] | Parts, media_type: bytes = b"application/x-ndjson"
) -> tuple[int, bytes]:
    """Returns the status, and the body."""
    sent: list[Message] = []
    pending = None if isinstance(messages, Parts) else iter(messages)

    async def receive() -> Message:
        if pending is None:
            assert isinstance(messages, Parts)
            return await messages.receive()
        for message in pending:
            return message
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    app = Application(Lines())
    async with app.lifespan():
        scope = http_scope(
            method, "/lines", headers=[(b"content-type", media_type), (b"transfer-encoding", b"chunked")]
        )
        await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("part", "count", "status"),
    [
        (b"\n" * 65_536, 16, 200),  # a million empty lines
        (b" \n" * 32_768, 16, 200),
        (b"\r\n" * 32_768, 16, 200),
        (b"\n", 50_000, 200),
        (b"1\n", 50_000, 200),
        (b"1" * 65_536, 2_000, 413),  # a line without an end
        (b"1", 500_000, 413),
        (b'"' + b"\\" * 1_000, 50_000, 413),
    ],
)
async def test_lines_without_an_end_take_bounded_memory_and_linear_time(
    method: str, part: bytes, count: int, status: int
) -> None:
    parts = Parts(part, count)
    began = process_time()
    found, _ = await exchange(method, parts)
    assert process_time() - began < SECONDS
    assert found == status
    if status == 413:  # then the rest is read on and dropped, for a while
        received = count - parts.left
        line = Lines.max_line_bytes // len(part) + READ_AHEAD_BYTES // len(part) + 2
        assert received <= line + READ_ON_BYTES // max(len(part), MESSAGE_BYTES) + 1


async def test_an_endless_line_is_not_kept() -> None:
    parts = Parts(b"1" * 1_000, 20_000)
    tracemalloc.start()
    try:
        found, _ = await exchange("POST", parts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == 413
    assert peak < 4 * MIB  # most of it for the application


async def test_what_arrives_while_nobody_reads_is_bounded() -> None:
    parts = Parts(b"x" * 1_000, 10_000)
    body = RequestBody(parts.receive, None)
    watching = asyncio.create_task(body.watch())
    for _ in range(10):
        await asyncio.sleep(0)
    assert 10_000 - parts.left <= READ_AHEAD_BYTES // 1_000 + 1
    watching.cancel()
    await asyncio.wait([watching])


TEXT = "añ€😀"


@settings(max_examples=100)
@given(cuts=st.sets(st.integers(0, 24)), fault=st.sampled_from([b"", b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"]))
def test_utf_8_is_read_or_refused_wherever_it_is_cut(cuts: set[int], fault: bytes) -> None:
    body = b'"' + TEXT.encode() + fault + b'"'
    bounds = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(bounds)]
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    whole = asyncio.run(exchange("PATCH", messages, b"application/json"))
    lines = asyncio.run(exchange("POST", messages))
    if fault:
        assert (whole[0], lines[0]) == (400, 400)
    else:
        assert (whole, lines) == ((200, msgspec.json.encode(len(TEXT))), (200, b"1"))
