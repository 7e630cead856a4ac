"""Says which values an annotation allows: by their classes, and by that of the first item of a list."""

import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, MutableSequence, Sequence
from typing import Any, Final, cast

import typing_extensions
from msgspec.json import Encoder

from jero.annotations import class_of, holds_custom, union_members, union_of, unwrapped
from jero.codec import json_decoder

# An annotation of a sequence of items never means these, which are sequences, too.
_TEXTS: Final = (str, bytes, bytearray, memoryview)
_ALSO: Final[dict[Any, tuple[type, ...]]] = {float: (float, int), complex: (complex, float, int)}  # PEP 484
_SEQUENCES: Final = (list, tuple)
_HAVE_ITEMS: Final = (*_SEQUENCES, Sequence, MutableSequence, Collection)


class AllowedValues:
    """The values that the annotations `contents` allow.

    `exact`: the classes that are allowed without a look at the value. `exact_items`: the same for the first item of a
    list, empty if lists are not allowed. Both are empty with `is_deep`.
    `is_deep`: every value is also encoded and read back as the declared type.
    """

    __slots__ = ("_classes", "_decode", "_has_text", "_items", "_unchanged", "exact", "exact_items")

    def __init__(self, contents: Iterable[Any], *, is_deep: bool = False) -> None:
        contents = tuple(contents)
        members = [plain for content in contents for plain in _members(content)]
        self._classes = tuple(dict.fromkeys(kind for member in members for kind in _classes(member)))
        self._has_text = any(issubclass(kind, _TEXTS) for kind in self._classes)
        items = [_item(member) for member in members if class_of(member) in _HAVE_ITEMS]
        # Two kinds of list in one union may have items of either.
        self._items = AllowedValues(items) if items and Any not in items else None
        self._decode = _decoder(contents) if is_deep else None
        self._unchanged = tuple(content for content in contents if content in (str, bytes))
        looked_at = _SEQUENCES if self._items is not None else ()
        abstract = {kind for kind in self._classes if inspect.isabstract(kind) or kind is object}
        self.exact = frozenset[type]() if is_deep else frozenset(self._classes) - abstract - frozenset(looked_at)
        has_lists = self._items is not None and list in self._classes and not is_deep
        self.exact_items = self._items.exact if self._items is not None and has_lists else frozenset[type]()

    def allows(self, value: Any) -> bool:
        """Returns whether the class of the value is allowed, and in a list that of its first item."""
        is_allowed = isinstance(value, self._classes)
        if not is_allowed:
            return False
        if not self._has_text and issubclass(type(value), _TEXTS):
            return object in self._classes
        if self._items is None or type(value) not in _SEQUENCES or not value:
            return True
        return self._items.allows(value[0])

    def validate(self, value: Any, encoder: Encoder) -> None:
        """Checks that the JSON of the value is of the declared type, if `is_deep`.

        Raises `ValidationError` if the value does not fit. Text and bytes that are sent unchanged have no JSON.
        """
        if self._decode is not None and not isinstance(value, self._unchanged):
            self._decode(encoder.encode(value))


def _members(annotation: Any) -> Iterator[Any]:
    """Yields the members of a union and of the unions inside it, without `Annotated` and `NewType` around them."""
    for member in union_members(unwrapped(annotation)):
        inner = unwrapped(member)
        if len(union_members(inner)) > 1:
            yield from _members(inner)
        else:
            yield inner


def _classes(annotation: Any) -> tuple[type, ...]:
    """Returns the classes of the values of one member of a union. `object` if they cannot be known."""
    if typing.get_origin(annotation) is typing.Literal:
        return tuple(map(type, cast("tuple[object, ...]", typing.get_args(annotation))))
    if annotation is None:
        return (types.NoneType,)
    origin = class_of(annotation)
    if not isinstance(origin, type):
        return (object,)
    if typing_extensions.is_typeddict(origin):
        return (dict,)
    try:
        isinstance(None, origin)
    except TypeError:  # a protocol that cannot be checked
        return (object,)
    return _ALSO.get(origin, (origin,))


def _item(annotation: Any) -> Any:
    return next(iter(typing.get_args(annotation)), Any)


def _decoder(contents: tuple[Any, ...]) -> Callable[[bytes], Any] | None:
    readable = [content for content in contents if content not in (str, bytes)]
    if not readable or any(map(holds_custom, readable)):
        return None
    return json_decoder(union_of(readable)).decode
