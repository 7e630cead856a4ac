"""The names and the schemas of components are such that generators of clients read them."""

import re
from copy import deepcopy
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from jero.openapi.components import components_of
from jero.openapi.json_schema import PREFIX, Schema
from jero.openapi.schemas import Schemas
from tests.openapi import film_loans

T = TypeVar("T")
U = TypeVar("U")


class Film(Struct):
    title: str
    sequel: "Film | None" = None


class Page(Struct, Generic[T]):
    items: list[T]


class Pair(Struct, Generic[T, U]):
    first: T
    second: U


class Screen(Struct):
    class Address(Struct):
        number: int

    address: Address


class Point(NamedTuple):
    x: int
    y: int = 0


def components(*annotations: Any) -> dict[str, Schema]:
    schemas = Schemas()
    for annotation in annotations:
        schemas.of(annotation)
    return schemas.components()


def named(name: str, module: str, field: str) -> Any:
    return msgspec.defstruct(name, [(field, int)], module=module)


@pytest.mark.parametrize(
    ("annotation", "name", "title"),
    [
        (Page[Film], "Page_Film", "Page[Film]"),
        (Page[Page[Film]], "Page_Page_Film", "Page[Page[Film]]"),
        (Page[list[Film]], "Page_list_Film", "Page[list[Film]]"),
        (Page[int | None], "Page_int_None", "Page[int | None]"),
        (Pair[int, dict[str, Film]], "Pair_int_dict_str_Film", "Pair[int, dict[str, Film]]"),
        (Screen.Address, "Address", "Address"),
        (named("Café", "films", "x"), "Caf_", "Café"),
    ],
)
def test_the_name_has_the_words_of_the_title(annotation: Any, name: str, title: str) -> None:
    assert components(annotation)[name]["title"] == title


@pytest.mark.parametrize(
    ("annotations", "names"),
    [
        ((Film, film_loans.Film), {"test_components_Film", "film_loans_Film"}),
        ((Screen.Address, film_loans.Reader.Address), {"test_components_Screen_Address", "film_loans_Reader_Address"}),
        ((Page[Film], Page[film_loans.Film]), {"Page_Film", "Page_Film_2", "Film", "Film_2"}),
        ((named("Item", "shop", "a"), named("Item", "shop", "b")), {"Item", "Item_2"}),
        ((named("PageFilm", "shop", "a"), Page[Film]), {"PageFilm", "Page_Film_2", "Film"}),
        ((named("item", "shop", "a"), named("Item", "shop", "b")), {"item", "Item_2"}),
    ],
)
def test_classes_of_one_name_are_distinguished(annotations: tuple[Any, ...], names: set[str]) -> None:
    written = components(*annotations)
    assert written.keys() == names
    # Generators use the title for the name of a class.
    assert len({schema["title"].lower() for schema in written.values()}) == len(names)


def test_a_class_is_one_component_also_if_msgspec_names_it_twice() -> None:
    written = components(Page[Film], Page[film_loans.Film], film_loans.Film, Film)
    fields = [frozenset(schema["properties"]) for schema in written.values()]
    assert sorted(map(sorted, fields)) == [["barcode", "due"], ["items"], ["items"], ["sequel", "title"]]


def test_classes_that_are_equal_in_all_are_one_component() -> None:
    assert components(named("Item", "shop", "a"), named("Item", "stock", "a")).keys() == {"Item"}


WORDS = st.text(st.sampled_from("abAB_é"), min_size=1, max_size=3)
TITLES = WORDS | st.builds("{}[{}.{}]".format, WORDS, WORDS, WORDS)
NAMES = st.lists(WORDS, min_size=1, max_size=3).map(".".join)
GROUPS = st.lists(st.dictionaries(NAMES, TITLES, min_size=1, max_size=6), min_size=1, max_size=3)


@given(GROUPS)
def test_names_are_words_that_no_case_or_underscore_distinguishes(groups: list[dict[str, str]]) -> None:
    generated = [{name: {"title": title, "enum": [name]} for name, title in group.items()} for group in groups]
    written, names = components_of(generated)
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", name) for name in written)
    assert len({re.sub("[^a-z0-9]", "", name.lower()) for name in written}) == len(written)
    for group, new in zip(generated, names, strict=True):
        assert all(written[new[name]]["enum"] == schema["enum"] for name, schema in group.items())


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (tuple[int, str], {"prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2}),
        (tuple[int, ...], {"items": {"type": "integer"}}),
        (tuple[()], {"items": {}, "minItems": 0, "maxItems": 0}),
        (list[Any], {"items": {}}),
        (list, {"items": {}}),
    ],
    ids=str,
)
def test_an_array_has_the_schemas_of_its_elements_and_no_false(annotation: Any, schema: Schema) -> None:
    schemas = Schemas()
    written = schemas.of(annotation)
    schemas.components()
    assert written == {"type": "array", **schema}


def test_a_tuple_with_optional_elements_ends_where_it_ended() -> None:
    point = components(Point)["Point"]
    assert (point["minItems"], point["maxItems"], "items" in point) == (1, 2, False)


def test_values_that_look_like_schemas_stay_as_they_are() -> None:
    value = {"type": "array", "$ref": f"{PREFIX}Film", "enum": [1]}
    own: Schema = {"examples": [value], "prefixItems": [{"type": "array"}]}
    before = deepcopy(own)
    schemas = Schemas()
    written = schemas.of(Annotated[Any, Meta(extra_json_schema=own)])
    schemas.of(Pair[Film, film_loans.Film])  # gives Film another name
    schemas.components()
    assert written == {"examples": [value], "prefixItems": [{"type": "array", "items": {}}]}
    assert own == before
