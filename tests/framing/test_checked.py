"""A checked format refuses items that do not fit the declared type, and frames all others unchanged."""

from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.json import Decoder, Encoder

from jero.errors import InternalServerError
from jero.framing.event import Notice, ServerSentEvent
from jero.framing.framing import Framing
from jero.framing.json import JSON_ARRAY, NDJSON, checked
from jero.framing.sse import SSE
from tests.naming import shown

FORMATS = pytest.mark.parametrize("framing", [NDJSON, SSE, JSON_ARRAY], ids=lambda framing: framing.content_type)


class Movie(Struct, forbid_unknown_fields=True):
    title: str


class Looser(Struct):
    title: str | int


def framed(framing: Framing, item: Any) -> bytes:
    buffer = bytearray()
    framing.encode(item, buffer, Encoder())
    return bytes(buffer)


@FORMATS
@pytest.mark.parametrize(
    "item",
    [
        Movie("a"),
        Looser("a"),
        {"title": "a"},
        msgspec.Raw(b'{"title":"a"}'),
        ServerSentEvent(data=Movie("a"), id="1"),
        ServerSentEvent(comment="a"),
        ServerSentEvent(event="error", data=InternalServerError().problem()),
        ServerSentEvent(event="told", data=Notice()),
    ],
    ids=shown,
)
def test_an_item_that_fits_is_framed_as_without_a_check(framing: Framing, item: Any) -> None:
    assert framed(checked(framing, Decoder(Movie).decode), item) == framed(framing, item)


@FORMATS
@pytest.mark.parametrize(
    "item",
    [
        Looser(1),
        {"name": "a"},
        "a",
        None,
        [Movie("a")],
        msgspec.Raw(b'{"title":1}'),
        ServerSentEvent(data=Looser(1)),
        ServerSentEvent(data="a"),
    ],
    ids=shown,
)
def test_an_item_that_does_not_fit_is_refused(framing: Framing, item: Any) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        framed(checked(framing, Decoder(Movie).decode), item)
    assert refused.value.__notes__ == [f"validate_items: the stream yielded {type(item).__name__}, which does not fit"]


@FORMATS
def test_a_checked_format_keeps_all_other_fields(framing: Framing) -> None:
    mine = checked(framing, Decoder(Movie).decode)
    assert mine.json_prefix is None
    assert msgspec.structs.replace(mine, encode=framing.encode, json_prefix=framing.json_prefix) == framing
