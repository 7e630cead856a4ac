"""Writes the JSON Schemas of types with msgspec: each class once, under a name, in the document's components."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NoReturn, TypeAlias

import msgspec

from jero.annotations import name_of, wiring_error
from jero.errors import WiringError
from jero.http.upload import UploadFile
from jero.openapi.components import components_of
from jero.openapi.json_schema import PREFIX, Schema, renamed

# Generators of clients and forms read `format`. OpenAPI 3.1, section 4.8.14.3, and 3.2 name the media type.
_BINARY: Final[Schema] = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}

Request: TypeAlias = tuple[Any, Schema]
_Generated: TypeAlias = tuple[tuple[Schema, ...], dict[str, Schema]]


class Schemas:
    """The schemas of one document.

    The name of a class depends on the other classes of the document. So `of` returns an empty schema, and
    `components` fills all of them at once.
    """

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._callbacks: list[Callable[[], None]] = []

    def of(self, annotation: Any, when_filled: Callable[[Schema], None] | None = None) -> Schema:
        """Returns the schema of a type, still empty. `when_filled` is called with the schema once it is filled."""
        schema: Schema = {}
        self._requests.append((annotation, schema))
        if when_filled is not None:
            self._callbacks.append(lambda: when_filled(schema))
        return schema

    def components(self) -> dict[str, Schema]:
        """Fills the requested schemas. Returns the schemas of the classes that they refer to, by name.

        Raises `WiringError` if msgspec cannot write the schema of a type, or if one type contains two classes that
        have the same module and name.
        """
        groups = _groups(self._requests)
        components, names = components_of([named for _, (_, named) in groups])
        for (group, (contents, _)), new in zip(groups, names, strict=True):
            for (_, schema), content in zip(group, contents, strict=True):
                schema.update(renamed(content, new))
        for callback in self._callbacks:
            callback()
        return components


def _groups(requests: list[Request]) -> list[tuple[list[Request], _Generated]]:
    """Returns the requests with their schemas, in groups that msgspec can name each class of: nearly always one."""
    generated = _generate(requests)
    if generated is not None:
        return [(requests, generated)]
    groups: list[list[Request]] = []
    for request in requests:
        group = next((group for group in groups if _generate([*group, request]) is not None), None)
        if group is None:
            groups.append([request])
        else:
            group.append(request)
    return [(group, _generate(group) or _refuse(group)) for group in groups]


def _generate(requests: Sequence[Request]) -> _Generated | None:
    """Returns the schemas of the types and of their classes, or `None` if two classes would share a name.

    msgspec adds the module to the names of two classes that have the same name. The names still collide if both
    classes have the same module, or if a generic class takes each of them (`Page[shop.Item]`, `Page[stock.Item]`).
    """
    annotations = [annotation for annotation, _ in requests]
    try:
        return _schemas_of(annotations)
    except KeyError:
        return None
    except TypeError as error:
        raise _unwritable(annotations, error) from error


def _schemas_of(annotations: Sequence[Any]) -> _Generated:
    return msgspec.json.schema_components(annotations, schema_hook=_custom, ref_template=PREFIX + "{name}")


def _unwritable(annotations: Sequence[Any], error: TypeError) -> WiringError:
    """Returns an error that names the type: a field of it has a default that msgspec alone cannot encode."""
    name = next((name_of(annotation) for annotation in annotations if not _is_writable(annotation)), "a type")
    return wiring_error(
        "OpenAPI",
        f"the schema of {name} cannot be written: {error}",
        "If a field has such a default, set default_factory instead, which a schema does not show",
    )


def _is_writable(annotation: Any) -> bool:
    with suppress(KeyError):
        try:
            _schemas_of([annotation])
        except TypeError:
            return False
    return True


def _refuse(group: Sequence[Request]) -> NoReturn:
    raise WiringError(
        f"OpenAPI: {group[0][0]!r} contains two classes of one name, which a document cannot tell apart. Rename one."
    )


def _custom(type_: type) -> Schema:
    """Returns the schema of a class that only the encoder's hook can encode: its name. That of a file is binary."""
    return dict(_BINARY) if type_ is UploadFile else {"title": type_.__name__}
