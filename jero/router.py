"""From a method and a path to a route: a table of static paths, then the templates."""

from typing import Generic, TypeAlias

from msgspec import Struct
from typing_extensions import TypeVar

from jero.http.path import PathTemplate, split_path

R = TypeVar("R")
_Segments: TypeAlias = tuple[str | None, ...]
_Entry: TypeAlias = tuple[PathTemplate, R]


class Found(Struct, Generic[R], frozen=True):
    """The route, and the values of its template's slots. That of a static path is the same for all requests."""

    route: R
    slots: dict[str, str]


class WrongMethod(Struct, frozen=True):
    """The path is there; these methods are."""

    allowed: tuple[str, ...]


class Router(Generic[R]):
    """Routes by path and method. Where several templates match, the one whose literals come first wins."""

    def __init__(self) -> None:
        self._static: dict[str, dict[str, Found[R]]] = {}
        self._templates: dict[int, dict[_Segments, dict[str, _Entry[R]]]] = {}

    def add(self, method: str, template: PathTemplate, route: R) -> R | None:
        """Adds a route; gives back the one that is there already, in whose place it is not put."""
        if template.slots:
            present = self._methods(template).setdefault(method, (template, route))[1]
        else:
            present = self._static.setdefault(template.text, {}).setdefault(method, Found(route, {})).route
        return None if present is route else present

    def find(self, method: str, path: str) -> Found[R] | WrongMethod | None:
        """The route of a request; the methods that there are, where it has the wrong one; `None` for no such path."""
        static = self._static.get(path, {})
        if method in static:
            return static[method]
        allowed = set(static)
        segments = split_path(path)
        for methods in self._templates.get(len(segments), {}).values():
            any_template = next(iter(methods.values()))[0]
            values = any_template.match(segments)
            if values is None:
                continue
            if method in methods:
                template, route = methods[method]
                return Found(route, dict(zip(template.slots, values, strict=True)))
            allowed.update(methods)
        return WrongMethod(tuple(sorted(allowed))) if allowed else None

    def _methods(self, template: PathTemplate) -> dict[str, _Entry[R]]:
        same_length = self._templates.setdefault(len(template.segments), {})
        methods = same_length.setdefault(template.segments, {})
        self._templates[len(template.segments)] = dict(sorted(same_length.items(), key=_specificity))
        return methods


def _specificity(entry: tuple[_Segments, object]) -> tuple[bool, ...]:
    return tuple(segment is None for segment in entry[0])
