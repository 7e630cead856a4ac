"""Values that a client chooses to do harm: they are refused as the client's fault, in linear time."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from functools import partial
from time import process_time
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from jero import Conflict, Endpoint, HTTPError, NotFound
from jero.binding.fields import field_reader
from jero.errors import MalformedRequest, UnprocessableContent
from jero.testing import TestClient
from tests.application import Application, http_scope, read_at_once

JSON_HEADERS = [(b"content-type", b"application/json")]
BACKTRACKING = " - at `$ "
FORGED = "x - at `$.forged`"


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Checked(Struct):
    """Quotes what the client sent."""

    name: str

    def __post_init__(self) -> None:
        if self.name != "good":
            raise ValueError(f"{self.name} is not good")


class Strict(Struct, forbid_unknown_fields=True):
    forged: int = 0
    inner: "Strict | None" = None


class Raising(Struct):
    """Raises a class of error by its name."""

    error: str

    def __post_init__(self) -> None:
        raise {"key": KeyError("k"), "attribute": AttributeError("a"), "conflict": Conflict("taken")}[self.error]


class Cat(Struct, tag=True):
    lives: int = 9


class Dog(Struct, tag=True):
    tricks: set[Any] = set()


TYPES = [
    Any,
    int,
    float,
    str,
    bytes,
    bool,
    Decimal,
    datetime,
    date,
    time,
    timedelta,
    UUID,
    Colour,
    Level,
    Literal["a", 1],
    set[Any],
    frozenset[Any],
    set[list[int]] | None,
    dict[str, Any],
    dict[int, float],
    dict[datetime, int],
    tuple[int, str],
    list[datetime],
    Annotated[int, Meta(ge=0, le=10)],
    Annotated[str, Meta(pattern="^a+$")],
    Checked,
    Strict,
    Cat | Dog,
    list[Cat | Dog],
]

EXTREME: list[Any] = [
    253402300800,
    -62135596801,
    10**30,
    -(10**400),
    1e308,
    -1e308,
    "253402300800",
    "nan",
    "inf",
    "1e999",
    "P999999999999D",
    "9999-12-31T23:59:59.999999-23:59",
    "0001-01-01T00:00:00+23:59",
    [[1]],
    [{}],
    {"a": [{}]},
    {"253402300800": 1},
    FORGED,
]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(EXTREME))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


def decode(type_: Any, body: bytes) -> Any:
    return read_at_once("json", type_, JSON_HEADERS, body)


def refusal_of(call: Callable[[], Any]) -> HTTPError | None:
    """Returns the refusal of a value, or `None` if it is read. Raises any exception that is not one."""
    try:
        call()
    except (MalformedRequest, UnprocessableContent, NotFound) as refused:
        return refused
    return None


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=400)
@given(type_=st.sampled_from(TYPES), value=VALUES)
def test_any_json_is_read_or_refused(type_: Any, value: Any) -> None:
    refusal_of(lambda: decode(type_, json.dumps(value).encode()))


@settings(max_examples=300)
@given(type_=st.sampled_from(TYPES), body=st.binary(max_size=40))
def test_any_body_is_read_or_refused(type_: Any, body: bytes) -> None:
    refusal_of(lambda: decode(type_, body))


class Fields(Struct, kw_only=True):
    """A field for each type that the text of a request can fill."""

    moment: datetime | None = None
    day: date | None = None
    clock: time | None = None
    span: timedelta | None = None
    whole: int | None = None
    ratio: float | None = None
    exact: Decimal | None = None
    uuid: UUID | None = None
    colour: Colour | None = None
    level: Level | None = None
    raw: bytes | None = None
    many: set[datetime] = set()


TEXTS = st.one_of(st.text(max_size=12), st.sampled_from([str(value) for value in EXTREME]), st.integers().map(str))


@settings(max_examples=400)
@given(
    name=st.sampled_from(Fields.__struct_fields__), text=TEXTS, part=st.sampled_from(["params", "headers", "cookies"])
)
def test_any_text_of_a_field_is_read_or_refused(name: str, text: str, part: str) -> None:
    encoded = quote(text).encode()
    scope = http_scope(
        query=name.encode() + b"=" + encoded,
        headers=[(name.encode(), text.encode("latin-1", "replace")), (b"cookie", name.encode() + b"=" + encoded)],
    )
    refusal_of(lambda: field_reader(part, Fields)(scope, {}))


@settings(max_examples=200)
@given(name=st.sampled_from(Fields.__struct_fields__[:-1]), text=TEXTS)
def test_any_slot_is_read_or_not_found(name: str, text: str) -> None:
    refused = refusal_of(lambda: field_reader("path", Fields)(http_scope(), {name: text}))
    assert refused is None or refused.status == 404


class Uploads(Endpoint, path="/"):
    """Reads bodies of a type that decoders cannot always make."""

    async def post(self, json: set[Any]) -> int:
        return len(json)

    async def put(self, items: AsyncIterator[set[Any]]) -> int:
        return sum([len(item) async for item in items])

    async def patch(self, json: Raising) -> str:
        return json.error

    async def get(self, params: Fields) -> str:
        return str(params.moment)


def test_values_that_a_decoder_cannot_make_are_refused_by_a_whole_application(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with TestClient(Application(Uploads())) as client:
        assert client.get("/?moment=253402300800").status_code == 400
        assert client.post("/", json=[[1]]).status_code == 422
        lines = client.put("/", content=b"[1]\n[[1]]\n", headers={"Content-Type": "application/x-ndjson"})
        assert lines.status_code == 422
        assert lines.json()["errors"][0]["loc"] == ["items", 2]
        assert not caplog.records
        assert client.patch("/", json={"error": "key"}).status_code == 422
        assert client.patch("/", json={"error": "attribute"}).status_code == 422
        assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
        assert client.patch("/", json={"error": "conflict"}).json()["detail"] == "taken"


@pytest.mark.parametrize(
    ("type_", "value", "loc"),
    [
        (Checked, {"name": FORGED}, ()),
        (list[Checked], [{"name": "good"}, {"name": FORGED}], (1,)),
        (Colour, FORGED, ()),
        (dict[str, Colour], {"a": FORGED}, ("...",)),
        (Strict, {FORGED[:-1]: 1}, ()),
        (Strict, {"x` - at `$.forged": 1}, ()),
        (Strict, {"inner": {"x` - at `$.forged": 1}}, ("inner",)),
        (Strict, {"inner": {"x": 1}}, ("inner",)),
        (dict[int, int], {FORGED: 1}, ()),
    ],
)
def test_the_path_of_a_fault_is_not_read_from_what_the_client_wrote(
    type_: Any, value: Any, loc: tuple[str | int, ...]
) -> None:
    with pytest.raises(UnprocessableContent) as refused:
        decode(type_, json.dumps(value).encode())
    assert refused.value.errors[0].loc == ("json", *loc)


@given(text=st.text(alphabet="`$.ab -at[0]'\"", max_size=30).map(lambda text: text.replace("at", " - at `$")))
def test_no_text_of_a_client_moves_the_path_of_a_fault(text: str) -> None:
    for type_, value, loc in [
        (list[Checked], [{"name": text}], (0,)),
        (list[Colour], [text], (0,)),
        (Strict, {"inner": {text: 1}}, ("inner",)),
        (Strict, {text: 1}, ()),
    ]:
        refused = refusal_of(partial(decode, type_, json.dumps(value).encode()))
        assert refused is not None
        assert refused.errors[0].loc == ("json", *loc)


@pytest.mark.parametrize("type_", [Checked, Colour, list[Checked], Strict])
def test_a_fault_that_quotes_a_long_text_costs_linear_time(type_: Any) -> None:
    text = BACKTRACKING * (64_000 // len(BACKTRACKING))
    values = {Checked: {"name": text}, Colour: text, Strict: {text: 1}}
    body = json.dumps(values.get(type_, [{"name": text}])).encode()
    began = process_time()
    assert refusal_of(lambda: decode(type_, body)) is not None
    assert process_time() - began < 1.0  # quadratic time is over 7 s
