"""Sent values fit the schemas of the document, which has each class once, under its own name."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta, Raw, Struct
from openapi_schema_validator import OAS32Validator, oas32_format_checker

from jero import WiringError
from jero.openapi.json_schema import Schema
from jero.openapi.schemas import Schemas

T = TypeVar("T")


class Genre(Enum):
    NOIR = "noir"


class Stars(IntEnum):
    ONE = 1


class Actor(TypedDict):
    name: str


@dataclass
class Scene:
    seconds: float = 1.0


class Cut(NamedTuple):
    frame: int
    note: str | None = None


class Reel(Struct, tag="reel", rename="camel"):
    metres_long: Annotated[int, Meta(ge=1)]


class Tape(Struct, tag="tape"):
    minutes: int


class Film(Struct):
    """A film.

    Of the archive.
    """

    title: Annotated[str, Meta(min_length=1, pattern="^[A-Z]", description="Its name.")]
    copies: list[Reel | Tape] = []
    sequel: "Film | None" = None


class Page(Struct, Generic[T]):
    items: list[T]


def module_of(name: str) -> Any:
    """Returns a class `Item` of its own module."""
    return msgspec.defstruct("Item", [(name, int)], module=f"films.{name}")


def unnamed(name: str) -> Any:
    """Returns a class `Item` that differs from others in its fields alone."""
    return msgspec.defstruct("Item", [(name, int)], module="films")


def page_of_modules(name: str) -> Any:
    return page_of(module_of(name))


def page_of_unnamed(name: str) -> Any:
    return page_of(unnamed(name))


def page_of(item: Any) -> Any:
    return Page[item]


class Odd:
    pass


def schema_of(annotation: Any) -> Schema:
    """Returns the schema and the components that it refers to, as one document."""
    schemas = Schemas()
    schema = schemas.of(annotation)
    components = schemas.components()
    return {**schema, "components": {"schemas": components}}


def is_valid(schema: Schema, value: Any) -> bool:
    return bool(OAS32Validator(schema, format_checker=oas32_format_checker).is_valid(value))


VALUES: list[tuple[Any, Any]] = [
    (int, 1),
    (float, 1.5),
    (bool, True),
    (str, "x"),
    (bytes, b"\x00\xff"),
    (None, None),
    (int | None, None),
    (Literal["a", 1], 1),
    (Genre, Genre.NOIR),
    (Stars, Stars.ONE),
    (Decimal, Decimal("1.50")),
    (UUID, UUID(int=7)),
    (date, date(2026, 1, 2)),
    (datetime, datetime(2026, 1, 2, 3, 4, 5)),  # noqa: DTZ001 - a naive one is a case of its own
    (Annotated[datetime, Meta(tz=True)], datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (time, time(3, 4, 5, tzinfo=UTC)),
    (timedelta, timedelta(seconds=90)),
    (list[int], [1, 2]),
    (set[int], {1}),
    (tuple[int, str], (1, "x")),
    (tuple[int, ...], (1, 2)),
    (dict[str, list[int]], {"a": [1]}),
    (Actor, {"name": "x"}),
    (Scene, Scene()),
    (Cut, Cut(1)),
    (Film, Film("M", [Reel(1), Tape(2)], Film("N"))),
    (Page[Film], Page([Film("M")])),
    (Reel | Tape, Tape(3)),
    (Any, {"what": ["ever"]}),
]


@pytest.mark.parametrize(("annotation", "value"), VALUES, ids=str)
def test_a_sent_value_fits_its_schema(annotation: Any, value: Any) -> None:
    sent = msgspec.json.decode(msgspec.json.encode(value))
    assert is_valid(schema_of(annotation), sent)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "1"),
        (Annotated[int, Meta(ge=1, lt=5)], 5),
        (Annotated[str, Meta(max_length=2)], "abc"),
        (Annotated[datetime, Meta(tz=True)], "yesterday"),
        (UUID, "7"),
        (Genre, "comedy"),
        (Film, {}),
        (Film, {"title": ""}),
        (Film, {"title": "M", "copies": [{"type": "reel", "metresLong": 0}]}),
        (Film, {"title": "M", "copies": [{"type": "disc"}]}),
        (Film, {"title": "M", "sequel": {"title": 1}}),
        (Page[int], {"items": ["x"]}),
    ],
)
def test_a_wrong_value_does_not_fit_the_schema(annotation: Any, value: Any) -> None:
    assert not is_valid(schema_of(annotation), value)


def test_a_class_is_a_component_that_schemas_refer_to() -> None:
    schemas = Schemas()
    one, many = schemas.of(Film), schemas.of(list[Film])
    components = schemas.components()
    reference = {"$ref": "#/components/schemas/Film"}
    assert (one, many) == (reference, {"type": "array", "items": reference})
    assert list(components) == ["Film", "Reel", "Tape"]
    assert components["Film"]["properties"]["sequel"]["anyOf"][0] == reference


def test_descriptions_of_a_class_and_of_a_field_are_in_its_schema() -> None:
    film = schema_of(Film)["components"]["schemas"]["Film"]
    assert film["description"] == "A film.\n\nOf the archive."
    assert film["properties"]["title"]["description"] == "Its name."
    assert film["properties"]["copies"]["default"] == []


def test_the_callback_receives_the_schema_once_it_is_filled() -> None:
    schemas = Schemas()
    seen: list[Schema] = []
    schema = schemas.of(int, lambda filled: seen.append(dict(filled)))
    assert (schema, seen) == ({}, [])
    schemas.components()
    assert (schema, seen) == ({"type": "integer"}, [{"type": "integer"}])


@pytest.mark.parametrize(
    "make", [module_of, unnamed, page_of_modules, page_of_unnamed], ids=lambda make: str(make.__name__)
)
def test_two_classes_of_one_name_are_two_components(make: Callable[[str], Any]) -> None:
    schemas = Schemas()
    first, film, second, films = (
        schemas.of(annotation) for annotation in (make("first"), Film, make("second"), list[Film])
    )
    components = {"schemas": schemas.components()}
    values: list[Any] = [{"first": 1}, {"second": 1}]
    if "Page" in first["$ref"]:
        values = [{"items": [value]} for value in values]
    for schema, fitting, other in ((first, *values), (second, *reversed(values))):
        assert is_valid({**schema, "components": components}, fitting)
        assert not is_valid({**schema, "components": components}, other)
    assert sum(name.startswith("Film") for name in components["schemas"]) == 1
    assert films == {"type": "array", "items": film}


def test_three_classes_of_one_name_are_numbered() -> None:
    schemas = Schemas()
    asked = [schemas.of(unnamed(name)) for name in ("first", "second", "third", "first")]
    assert sorted(schemas.components()) == ["Item", "Item_2", "Item_3"]
    assert asked[0] == asked[3]


def test_one_type_with_two_classes_of_one_name_is_refused() -> None:
    schemas = Schemas()
    items: Any = (unnamed("first"), unnamed("second"))
    schemas.of(tuple[items])
    with pytest.raises(WiringError, match=r"^OpenAPI: tuple\[.*\] contains two classes of one name.*Rename one\.$"):
        schemas.components()


def test_a_class_that_only_a_hook_encodes_has_its_name_as_title() -> None:
    assert schema_of(list[Odd])["items"] == {"title": "Odd"}


@pytest.mark.parametrize("default", [Odd(), Raw(b"{}")], ids=["a hook's", "raw"])
def test_a_default_that_cannot_be_written_is_refused(default: Any) -> None:
    schemas = Schemas()
    for annotation in (int, list[Stars], msgspec.defstruct("Holder", [("odd", Any, default)])):
        schemas.of(annotation)
    found = rf"^OpenAPI: the schema of Holder cannot be written: .*{type(default).__name__}.*default_factory"
    with pytest.raises(WiringError, match=found):
        schemas.components()


def test_a_raw_field_with_a_default_factory_may_have_any_value() -> None:
    holder = msgspec.defstruct("Holder", [("raw", Raw, msgspec.field(default_factory=lambda: Raw(b"{}")))])
    assert schema_of(holder)["components"]["schemas"]["Holder"]["properties"] == {"raw": {}}


def test_text_that_looks_like_a_reference_is_unchanged() -> None:
    text = "#/components/schemas/Nobody"
    assert schema_of(Annotated[str, Meta(description=text)])["description"] == text
