"""Request bodies with a Content-Encoding: decoded as they arrive, within the limits, however they are read."""

import asyncio
import gzip
import random
import tracemalloc
import zlib
from contextlib import suppress
from typing import Any, Self

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero import ContentTooLarge, Endpoint, StreamOutcome
from jero.binding.codings import BETWEEN_BYTES, DecodedBody, codings_of
from jero.errors import MalformedRequest, UnsupportedMediaType
from jero.http.asgi import HeaderPairs, Message, Scope
from jero.testing import AsyncTestClient, TestClient
from tests.application import Application, ReadOnError, http_scope
from tests.binding.encoded import ALL, CODINGS, LIMIT, answer, bomb, encoded, in_parts
from tests.forms.bodies import field, file, multipart


async def decoded(messages: list[Message], codings: list[str], limit: int | None = None) -> bytes:
    """Returns the decoded body. Each of its parts is small, and only the last one is the end."""
    pending = iter(messages)

    async def receive() -> Message:
        return next(pending)

    body, parts = DecodedBody(receive, codings, limit), list[bytes]()
    more_body = True
    while more_body:
        message = await body.receive()
        more_body = message["more_body"]
        parts.append(message["body"])
        assert len(parts[-1]) <= 65_536
    assert body.has_ended
    assert next(pending, None) is None
    return b"".join(parts)


def repeated(text: bytes, times: int) -> bytes:
    return text * times


data = st.one_of(
    st.binary(max_size=300),
    st.builds(repeated, st.binary(min_size=1, max_size=9), st.integers(1, 40_000)),
)
some_codings = st.lists(st.sampled_from(CODINGS), min_size=1, max_size=2)


