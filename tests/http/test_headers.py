from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Struct, UnsetType, field

from jero.http.headers import header_pair, header_text, raw_pairs, typed_pairs


class Color(StrEnum):
    RED = "red"


class Level(Enum):
    HIGH = 3


class Paging(Struct):
    x_total: int
    next_page: str | None = None
    etag: str | UnsetType = UNSET
    link: list[str] = []
    exact: str | None = field(default=None, name="X-Exact")


@pytest.mark.parametrize(
    ("name", "value", "pair"),
    [
        ("X-Total", "3", (b"x-total", b"3")),
        ("etag", '"a b"', (b"etag", b'"a b"')),
        ("x-name", "é", (b"x-name", b"\xe9")),
        ("x!#$%&'*+-.^_`|~9", "", (b"x!#$%&'*+-.^_`|~9", b"")),
    ],
)
def test_a_header_is_sent_in_lower_case_and_latin_1(name: str, value: str, pair: tuple[bytes, bytes]) -> None:
    assert header_pair(name, value) == pair


@pytest.mark.parametrize("name", ["", "x y", "x:y", "x\r\ny", "é", "x\0", "x\n", "(x)"])
def test_a_name_that_is_not_a_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"is not a header name: RFC 9110"):
        header_pair(name, "x")


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b=c", "a\rb", "a\n", "\0"])
def test_a_value_that_would_end_its_line_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"'X-Name' contains "):
        header_pair("X-Name", value)


@pytest.mark.parametrize("value", ["a\x01b", "a\x1f", "\x7f", "a\x0bb", "\x1b[0m"])
def test_a_value_with_a_control_character_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"'X-Name' contains "):
        header_pair("X-Name", value)


@pytest.mark.parametrize(("value", "sent"), [(" a ", b"a"), ("\ta\tb \t", b"a\tb"), (" ", b""), ("\xa0", b"\xa0")])
def test_whitespace_around_a_value_is_removed(value: str, sent: bytes) -> None:
    assert header_pair("x-name", value) == (b"x-name", sent)


def test_a_value_outside_latin_1_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'x-name' contains a character outside Latin-1: '€'"):
        header_pair("x-name", "€")


@given(name=st.text(max_size=6), value=st.text(max_size=20))
def test_an_accepted_header_stays_in_its_line(name: str, value: str) -> None:
    try:
        name_bytes, value_bytes = header_pair(name, value)
    except ValueError:
        return
    assert name_bytes.decode() == name.lower()
    assert value_bytes.decode("latin-1") == value.strip(" \t")
    assert not set(b"\r\n\0") & set(name_bytes + value_bytes)
    assert not set(b": ") & set(name_bytes)


def test_raw_headers_may_be_a_mapping_or_pairs_with_repeats() -> None:
    assert raw_pairs({"A": "1", "B": "2"}) == [(b"a", b"1"), (b"b", b"2")]
    assert raw_pairs([("A", "1"), ("A", "2")]) == [(b"a", b"1"), (b"a", b"2")]


@pytest.mark.parametrize(
    ("headers", "pairs"),
    [
        (Paging(x_total=3), [(b"x-total", b"3")]),
        (Paging(x_total=0, next_page="n"), [(b"x-total", b"0"), (b"next-page", b"n")]),
        (Paging(x_total=1, etag='"e"'), [(b"x-total", b"1"), (b"etag", b'"e"')]),
        (Paging(x_total=1, link=["a", "b"]), [(b"x-total", b"1"), (b"link", b"a"), (b"link", b"b")]),
        (Paging(x_total=1, exact="e"), [(b"x-total", b"1"), (b"x-exact", b"e")]),
    ],
    ids=["names", "none", "unset", "list", "exact name"],
)
def test_a_struct_of_typed_headers_becomes_pairs(headers: Struct, pairs: list[tuple[bytes, bytes]]) -> None:
    assert typed_pairs(headers) == pairs


def test_a_typed_header_is_checked_like_any_other() -> None:
    with pytest.raises(ValueError, match=r"'next-page' contains "):
        typed_pairs(Paging(x_total=1, next_page="a\r\nb: c"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (3, "3"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (Color.RED, "red"),
        (Level.HIGH, "3"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (date(2026, 11, 20), "2026-11-20"),
        (datetime(2026, 11, 20, 9, 5, 7, tzinfo=UTC), "Fri, 20 Nov 2026 09:05:07 GMT"),
        (datetime(2026, 11, 20, 9, tzinfo=timezone(timedelta(hours=2))), "Fri, 20 Nov 2026 07:00:00 GMT"),
        (datetime(2026, 11, 20, 9, tzinfo=UTC).replace(tzinfo=None), "Fri, 20 Nov 2026 09:00:00 GMT"),
    ],
)
def test_a_typed_value_becomes_text(value: Any, text: str) -> None:
    assert header_text(value) == text
