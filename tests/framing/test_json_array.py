from typing import Any

import msgspec
import pytest
from msgspec.json import Encoder

from jero.framing.json import JSON_ARRAY
from tests.framing.items import ITEMS, TEXTS, UNENCODABLE
from tests.naming import shown


def framed(*items: Any) -> bytes:
    buffer = bytearray(JSON_ARRAY.opening)
    for number, item in enumerate(items):
        buffer += JSON_ARRAY.separator if number else b""
        JSON_ARRAY.encode(item, buffer, Encoder())
    return bytes(buffer + JSON_ARRAY.closing)


@pytest.mark.parametrize(
    ("items", "text"), [([], b"[]"), ([1], b"[1]"), ([1, "a", None], b'[1,"a",null]'), ([[0], [[0]]], b"[[0],[[0]]]")]
)
def test_elements_are_separated_by_commas(items: list[Any], text: bytes) -> None:
    assert framed(*items) == text


@pytest.mark.parametrize(("item", "json"), [*ITEMS, *TEXTS], ids=shown)
def test_an_element_is_its_json(item: Any, json: bytes) -> None:
    assert framed(item, item) == b"[" + json + b"," + json + b"]"


@pytest.mark.parametrize("item", UNENCODABLE, ids=shown)
def test_an_item_without_json_raises(item: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        framed(item)


def test_a_ping_between_any_tokens_changes_nothing() -> None:
    ping = JSON_ARRAY.keepalive
    assert ping is not None
    for text in (ping + b"[1,2]", b"[" + ping + b"1,2]", b"[1" + ping + b",2]", b"[1," + ping + b"2" + ping + b"]"):
        assert msgspec.json.decode(text) == [1, 2]


def test_the_media_type_is_json() -> None:
    assert JSON_ARRAY.content_type == "application/json"