@given(data=data, codings=some_codings, size=st.integers(1, 70_000))
def test_what_was_encoded_is_decoded_however_it_arrives(data: bytes, codings: list[str], size: int) -> None:
    messages = in_parts(encoded(data, codings), max(size, len(data) // 100))
    assert asyncio.run(decoded(messages, codings)) == data


@given(data=data, codings=some_codings, kept=st.floats(0, 1, exclude_max=True), size=st.integers(100, 70_000))
def test_a_body_that_is_cut_short_is_malformed(data: bytes, codings: list[str], kept: float, size: int) -> None:
    whole = encoded(data, codings)
    with pytest.raises(MalformedRequest, match=r"The body ends before the (gzip|deflate) data"):
        asyncio.run(decoded(in_parts(whole[: int(len(whole) * kept)], size), codings))


@given(data=data, codings=some_codings, more=st.binary(min_size=1, max_size=100), size=st.integers(100, 70_000))
def test_what_follows_the_data_is_malformed(data: bytes, codings: list[str], more: bytes, size: int) -> None:
    with pytest.raises(MalformedRequest):
        asyncio.run(decoded(in_parts(encoded(data, codings) + more, size), codings))


@given(data=data, codings=some_codings, place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_corrupt_body_is_malformed_or_says_the_same(data: bytes, codings: list[str], place: float, bit: int) -> None:
    body = bytearray(encoded(data, codings))
    body[int(len(body) * place)] ^= 1 << bit
    with suppress(MalformedRequest):  # a few bits of a header mean nothing for the data
        assert asyncio.run(decoded(in_parts(bytes(body), 70_000), codings)) == data


@given(members=st.lists(st.binary(max_size=50), min_size=1, max_size=40), size=st.integers(1, 500))
def test_gzip_data_may_have_several_members(members: list[bytes], size: int) -> None:
    whole = b"".join(map(gzip.compress, members))
    assert asyncio.run(decoded(in_parts(whole, size), ["gzip"])) == b"".join(members)


@given(size=st.integers(60_000, 200_000), coding=st.sampled_from(CODINGS), kept=st.floats(0, 1))
def test_all_that_a_part_of_the_body_says_is_decoded_before_the_next_part_is_read(
    size: int, coding: str, kept: float
) -> None:
    whole = encoded(bytes(size), [coding])
    part = whole[: int(len(whole) * kept)]

    async def read() -> bytes:
        pending, found = iter(in_parts(part, len(whole))), b""

        async def receive() -> Message:
            for message in pending:
                return {**message, "more_body": True}
            raise ReadOnError

        body = DecodedBody(receive, [coding], None)
        with suppress(ReadOnError):
            while True:
                found += (await body.receive())["body"]
        return found

    assert len(asyncio.run(read())) == len(zlib.decompressobj(wbits=47).decompress(part))


def test_deflate_data_has_an_end() -> None:
    with pytest.raises(MalformedRequest, match=r"The body goes on after the deflate data"):
        asyncio.run(decoded(in_parts(zlib.compress(b"[1") + zlib.compress(b",2]"), 10), ["deflate"]))


def test_deflate_data_without_the_format_of_zlib_is_malformed() -> None:
    compressor = zlib.compressobj(wbits=-15)
    raw = compressor.compress(b"[1,2]") + compressor.flush()
    with pytest.raises(
        MalformedRequest, match=r"The body is not the deflate data that its Content-Encoding announces\."
    ):
        asyncio.run(decoded(in_parts(raw, 10), ["deflate"]))


@pytest.mark.parametrize(
    ("lines", "codings"),
    [
        ([], []),
        ([b"identity"], []),
        ([b""], []),
        ([b"gzip"], ["gzip"]),
        ([b"X-GZip"], ["gzip"]),
        ([b" Deflate\t,identity, gzip"], ["deflate", "gzip"]),
        ([b"gzip", b"gzip"], ["gzip", "gzip"]),
        ([b"br"], None),
        ([b"gzip, br"], None),
        ([b"gzip;q=1"], None),
        ([b"gzip, gzip, gzip"], None),
    ],
)
def test_codings_are_one_list_in_any_case(lines: list[bytes], codings: list[str] | None) -> None:
    scope = http_scope("POST", headers=[(b"content-encoding", line) for line in lines])
    if codings is not None:
        assert codings_of(scope, CODINGS) == codings
        return
    with pytest.raises(UnsupportedMediaType) as refused:
        codings_of(scope, CODINGS)
    assert refused.value.headers == {"Accept-Encoding": "gzip, deflate"}
    assert "send the body as gzip or deflate, or without an encoding" in str(refused.value)


FORM = multipart(field(b"note", b"n"), file(b"file", b"f", b"x" * 40_000))
BODIES = {
    "/json": (b"[1,2,3]", b"[1,2,3]"),
    "/items": (b"1\n2\n\n3", b"[1,2,3]"),
    "/content": (b"raw" * 9, b"raw" * 9),
    "/parts": (b"y" * 200_000, b"200000"),
    "/form": (FORM, b"n 40000"),
}


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate, gzip"])
@pytest.mark.parametrize("path", BODIES)
async def test_every_way_to_read_a_body_gets_the_decoded_one(path: str, coding: str) -> None:
    body, expected = BODIES[path]
    messages = in_parts(encoded(body, coding.split(", ")), 100)
    for arriving, named in ((messages, coding), (in_parts(body, 50_000), "identity")):
        status, _, found = await answer(path, arriving, named)
        assert (status, found.partition(b",")[0].strip(b"[") if path == "/parts" else found) == (200, expected)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(("coding", "status"), [("gzip", 400), ("br", 415), ("gzip, gzip, gzip", 415)])
async def test_every_way_to_read_a_body_refuses_what_it_cannot_decode(path: str, coding: str, status: int) -> None:
    found, headers, body = await answer(path, in_parts(b"not gzip", 3), coding)
    assert found == status
    assert headers.get(b"accept-encoding") == (None if status == 400 else b"gzip, deflate")
    assert msgspec.json.decode(body)["type"] == ("malformed-request" if status == 400 else "unsupported-media-type")


BOMB = bomb(64)


@pytest.mark.parametrize("path", ["/json", "/content", "/form", "/bounded"])
@pytest.mark.parametrize("size", [1_000, len(BOMB)])
async def test_a_body_that_decodes_to_too_much_is_refused_and_never_in_memory(path: str, size: int) -> None:
    messages = in_parts(BOMB, size)
    tracemalloc.start()
    try:
        status, _, body = await answer(path, messages, "gzip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    expected = 400 if path == "/form" else 413  # zeros are not a form, which is seen before its size
    assert (status, msgspec.json.decode(body)["status"]) == (expected, expected)
    assert peak < 4 * LIMIT


async def test_a_form_that_decodes_to_too_much_is_refused() -> None:
    form = multipart(field(b"note", b"n"), file(b"file", b"f", bytes(2 * LIMIT)))
    status, _, _ = await answer("/form", in_parts(encoded(form, ["gzip"]), 1_000), "gzip")
    assert status == 413


class Others:
    """Stands for other tasks. `turns`: how many they had while this was entered."""

    def __init__(self) -> None:
        self.turns = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)


async def test_a_body_without_a_limit_is_read_piece_by_piece_while_others_have_their_turn() -> None:
    tracemalloc.start()
    try:
        async with Others() as others:
            status, _, body = await answer("/parts", in_parts(BOMB, len(BOMB)), "gzip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (status, body) == (200, b"[67108864,65536]")
    assert peak < 4 * LIMIT
    assert others.turns >= 1_000  # the body has 1,024 pieces


async def test_many_empty_members_leave_others_their_turn() -> None:
    async with Others() as others:
        status, _, body = await answer("/content", in_parts(gzip.compress(b"") * 2_000, LIMIT), "gzip")
    assert (status, body) == (200, b"")
    assert others.turns >= 2_000


async def test_the_body_before_it_is_decoded_has_the_limit_too() -> None:
    with pytest.raises(ContentTooLarge):
        await decoded(in_parts(gzip.compress(b"") * 100, 30), ["gzip"], 1_000)


@pytest.mark.parametrize("path", BODIES)
async def test_a_body_that_is_too_large_between_two_codings_is_refused(path: str) -> None:
    inner = gzip.compress(b"") * (BETWEEN_BYTES // 20 + 1)
    status, headers, body = await answer(path, in_parts(gzip.compress(inner), 500), "gzip, gzip")
    assert (status, headers[b"connection"]) == (413, b"close")
    detail = f"The body has more than {BETWEEN_BYTES} bytes between its two codings."
    assert msgspec.json.decode(body)["detail"] == detail


async def test_a_large_body_may_have_as_much_between_two_codings_as_it_has_sent() -> None:
    noise = random.Random(1).randbytes(2 * BETWEEN_BYTES)
    messages = in_parts(encoded(noise, CODINGS), 70_000)
    assert await decoded(messages, [*CODINGS]) == noise
    with pytest.raises(ContentTooLarge):
        await decoded(messages, [*CODINGS], BETWEEN_BYTES)


class Outcomes(Application):
    """Keeps the outcomes of its streams."""

    def __init__(self, *endpoints: Endpoint) -> None:
        super().__init__(*endpoints)
        self.outcomes = list[StreamOutcome]()

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


@pytest.mark.parametrize("number", [0, 100_000])
async def test_a_stream_of_the_items_of_a_malformed_body_fails_after_those_that_were_right(number: int) -> None:
    body = encoded(b"1\n" * number, ["gzip"])[:-8]
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    app, received = Outcomes(*ALL), b""
    async with (
        AsyncTestClient(app) as client,
        client.stream("PUT", "/items", content=body, headers=headers) as response,
    ):
        with suppress(httpx.RemoteProtocolError):
            async for part in response.aiter_bytes():
                received += part
    [outcome] = app.outcomes
    assert (outcome.reason, type(outcome.error)) == ("failed", MalformedRequest)
    assert outcome.items == number
    if number:
        assert (response.status_code, set(received.split())) == (200, {b"1"})
    else:
        assert (response.status_code, msgspec.json.decode(received)["type"]) == (400, "malformed-request")


async def test_a_refused_body_that_has_arrived_is_not_waited_for() -> None:
    scopes: list[Scope] = []

    class Keeping(Application):
        async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
            scopes.append(scope)
            await super().__call__(scope, receive, send)

    headers: HeaderPairs = [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")]
    app = Keeping(*ALL)
    async with app.lifespan():
        sent, received = list[Message](), list[int]()
        pending = iter(in_parts(BOMB, len(BOMB)))

        async def receive() -> Message:
            received.append(1)
            return next(pending)

        async def send(message: Message) -> None:
            sent.append(message)

        headers.append((b"transfer-encoding", b"chunked"))
        await app(http_scope("POST", "/json", headers=headers), receive, send)
    assert (sent[0]["status"], len(received)) == (413, 1)
    assert scopes[-1]["jero.body_has_ended"] is True


class Header(msgspec.Struct):
    content_encoding: str


class Twice(Endpoint, path="/twice"):
    content_encodings = ("gzip",)

    async def post(self, headers: Header, content: bytes) -> str:
        return f"{headers.content_encoding} {content.decode()}"


class Getting(Endpoint, path="/getting"):
    content_encodings = ("gzip",)

    async def get(self, headers: Header) -> str:
        return headers.content_encoding


def test_a_handler_that_reads_the_header_gets_the_decoded_body_and_one_without_a_body_reads_none() -> None:
    with TestClient(Application(Twice(), Getting())) as client:
        response = client.post("/twice", content=gzip.compress(b"text"), headers={"Content-Encoding": "gzip"})
        assert response.text == "gzip text"
        assert client.get("/getting", headers={"Content-Encoding": "br"}).text == "br"
        refused = client.post("/twice", content=zlib.compress(b"text"), headers={"Content-Encoding": "deflate"})
    assert (refused.status_code, refused.headers["accept-encoding"]) == (415, "gzip")


@pytest.mark.parametrize("value", ["gzip", ["br"], [1], None, ["identity"], ["GZIP"]])
def test_codings_that_jero_does_not_decode_are_refused_at_startup(value: Any) -> None:
    endpoint = Getting()
    vars(endpoint)["content_encodings"] = value
    with pytest.raises(RuntimeError) as refused, TestClient(Application(endpoint)):
        pass
    message = f"Getting: content_encodings is {value!r}. List those that jero decodes: "
    assert message in str(refused.value)
