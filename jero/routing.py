"""Routes requests: from the path that an endpoint declares to the route that answers a request.

A declared path is read once into a `PathTemplate`: segments between slashes, each a literal or a slot. The router keeps
paths without slots in a table and all others in trees. Most requests are answered by one look-up in the table.

How the trees are searched
--------------------------

Templates with the same number of segments share a tree, and each level of a tree is a segment. A node has one child for
each literal, and at most one child for slots: the name of a slot makes no difference. The last node of a template has
its methods.

Several templates may match one path, as `/movies/{id}` and `/{kind}/latest` match `/movies/latest`. The first segment
in which they differ decides: the literal comes before the slot. So the search goes down by literals first, and notes
each slot that it passes. If it finds no match, it goes back to the slot that it passed last. It also goes back if the
match lacks the method of the request: a template that only has POST does not hide another template that has GET. If no
match has the method, the search has visited all matches and knows their methods.

What a request can cost
-----------------------

A path may match both a literal and a slot in each of k segments. Then up to 2**k nodes match, and a client can choose
such a path. But the declared templates bound the search. Each node has one parent, so it is visited at most once. Each
slot that is passed is a fork of the tree, and a tree has fewer forks than templates. So the search goes back less often
than there are templates of that length, and each way down has at most that length. No path costs more than comparing it
with each template of its length. If no template has its length, the path costs one look-up.

Most paths match one or two nodes in each level. Then the number of templates makes no difference.
"""

import re
from collections.abc import Sequence
from typing import Final, Generic, TypeAlias, TypeVar

from msgspec import Struct

R = TypeVar("R")

_SLOT: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
# Slots as other frameworks write them: `<id>`, `<int:id>`, `:id` and `{id:int}`.
_FOREIGN_SLOT: Final = re.compile(r"<(?:\w+:)?([A-Za-z_]\w*)>|:([A-Za-z_]\w*)|\{([A-Za-z_]\w*):[^{}]*\}", re.ASCII)


class PathTemplate(Struct, frozen=True):
    """A declared path: `text` as segments. A literal is a `str`, a slot is `None`; `slots` names the slots in order."""

    text: str
    segments: tuple[str | None, ...]
    slots: tuple[str, ...]


def read_template(text: str) -> PathTemplate:
    """Reads a declared path such as `/movies/{movie_id}`.

    Raises `ValueError` if the path is malformed; its message is a whole sentence.
    """
    _check_path(text)
    segments: list[str | None] = []
    slots: list[str] = []
    for segment in split_path(text):
        slot = _SLOT.fullmatch(segment)
        if slot is None:
            _check_literal(segment, text)
        if slot is None:
            segments.append(segment)
            continue
        segments.append(None)
        slots.append(slot[1])
    for name in slots:
        if slots.count(name) > 1:
            raise ValueError(f"The path {text!r} has two slots named {name!r}. Give each slot a name of its own.")
    return PathTemplate(text=text, segments=tuple(segments), slots=tuple(slots))


def _check_path(text: str) -> None:
    """Raises `ValueError` unless the text begins as a path does, and has no query."""
    if "://" in text:
        path = "/" + text.partition("://")[2].partition("/")[2]
        raise ValueError(f"The path {text!r} is a URL. Write {path!r} alone.")
    if not text.startswith("/"):
        raise ValueError(f"The path {text!r} does not begin with '/'. Write {'/' + text!r}.")
    if "?" in text:
        path = text.partition("?")[0]
        raise ValueError(f"The path {text!r} has a query. Write {path!r} alone, and read the query with params.")


def _check_literal(segment: str, text: str) -> None:
    """Raises `ValueError` if the segment is meant as a slot."""
    foreign = _FOREIGN_SLOT.fullmatch(segment)
    name = next((found for found in foreign.groups() if found), "") if foreign else "movie_id"
    if foreign or "{" in segment or "}" in segment:
        more = ", and its type in the Struct of the parameter path" if foreign else ""
        wanted = f"{{{name}}}{more}" if foreign else "a slot as a name in braces, such as {movie_id}"
        raise ValueError(
            f"The segment {segment!r} of the path {text!r} is neither a literal nor a slot. Write {wanted}."
        )


def split_path(path: str) -> list[str]:
    """Returns the segments of a path. A trailing slash makes an empty last segment, so it is never ignored."""
    return path[1:].split("/")


class Found(Struct, Generic[R], frozen=True):
    """The route of a request, and the value of each slot of its template by the slot's name.

    Requests for the same path without slots share one `Found`.
    """

    route: R
    slots: dict[str, str]


class WrongMethod(Struct, frozen=True):
    """The path is declared, but only for the `allowed` methods, which are sorted."""

    allowed: tuple[str, ...]


class _Entry(Struct, Generic[R], frozen=True):
    """A template's route for one method. `places` has the name of each slot, and the number of its segment."""

    route: R
    places: tuple[tuple[str, int], ...]


