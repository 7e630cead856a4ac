"""Types whose values are text, texts that look like something else, and types that mix text with JSON."""

from enum import StrEnum
from typing import Annotated, Any, Literal, NewType

from hypothesis import strategies as st
from msgspec import Meta, Struct
from typing_extensions import TypeAliasType

LOOK_LIKE_JSON = ["1", "null", "[1]", '"a"', "true", "", " ", "a\nb", "{}", "\ufeff", "data: 1", "é\u2028"]
TEXTS = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])) | st.sampled_from(LOOK_LIKE_JSON)


class Word(str):
    __slots__ = ()


class Film(Struct):
    title: str


class Genre(StrEnum):
    DRAMA = "drama"


Slug = NewType("Slug", str)
Name = NewType("Name", Word)
Alias = TypeAliasType("Alias", str)
Mixed = TypeAliasType("Mixed", str | None)

# By name: the type, the class of what is read, and what is sent.
TYPES: dict[str, tuple[Any, Any, st.SearchStrategy[str]]] = {
    "str": (str, str, TEXTS),
    "NewType": (Slug, str, TEXTS),
    "alias": (Alias, str, TEXTS),
    "Annotated": (Annotated[str, Meta(max_length=3)], str, TEXTS.filter(lambda text: len(text) <= 3)),
    "alias in Annotated": (Annotated[Alias, Meta(description="a name")], str, TEXTS),
    "Literal": (Literal["1", "null", "[1]"], str, st.sampled_from(["1", "null", "[1]"])),
    "Literals": (Literal["1"] | Literal["null"], str, st.sampled_from(["1", "null"])),  # noqa: PYI030 - a union of two
    "subclass": (Word, Word, TEXTS.map(Word)),
    "NewType of a subclass": (Name, Word, TEXTS.map(Word)),
    "StrEnum": (Genre, Genre, st.just(Genre.DRAMA)),
    "StrEnum or null": (Genre | None, Genre, st.just(Genre.DRAMA)),
}
MIXED: list[Any] = [
    str | None,
    Mixed,
    str | int,
    str | Film,
    Literal["a", 1],
    Literal["a"] | None,
    Word | None,
    Any | str,
]
