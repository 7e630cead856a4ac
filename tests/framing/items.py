"""Items of every kind that msgspec encodes, each with its JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

import attrs
from msgspec import UNSET, Raw, Struct, UnsetType, field


class Movie(Struct):
    title: str


class Poster(Struct, tag=True):
    url: str | UnsetType = UNSET
    width: int = field(default=0, name="w")


class Archived(Struct):
    row: Raw


class Archive(Struct):
    rows: list[Archived]


class Point(Struct, array_like=True):
    x: int
    y: int


class Page(Struct, rename="camel", omit_defaults=True):
    next_page: int = 0
    total_items: int = 1


@dataclass
class Actor:
    name: str


@attrs.define
class Studio:
    name: str


class Award(TypedDict):
    year: int


class Rating(NamedTuple):
    stars: int


class Level(Enum):
    HIGH = "high"


class Rank(IntEnum):
    FIRST = 1


class Color(StrEnum):
    RED = "red"


MOMENT = datetime(2026, 11, 20, 9, 5, 7, 250_000, tzinfo=UTC)

ITEMS: list[tuple[Any, bytes]] = [
    (None, b"null"),
    (True, b"true"),
    (3, b"3"),
    (2**64 - 1, b"18446744073709551615"),
    (2**200, str(2**200).encode()),
    (1.5, b"1.5"),
    (float("nan"), b"null"),
    (float("inf"), b"null"),
    ([1, [2]], b"[1,[2]]"),
    ((1, 2), b"[1,2]"),
    ({3}, b"[3]"),
    (frozenset({3}), b"[3]"),
    ({"a": 1, 2: "b"}, b'{"a":1,"2":"b"}'),
    (MOMENT, b'"2026-11-20T09:05:07.250000Z"'),
    (MOMENT.date(), b'"2026-11-20"'),
    (date(1, 1, 1), b'"0001-01-01"'),
    (time(9, 5, 7), b'"09:05:07"'),
    (timedelta(seconds=90), b'"PT90S"'),
    (UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
    (Decimal("1.50"), b'"1.50"'),
    (Level.HIGH, b'"high"'),
    (Rank.FIRST, b"1"),
    (Movie("a\r\nb\u2028c\x85d"), '{"title":"a\\r\\nb\u2028c\x85d"}'.encode()),
    (Poster(), b'{"type":"Poster","w":0}'),
    (Poster(url="u"), b'{"type":"Poster","url":"u","w":0}'),
    (Point(1, 2), b"[1,2]"),
    (Page(), b"{}"),
    (Page(next_page=2), b'{"nextPage":2}'),
    (Actor("a"), b'{"name":"a"}'),
    (Studio("s"), b'{"name":"s"}'),
    (Award(year=1), b'{"year":1}'),
    (Rating(5), b"[5]"),
    (Raw(b'{"a":1}'), b'{"a":1}'),
]

# Text: JSON writes a string, an event stream the text itself.
TEXTS: list[tuple[Any, bytes]] = [
    ("a\nb", b'"a\\nb"'),
    ("", b'""'),
    ("é\u2028", '"é\u2028"'.encode()),
    (b"ab", b'"YWI="'),
    (bytearray(b"ab"), b'"YWI="'),
    (memoryview(b"ab"), b'"YWI="'),
]

# Items that contain JSON which was encoded elsewhere.
RAW_HOLDERS: list[Callable[[Raw], Any]] = [
    lambda raw: raw,
    Archived,
    lambda raw: Archive([Archived(raw)]),
    lambda raw: {"row": [raw]},
]

UNENCODABLE: list[Any] = [object(), 1j, "\ud800", {"a": object()}, [1, 2, "\udfff"], {(1, 2): 3}]
