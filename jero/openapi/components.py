"""Names the components of a document: each class once, by a name that generators of clients can use."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from inspect import cleandoc
from itertools import count
from typing import Final, TypeAlias

from jero.openapi.json_schema import Schema, references, renamed

Key: TypeAlias = tuple[int, str]  # the number of a group, and a name that msgspec gave in it

_MODULES: Final = re.compile(r"(?:[\w<>]+\.)+")
_BETWEEN_WORDS: Final = re.compile(r"[^A-Za-z0-9_]+")
_NOT_COMPARED: Final = re.compile(r"[^a-z0-9]")


def components_of(groups: Sequence[Mapping[str, Schema]]) -> tuple[dict[str, Schema], list[dict[str, str]]]:
    """Returns the components of a document, and for each group the name in the document of each of its names.

    `groups`: the schemas that msgspec wrote, by the names that it gave. One name may mean different classes in two
    groups, and one class may have different names.
    """
    generated = {(number, name): schema for number, group in enumerate(groups) for name, schema in group.items()}
    classes: defaultdict[int, list[Key]] = defaultdict(list)
    for key, number in _classes(generated).items():
        classes[number].append(key)
    chosen = _choose_names(list(classes.values()), generated)
    names = [{name: chosen[number, name] for name in group} for number, group in enumerate(groups)]
    components = {
        chosen[first]: _titled(renamed(generated[first], names[first[0]]), chosen[first])
        for first, *_ in classes.values()
    }
    return dict(sorted(components.items())), names


def _classes(generated: Mapping[Key, Schema]) -> dict[Key, int]:
    """Returns a number for each schema. Two have the same number if they, and all that they refer to, are equal.

    All schemas of one title begin as equal. Those that differ are parted until no more differ (partition refinement),
    so that classes that refer to themselves are compared too.
    """
    numbers: dict[Key, int] = {}
    count_before = -1
    while len(set(numbers.values())) != count_before:
        count_before = len(set(numbers.values()))
        known: dict[str, int] = {}
        numbers = {
            (group, name): known.setdefault(
                repr(renamed(schema, {other: str(numbers.get((group, other))) for other in references(schema)})),
                len(known),
            )
            for (group, name), schema in generated.items()
        }
    return numbers


def numbered(name: str) -> Iterator[str]:
    """Yields `name`, then `name_2`, `name_3` and so on."""
    yield name
    yield from (f"{name}_{number}" for number in count(2))


def _choose_names(classes: Sequence[Sequence[Key]], generated: Mapping[Key, Schema]) -> dict[Key, str]:
    """Returns a name for each schema, the same for those of one class.

    A name consists of letters, digits and underscores. No two names differ in case and underscores alone: generators
    make classes and files of them.
    """
    by_title: defaultdict[str, list[Sequence[Key]]] = defaultdict(list)
    for keys in classes:
        by_title[generated[keys[0]]["title"]].append(keys)
    names: dict[Key, str] = {}
    taken: set[str] = set()
    for title, namesakes in by_title.items():
        for keys, plain in zip(namesakes, _plain_names(title, namesakes), strict=True):
            name = next(new for new in numbered(plain) if _compared(new) not in taken)
            taken.add(_compared(name))
            names.update(dict.fromkeys(keys, name))
    return names


def _plain_names(title: str, namesakes: Sequence[Sequence[Key]]) -> Iterator[str]:
    """Yields `Page_Film` for `Page[films.Film]`. If two classes have one name, their modules distinguish them.

    msgspec adds the module to the name, and not to the title, of two classes that have the same name.
    """
    paths = [next((name for _, name in keys if "." in name), title).split(".") for keys in namesakes]
    if len(namesakes) > 1 and "[" not in title:
        differ = (len(set(steps)) > 1 for steps in zip(*paths, strict=False))
        first = next((place for place, is_different in enumerate(differ) if is_different), -1)
        yield from (_words("_".join(path[first:])) for path in paths)
    else:
        yield from (_words(_MODULES.sub("", title).rstrip("]")) for _ in namesakes)


def _words(text: str) -> str:
    return _BETWEEN_WORDS.sub("_", text)


def _compared(name: str) -> str:
    return _NOT_COMPARED.sub("", name.lower())


def _titled(component: Schema, name: str) -> Schema:
    """Completes a component: its title, and its description without indentation.

    The title is the name of the class. If another component has that title, it is the name of the component, since
    generators use the title for the name of a class.
    """
    title = _MODULES.sub("", component["title"])
    component["title"] = title if _compared(title) == _compared(name) else name
    if "description" in component:
        component["description"] = cleandoc(component["description"])
    return component