_Methods: TypeAlias = dict[str, _Entry[R]]


class _Node(Generic[R]):
    """A segment that some templates have in common. Only the last node of a template has methods."""

    __slots__ = ("literals", "methods", "slot")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[R]] = {}
        self.slot: _Node[R] | None = None
        self.methods: _Methods[R] = {}

    def grow(self, segment: str | None) -> "_Node[R]":
        """Returns the child for a segment of a template. Makes the child if it is missing."""
        if segment is not None:
            return self.literals.setdefault(segment, _Node())
        if self.slot is None:
            self.slot = _Node()
        return self.slot


# The nodes of slots that a search has passed, each with the number of segments that lead to it.
_Alternatives: TypeAlias = list[tuple[_Node[R], int]]


class Router(Generic[R]):
    """Routes by path and method. If several templates match, the template whose literals come first wins."""

    def __init__(self) -> None:
        self._static: dict[str, dict[str, Found[R]]] = {}
        self._trees: dict[int, _Node[R]] = {}

    def add(self, method: str, template: PathTemplate, route: R) -> R | None:
        """Adds a route. If there is a route for the method and the path already, keeps and returns that route.

        The names of slots make no difference: `/movies/{id}` and `/movies/{movie_id}` are the same path.
        """
        if template.slots:
            slots = (place for place, segment in enumerate(template.segments) if segment is None)
            entry = _Entry(route, tuple(zip(template.slots, slots, strict=True)))
            present = self._methods(template).setdefault(method, entry).route
        else:
            present = self._static.setdefault(template.text, {}).setdefault(method, Found(route, {})).route
        return None if present is route else present

    def find(self, method: str, path: str, segments: list[str] | None = None) -> Found[R] | WrongMethod | None:
        """Returns the route, `WrongMethod` if only other methods match, or `None` if no path matches.

        `segments`: the segments of the path, if they are not those between its slashes.
        """
        static = self._static.get(path)
        if static is not None and method in static:
            return static[method]
        allowed = set(static or ())
        if segments is None:
            if not path.startswith("/"):
                return None
            segments = split_path(path)
        tree = self._trees.get(len(segments))
        alternatives: _Alternatives[R] = [] if tree is None else [(tree, 0)]
        while alternatives:
            node, depth = alternatives.pop()
            methods = _descend(node, segments, depth, alternatives)
            if method in methods:
                entry = methods[method]
                return Found(entry.route, {name: segments[place] for name, place in entry.places})
            allowed.update(methods)
        return WrongMethod(tuple(sorted(allowed))) if allowed else None

    def _methods(self, template: PathTemplate) -> _Methods[R]:
        node = self._trees.setdefault(len(template.segments), _Node())
        for segment in template.segments:
            node = node.grow(segment)
        return node.methods


class Prefixes(Generic[R]):
    """Finds values by the longest prefix of a path. The prefix `/` is the shortest, and matches every path."""

    def __init__(self) -> None:
        self._found: list[tuple[tuple[str | None, ...], tuple[str, ...], R]] = []

    def add(self, prefix: PathTemplate, value: R) -> R | None:
        """Adds a value. If there is one for the prefix already, keeps and returns that one.

        The names of slots make no difference.
        """
        segments = () if prefix.text == "/" else prefix.segments
        for present, _, kept in self._found:
            if present == segments:
                return kept
        self._found.append((segments, prefix.slots, value))
        # Of two that have the same length, the one whose literals come first, as for routes.
        self._found.sort(key=lambda found: (-len(found[0]), [segment is None for segment in found[0]]))
        return None

    def find(self, segments: Sequence[str | None]) -> Found[R] | None:
        """Returns the value of the longest prefix of a path, and the values of the prefix's slots.

        `segments`: those of a path, or of a template, whose slots are within the slots of the prefix alone.
        """
        for prefix, slots, value in self._found:
            if len(prefix) <= len(segments) and all(map(_matches, prefix, segments)):
                filled = (text or "" for name, text in zip(prefix, segments, strict=False) if name is None)
                return Found(value, dict(zip(slots, filled, strict=True)))
        return None


def _matches(segment: str | None, found: str | None) -> bool:
    return found != "" if segment is None else segment == found


def _descend(node: _Node[R], segments: list[str], depth: int, alternatives: _Alternatives[R]) -> _Methods[R]:
    """Goes down from `node`, and returns the methods of the template that it reaches. A dead end has no methods.

    Takes a literal if it can, and adds the slot that it passes to `alternatives`. An empty segment matches no slot.
    `depth` is the number of segments that lead to `node`.
    """
    for segment in segments[depth:] if depth else segments:
        depth += 1
        slot = node.slot if segment else None
        literal = node.literals.get(segment)
        if literal is not None:
            if slot is not None:
                alternatives.append((slot, depth))
            node = literal
        elif slot is not None:
            node = slot
        else:
            return {}
    return node.methods
