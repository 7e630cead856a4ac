"""JSON that was made to be dear: numbers of any length, nests, and values that share a hash."""

import json
import random
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import partial
from time import process_time
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from jero import Endpoint
from jero.annotations import hashes_numbers
from jero.binding.fields import field_reader
from jero.binding.hashes import HARMLESS_BYTES, MOST_OF_ONE_HASH, SameHashError, check_hashes
from jero.errors import MalformedRequest, UnprocessableContent
from jero.testing import TestClient
from tests.application import Application, http_scope
from tests.hostile.test_values import Strict, decode, refusal_of

SECONDS = 1.0
PRIME = 2**61 - 1  # Python hashes a number by its remainder
MILLION = 1_000_000


class Tagged(Struct):
    tags: set[int] = set()
    other: list[str] = []


class Nested(Struct):
    inner: list[dict[str, dict[UUID, str] | None]]


BODIES: dict[str, bytes] = {
    "arrays, nested": b"[" * 100_000,
    "arrays, nested and closed": b"[" * 100_000 + b"]" * 100_000,
    "objects, nested": b'{"a":' * 100_000,
    "a nest in an unknown field": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "an integer": b"1" * MILLION,
    "a negative integer": b"-" + b"1" * MILLION,
    "a fraction": b"1." + b"1" * MILLION,
    "an exponent": b"1e" + b"1" * MILLION,
    "a large exponent": b"1e999999999",
    "a number in a text": b'"' + b"1" * MILLION + b'"',
    "a large exponent in a text": b'"1e999999999"',
    "one key again and again": b"{" + b'"a":1,' * 150_000 + b'"a":1}',
    "one unknown key again and again": b"{" + b'"x":1,' * 150_000 + b'"x":1}',
    "many keys": b"{" + b",".join(b'"%d":1' % number for number in range(80_000)) + b"}",
    "white space": b" " * MILLION,
    "backslashes": b'"' + b"\\\\" * (MILLION // 2) + b'"',
    "escapes": b'"' + b"\\u0041" * (MILLION // 6) + b'"',
    "half an escape": b'"' + b"\\ud800" * (MILLION // 6) + b'"',
    "not UTF-8": b'"' + b"\xff" * MILLION + b'"',
}
TYPES = [Any, int, float, Decimal, str, UUID, Strict, Tagged, dict[str, Any], dict[int, float], set[Any], set[Decimal]]


@pytest.mark.parametrize("type_", TYPES, ids=str)
@pytest.mark.parametrize("name", BODIES)
def test_a_large_body_costs_linear_time(name: str, type_: Any) -> None:
    began = process_time()
    refusal_of(lambda: decode(type_, BODIES[name]))
    assert process_time() - began < SECONDS


def uuid_of(number: int) -> str:
    return str(UUID(int=number * PRIME))


def escaped(number: int) -> str:
    return "".join(f"\\u{ord(digit):04x}" for digit in str(number * PRIME))


COLLIDING: dict[str, tuple[Any, str, Callable[[int], str]]] = {
    "integers": (set[int], "[{}]", lambda number: str(number * PRIME)),
    "negative integers": (frozenset[int], "[{}]", lambda number: str(-number * PRIME)),
    "anything": (set[Any], "[{}]", lambda number: str(number * PRIME)),
    "decimals": (set[Decimal], "[{}]", lambda number: f"{number * PRIME}.0"),
    "fractions": (set[Decimal], "[{}]", lambda number: f'"{number * PRIME}e-1"'),
    "decimals in texts": (set[Decimal], "[{}]", lambda number: f'"{number * PRIME}"'),
    "UUIDs": (set[UUID], "[{}]", lambda number: f'"{uuid_of(number)}"'),
    "UUIDs without hyphens": (set[UUID], "[{}]", lambda number: f'"{uuid_of(number).replace("-", "")}"'),
    "keys": (dict[int, int], "{{{}}}", lambda number: f'"{number * PRIME}":1'),
    "keys with escapes": (dict[int, int], "{{{}}}", lambda number: f'"{escaped(number)}":1'),
    "keys that are UUIDs": (dict[UUID, int], "{{{}}}", lambda number: f'"{uuid_of(number)}":1'),
    "a field": (Tagged, '{{"tags":[{}]}}', lambda number: str(number * PRIME)),
    "a field far inside": (Nested, '{{"inner":[{{"a":{{{}}}}}]}}', lambda number: f'"{uuid_of(number)}":""'),
}


@pytest.mark.parametrize("case", COLLIDING)
def test_values_that_share_a_hash_are_refused_before_they_are_compared(case: str) -> None:
    type_, around, value = COLLIDING[case]
    body = around.format(",".join(map(value, range(1, 30_000)))).encode()[: 10 * MILLION]
    began = process_time()
    refused = refusal_of(lambda: decode(type_, body))
    assert process_time() - began < SECONDS  # to compare 30,000 integers takes 6 s, and UUIDs 40 s
    assert isinstance(refused, UnprocessableContent)
    assert refused.errors[0].msg == f"More than {MOST_OF_ONE_HASH} different values have the same hash"


@pytest.mark.parametrize("part", ["params", "headers"])
def test_texts_of_a_field_that_share_a_hash_are_refused(part: str) -> None:
    values = [str(number * PRIME) for number in range(1, 30_000)]
    scope = http_scope(
        query="&".join(f"tags={value}" for value in values).encode(),
        headers=[(b"tags", value.encode()) for value in values],
    )
    began = process_time()
    refused = refusal_of(lambda: field_reader(part, Tagged)(scope, {}))
    assert process_time() - began < SECONDS
    assert isinstance(refused, MalformedRequest)


class Sets(Endpoint, path="/"):
    async def post(self, json: set[UUID]) -> int:
        return len(json)

    async def put(self, items: AsyncIterator[set[int]]) -> int:
        return sum([len(item) async for item in items])


def test_values_that_share_a_hash_are_refused_by_a_whole_application() -> None:
    with TestClient(Application(Sets())) as client:
        assert client.post("/", json=[uuid_of(number) for number in range(1, 2_000)]).status_code == 422
        line = json.dumps([number * PRIME for number in range(1, 2_000)]).encode()
        refused = client.put("/", content=b"[1]\n" + line, headers={"Content-Type": "application/x-ndjson"})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["loc"] == ["items", 2]


@settings(max_examples=40)
@given(seed=st.integers(), kind=st.sampled_from(["integers", "large integers", "floats", "UUIDs", "decimals", "same"]))
def test_honest_values_are_read(seed: int, kind: str) -> None:
    chance = random.Random(seed)
    made: dict[str, tuple[Any, Callable[[], Any]]] = {
        "integers": (set[int], lambda: chance.randint(-(2**63), 2**63)),
        "large integers": (set[int], lambda: chance.getrandbits(256)),
        "floats": (set[float], chance.random),
        "UUIDs": (set[UUID], lambda: str(UUID(int=chance.getrandbits(128)))),
        "decimals": (set[Decimal], lambda: f"{chance.random():.25f}"),
        "same": (set[int], lambda: PRIME),
    }
    type_, make = made[kind]
    values = [make() for _ in range(2_000)]
    body = json.dumps(values).encode()
    assert len(body) > HARMLESS_BYTES
    assert len(decode(type_, body)) == len(set(values))


def test_the_limit_counts_different_values_of_one_hash() -> None:
    same = [number * PRIME for number in range(1, MOST_OF_ONE_HASH + 1)]
    check_hashes({"a": [same, same, {"b": same}], str(same[0]): 1})
    with pytest.raises(SameHashError):
        check_hashes({"a": same, "b": [(MOST_OF_ONE_HASH + 1) * PRIME]})


class Pair(NamedTuple):
    left: int
    right: str


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (set[int], True),
        (dict[str, set[int | None]], True),
        (Nested, True),
        (set[Pair], True),
        (dict[str, int], False),
        (set[str], False),
        (list[UUID], False),
        (list[dict[str, Decimal]], False),
    ],
)
def test_only_types_that_hash_numbers_are_checked(type_: Any, *, expected: bool) -> None:
    assert hashes_numbers(type_) is expected


@pytest.mark.parametrize("rest", [b"garbage", b"[" * 100_000, b'"\xff"}'])
@pytest.mark.parametrize("key", [b"x - at `$.forged", b"x - at `$.a[0]"])
def test_an_unknown_field_before_what_is_not_json_is_refused(key: bytes, rest: bytes) -> None:
    refused = refusal_of(partial(decode, Strict, b'{"' + key + b'":1,"y":' + rest))
    assert isinstance(refused, UnprocessableContent)
    assert refused.errors[0].loc == ("json",)
