"""The items of a body, one a line. The cuts between its parts make no difference, and a refusal names its line."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from jero.binding.incoming import WINDOW_BYTES, RequestBody, body_opener
from jero.errors import (
    ClientDisconnected,
    ContentTooLarge,
    Fault,
    HTTPError,
    MalformedRequest,
    UnprocessableContent,
    UnsupportedMediaType,
)
from jero.http.asgi import Message
from tests.application import http_scope
from tests.client.cuts import chunks


class Row(Struct):
    number: int
    name: str = ""


def opened(parts: Sequence[bytes], type_: Any = Row, *, limit: int = 1_000, is_cut: bool = False) -> Any:
    messages: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.disconnect"} if is_cut else {"type": "http.request", "body": b""})
    pending = iter(messages)

    async def receive() -> Message:
        return next(pending)

    scope = http_scope("POST", headers=[(b"content-type", b"application/x-ndjson")])
    return body_opener("items", type_, limit)(scope, RequestBody(receive, None))


async def read(*parts: bytes, **options: Any) -> list[Any]:
    return [item async for item in opened(parts, **options)]


async def until_refused(items: Any) -> tuple[list[Any], HTTPError]:
    found: list[Any] = []
    try:
        while True:
            found.append(await anext(items))
    except HTTPError as refusal:
        return found, refusal


@pytest.mark.parametrize(
    "body",
    [
        b'{"number":1}\n{"number":2}\n',
        b'{"number":1}\n{"number":2}',
        b'{"number":1}\r\n{"number":2}\r\n',
        b'\n\n{"number":1}\n\n \t\r\n\r\n{"number":2}\n\n',
        b'  {"number":1}  \n\t{"number":2}\t',
    ],
    ids=["lines", "no last line break", "CRLF", "empty lines", "space"],
)
@pytest.mark.parametrize("size", [1, 3, 1_000])
async def test_each_line_is_an_item(body: bytes, size: int) -> None:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    assert await read(*parts) == [Row(1), Row(2)]


@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n\r\n", b"  "])
async def test_a_body_without_items_yields_nothing(body: bytes) -> None:
    assert await read(body) == []


@given(values=st.lists(st.text(max_size=5) | st.integers(-9, 9)), data=st.data())
async def test_the_cuts_between_parts_make_no_difference(values: list[str | int], data: st.DataObject) -> None:
    body = b"".join(msgspec.json.encode(value) + b"\n" for value in values)
    assert await read(*data.draw(chunks(st.just(body))), type_=str | int) == values


async def test_a_part_larger_than_a_window_is_decoded_whole() -> None:
    rows = [Row(number, "x" * 90) for number in range(3 * WINDOW_BYTES // 100)]
    body = b"\n".join(map(msgspec.json.encode, rows))
    assert len(body) > 2 * WINDOW_BYTES
    assert await read(body) == rows


async def test_an_iterator_that_has_ended_stays_at_its_end() -> None:
    items = opened([b"1\n"], int)
    assert [item async for item in items] == [1]
    assert [item async for item in items] == []


@pytest.mark.parametrize(
    ("line", "status", "detail", "fault"),
    [
        (
            b'{"number":"a"}',
            422,
            "Line 4: Expected `int`, got `str` - at `$.number`",
            Fault(("items", 4, "number"), "Expected `int`, got `str`"),
        ),
        (
            b"{}",
            422,
            "Line 4: Object missing required field `number` - at `$`",
            Fault(("items", 4, "number"), "Object missing required field `number`", "missing"),
        ),
        (
            b"[]",
            422,
            "Line 4: Expected `object`, got `array` - at `$`",
            Fault(("items", 4), "Expected `object`, got `array`"),
        ),
        (
            b"{",
            400,
            "Line 4 is not JSON: Input data was truncated.",
            Fault(("items", 4), "The line is not JSON: Input data was truncated"),
        ),
        (
            b'{"number":1}{"number":2}',
            400,
            "Line 4 is not JSON: JSON is malformed: trailing characters (byte 13).",
            Fault(("items", 4), "The line is not JSON: JSON is malformed: trailing characters (byte 13)"),
        ),
        (
            b'{"number":1,"name":"\xff"}',
            400,
            "Line 4 is not UTF-8, which JSON requires (RFC 8259, section 8.1).",
            Fault(("items", 4), "The line is not UTF-8, which JSON requires (RFC 8259, section 8.1)"),
        ),
        (
            b'{"number":1,"other":' + b"[" * 300_000,
            400,
            "Line 4 is nested too deep.",
            Fault(("items", 4), "The line is nested too deep"),
        ),
    ],
    ids=["wrong type", "missing", "wrong shape", "cut", "two on a line", "not UTF-8", "deep"],
)
@pytest.mark.parametrize("is_whole", [True, False])
async def test_a_refused_line_is_named_by_its_number_after_the_items_before_it(
    line: bytes, status: int, detail: str, fault: Fault, *, is_whole: bool
) -> None:
    parts = [b'{"number":1}\n\n', b'{"number":2}\r\n', line, b'\n{"number":3}\n']
    items = opened([b"".join(parts)] if is_whole else parts, limit=1_000_000)
    before, refusal = await until_refused(items)
    assert before == [Row(1), Row(2)]
    assert (refusal.status, refusal.detail, refusal.errors) == (status, detail, (fault,))
    assert [item async for item in items] == [Row(3)]


@pytest.mark.parametrize(
    ("parts", "number"),
    [
        ([b"1" * 11], 1),
        ([b"1" * 11 + b"\n"], 1),
        ([b"1\n2\n" + b"3" * 11 + b"\n4\n"], 3),
        ([b"1\n2\n" + b"3" * 6, b"3" * 5], 3),
        ([b"1\n2\n" + b"3" * 6, b"3" * 5 + b"\n4\n"], 3),
    ],
)
async def test_a_line_over_the_limit_is_refused_without_reading_it_to_its_end(parts: list[bytes], number: int) -> None:
    items = opened(parts, int, limit=10)
    for before in (list(range(1, number)), []):  # the second attempt is refused too: the rest of the body is unknown
        found, refusal = await until_refused(items)
        assert found == before
        assert isinstance(refusal, ContentTooLarge)
        assert refusal.detail == f"Line {number} is longer than 10 bytes."
        assert refusal.errors == (Fault(("items", number), "Longer than 10 bytes"),)
        assert refusal.headers == {"Connection": "close"}


async def test_a_line_of_exactly_the_limit_is_read() -> None:
    assert await read(b"1" * 10 + b"\n", b"2" * 10, type_=int, limit=10) == [1111111111, 2222222222]


async def test_a_client_that_leaves_before_the_end_raises() -> None:
    items = opened([b"1\n2\n3"], int, is_cut=True)
    assert [await anext(items), await anext(items)] == [1, 2]
    with pytest.raises(ClientDisconnected):
        await anext(items)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-ndjson",
        "application/jsonl",
        "application/ndjson",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/x-jsonl",
        "Application/X-NDJSON; charset=utf-8",
    ],
)
def test_each_name_of_ndjson_is_read(content_type: str) -> None:
    scope = http_scope("POST", headers=[(b"content-type", content_type.encode())])

    async def receive() -> Message:
        raise AssertionError("the body was read")

    assert body_opener("items", int, 10)(scope, RequestBody(receive, None))


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        (None, "missing"),
        (b"", "'', which is not read here"),
        (b"application/json", "'application/json', which is not read here"),
        (b"text/plain", "'text/plain', which is not read here"),
        (b"\xff", "'\xff', which is not read here"),
    ],
)
def test_another_media_type_is_refused_before_the_body_is_read(content_type: bytes | None, found: str) -> None:
    scope = http_scope("POST", headers=[] if content_type is None else [(b"content-type", content_type)])

    async def receive() -> Message:
        raise AssertionError("the body was read")

    with pytest.raises(UnsupportedMediaType) as refused:
        body_opener("items", int, 10)(scope, RequestBody(receive, None))
    assert refused.value.detail == f"Content-Type is {found}; send the body as application/x-ndjson."
    assert refused.value.headers == {"Accept": "application/x-ndjson, application/jsonl"}


@given(body=st.binary(max_size=40) | st.text(alphabet='{}[]":,number1\\\n\r ', max_size=40).map(str.encode))
async def test_any_body_is_read_or_refused(body: bytes) -> None:
    items = opened([body])
    read_or_refused = 0
    while True:
        try:
            await anext(items)
        except StopAsyncIteration:
            break
        except (MalformedRequest, UnprocessableContent):
            pass
        read_or_refused += 1
    assert read_or_refused == sum(1 for line in body.split(b"\n") if line.strip(b" \t\r"))
