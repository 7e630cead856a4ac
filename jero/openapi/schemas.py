"""JSON Schemas of types, by msgspec: each class once, under a name, in the document's components."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NoReturn, TypeAlias, cast

import msgspec

from jero.errors import WiringError

Schema: TypeAlias = dict[str, Any]
Asked: TypeAlias = tuple[Any, Schema]
_Generated: TypeAlias = tuple[tuple[Schema, ...], dict[str, Schema]]

REFERENCE: Final = "#/components/schemas/{name}"


class Schemas:
    """The schemas of one document. `of` gives a schema that is empty until `components` has filled all at once, since
    the name of a class depends on which others there are.
    """

    def __init__(self) -> None:
        self._asked: list[Asked] = []
        self._afterwards: list[Callable[[], None]] = []

    def of(self, annotation: Any, then: Callable[[Schema], None] | None = None) -> Schema:
        """The schema of a type, to be put in its place in the document; `then` is called with it when it is filled."""
        schema: Schema = {}
        self._asked.append((annotation, schema))
        if then is not None:
            self._afterwards.append(lambda: then(schema))
        return schema

    def components(self) -> dict[str, Schema]:
        """Fills the schemas that were asked for, and gives those that they refer to, by name.

        Raises `WiringError` for a type that holds two classes which no name tells apart, and for one that msgspec can
        write no schema of.
        """
        components: dict[str, Schema] = {}
        for group, (schemas, named) in _groups(self._asked):
            names = _new_names(named, components)
            components.update({names[name]: _referring(schema, names) for name, schema in named.items()})
            for (_, schema), filling in zip(group, schemas, strict=True):
                schema.update(_referring(filling, names))
        for afterwards in self._afterwards:
            afterwards()
        for schema in components.values():
            if "description" in schema:
                schema["description"] = inspect.cleandoc(schema["description"])
        return dict(sorted(components.items()))


def _groups(asked: list[Asked]) -> list[tuple[list[Asked], _Generated]]:
    """The types with their schemas, in as few groups as have a name for each of their classes: nearly always one."""
    generated = _generate(asked)
    if generated is not None:
        return [(asked, generated)]
    groups: list[list[Asked]] = []
    for one in asked:
        group = next((group for group in groups if _generate([*group, one]) is not None), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return [(group, _generate(group) or _refuse(group)) for group in groups]


def _generate(asked: Sequence[Asked]) -> _Generated | None:
    """`None` where two classes would have one name.

    msgspec tells classes of one name apart by their modules. Two that share both, and two parametrizations by classes
    of one name (`Page[shop.Item]` and `Page[stock.Item]`), it cannot.
    """
    annotations = [annotation for annotation, _ in asked]
    try:
        return msgspec.json.schema_components(annotations, schema_hook=_foreign, ref_template=REFERENCE)
    except KeyError:
        return None
    except TypeError as error:  # a default that only the encoder's hook knows, for one
        raise WiringError(f"OpenAPI: the schema of a type cannot be written: {error}") from error


def _refuse(group: Sequence[Asked]) -> NoReturn:
    raise WiringError(
        f"OpenAPI: {group[0][0]!r} holds two classes of one name, which a document cannot tell apart. Rename one."
    )


def _foreign(type_: type) -> Schema:
    """What can be said of a class that only the encoder's hook knows."""
    return {"title": type_.__name__}


def _new_names(named: dict[str, Schema], taken: dict[str, Schema]) -> dict[str, str]:
    """The name of each schema beside those that are there: its own, where it is free or has the same schema."""
    differing = {name for name, schema in named.items() if taken.get(name, schema) != schema}
    while True:
        more = {name for name in named.keys() - differing if not differing.isdisjoint(_references(named[name]))}
        if not more:
            break
        differing |= more
    return {name: _free_name(name, taken) if name in differing else name for name in named}


def _free_name(name: str, taken: dict[str, Schema]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _references(node: Any) -> Iterator[str]:
    """The names that a schema refers to."""
    if isinstance(node, list | tuple):
        for one in cast("Sequence[Any]", node):
            yield from _references(one)
    elif isinstance(node, dict):
        yield from _references(list(cast("Schema", node).values()))
    elif isinstance(node, str) and node.startswith(_PREFIX):
        yield node.removeprefix(_PREFIX)


def _referring(node: Any, names: dict[str, str]) -> Any:
    """The schema with its references under their new names."""
    if isinstance(node, list | tuple):
        return [_referring(one, names) for one in cast("Sequence[Any]", node)]
    if isinstance(node, dict):
        return {str(key): _referring(value, names) for key, value in cast("Schema", node).items()}
    if isinstance(node, str) and node.startswith(_PREFIX):
        name = node.removeprefix(_PREFIX)
        return REFERENCE.format(name=names.get(name, name))
    return node


_PREFIX: Final = REFERENCE.format(name="")
