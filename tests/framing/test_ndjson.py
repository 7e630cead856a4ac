from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import Encoder

from jero.framing.json import NDJSON
from tests.framing.items import ITEMS, RAW_HOLDERS, TEXTS, UNENCODABLE, Color
from tests.naming import shown

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def framed(*items: Any, encoder: Encoder | None = None) -> bytes:
    buffer = bytearray()
    for item in items:
        NDJSON.encode(item, buffer, encoder or Encoder())
    return bytes(buffer)


@pytest.mark.parametrize(("item", "json"), [*ITEMS, *TEXTS, (Color.RED, b'"red"')], ids=shown)
def test_an_item_is_one_line_of_json(item: Any, json: bytes) -> None:
    assert framed(item) == json + b"\n"


@given(items=st.lists(VALUES))
def test_the_lines_decode_to_the_items(items: list[Any]) -> None:
    text = framed(*items)
    assert text.count(b"\n") == len(items)
    assert b"\r" not in text
    assert [msgspec.json.decode(line) for line in text.split(b"\n")[:-1]] == items


@pytest.mark.parametrize("wrap", RAW_HOLDERS)
@pytest.mark.parametrize("json", [b'{"a":\n1}', b'{"a":\r\n1}', b"[1,\r2]", b"\n1\n"])
def test_raw_json_with_line_breaks_becomes_one_line(json: bytes, wrap: Callable[[msgspec.Raw], Any]) -> None:
    text = framed(wrap(msgspec.Raw(json)))
    assert text.count(b"\n") == 1
    assert text.endswith(b"\n")
    assert b"\r" not in text
    assert msgspec.json.decode(text) == msgspec.json.decode(Encoder().encode(wrap(msgspec.Raw(json))))


@pytest.mark.parametrize("item", UNENCODABLE, ids=shown)
def test_an_item_without_json_raises(item: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        framed(item)


def test_the_users_encoder_is_used() -> None:
    def enc_hook(value: Any) -> Any:
        return [value.real, value.imag]

    assert framed(1j, encoder=Encoder(enc_hook=enc_hook)) == b"[0.0,1.0]\n"


def test_the_format_has_lines_and_an_empty_line_as_ping() -> None:
    assert (NDJSON.content_type, NDJSON.opening, NDJSON.separator, NDJSON.closing, NDJSON.keepalive) == (
        "application/x-ndjson",
        b"",
        b"",
        b"",
        b"\n",
    )
