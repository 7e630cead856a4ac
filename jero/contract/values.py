"""The values that a handler may return: their classes, read from its annotation at startup, and their mistakes."""

import inspect
import types
import typing
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, MutableSequence, Sequence
from typing import Any, Final, cast

import typing_extensions
from msgspec.json import Encoder

from jero.annotations import class_of, holds_custom, name_of, union_members, union_of, unwrapped
from jero.codec import json_decoder
from jero.contract.operation import Operation
from jero.contract.outputs import Output
from jero.responses.response import Response
from jero.responses.streaming import Negotiated
from jero.responses.whole import JSONResponse

# An annotation of a sequence of items never means these, which are sequences, too.
_TEXTS: Final = (str, bytes, bytearray, memoryview)
_ALSO: Final[dict[Any, tuple[type, ...]]] = {float: (float, int), complex: (complex, float, int)}  # PEP 484
_SEQUENCES: Final = (list, tuple)
_HAVE_ITEMS: Final = (*_SEQUENCES, Sequence, MutableSequence, Collection)


class Values:
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
        self._items = Values(items) if items and Any not in items else None
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


class ReturnedValues:
    """The values that the handler of one operation may return, alone or as the content of a response.

    `exact`: the classes of plain values that are allowed without a further look. `is_deep`: as in `Values`.
    """

    __slots__ = ("_contents", "_declared", "_exact_contents", "_exact_items", "_plain", "_where", "exact")

    def __init__(self, operation: Operation, *, is_deep: bool) -> None:
        outputs = operation.outputs
        self._where = f"{operation.name}.{operation.method.lower()}"
        self._declared = " | ".join(map(_declared, outputs))
        plain = [output.content for output in outputs if output.is_plain]
        self._plain = Values(plain, is_deep=is_deep) if plain else None
        self.exact = frozenset[type]() if self._plain is None else self._plain.exact
        self._exact_items = frozenset[type]() if self._plain is None else self._plain.exact_items
        self._contents: list[tuple[Any, Values]] = [
            (output.response, Values([output.content], is_deep=is_deep)) for output in outputs if _has_content(output)
        ]
        self._exact_contents: dict[Any, tuple[frozenset[type], frozenset[type]]] = {
            kind: (values.exact, values.exact_items) for kind, values in self._contents
        }

    def allow_plain(self, value: Any, encoder: Encoder) -> bool:
        """Returns whether the value may be sent without a response around it. Raises `ValidationError` as `Values`."""
        if value.__class__ is list and value and type(value[0]) in self._exact_items:
            return True
        if self._plain is None or not self._plain.allows(value) or isinstance(value, Response):
            return False
        self._validate(self._plain, value, encoder)
        return True

    def allow_at_once(self, response: Any) -> bool:
        """Returns whether a response and its content have exactly declared classes, which most have."""
        allowed = self._exact_contents.get(response.__class__)
        if allowed is None:
            return False
        exact, exact_items = allowed
        content = response.content
        if content.__class__ is list and content and type(content[0]) in exact_items:
            return True
        return type(content) in exact

    def check_content(self, response: Response[Any], encoder: Encoder) -> None:
        """Raises `TypeError` if the content of a declared response does not have the declared class."""
        matching = [values for kind, values in self._contents if isinstance(response, kind)]
        if not matching:
            return
        content = cast("JSONResponse[Any, Any]", response).content
        fitting = next((values for values in matching if values.allows(content)), None)
        if fitting is None:
            raise self.error(response)
        self._validate(fitting, content, encoder)

    def error(self, value: Any) -> TypeError:
        """Returns the error for a value that the return annotation does not allow. Its message says what to write."""
        found, returned = type(value).__name__, value
        if isinstance(value, JSONResponse) and any(isinstance(value, kind) for kind, _ in self._contents):
            returned = cast("JSONResponse[Any, Any]", value).content
            found = f"{found} with {type(returned).__name__} as its content"
        return TypeError(
            f"{self._where} returned {found}; its return annotation says {self._declared}. "
            f"{_advice(returned, self._declared, is_plain=self._plain is not None or returned is not value)}."
        )

    def _validate(self, values: Values, value: Any, encoder: Encoder) -> None:
        try:
            values.validate(value, encoder)
        except (ValueError, RecursionError) as error:
            error.add_note(f"validate_items: {self._where} returned {type(value).__name__}, which does not fit")
            raise


def _has_content(output: Output) -> bool:
    """Returns whether the output is a response with JSON whose type is declared."""
    is_json = output.response is not None and issubclass(output.response, JSONResponse)
    return is_json and output.content is not None


def _declared(output: Output) -> str:
    if output.response is None and output.is_negotiated:
        return f"AsyncIterator[{name_of(output.content)}]"
    if output.response is None or output.content is None:
        return name_of(output.response or output.content)
    return f"{name_of(output.response)}[{name_of(output.content)}]"


def _advice(value: Any, declared: str, *, is_plain: bool) -> str:
    """Returns what to write instead of returning that value. `is_plain`: the annotation may be a union with `None`."""
    if value is None and "NoContent" in declared:
        return "Write return before the response; if nothing is to be sent, return NoContent()"
    if value is None:
        null = f", or annotate it with {declared} | None to send null" if is_plain else ""
        return f"Write return before the value{null}"
    if isinstance(value, Coroutine):
        coroutine: Any = cast("Any", value)
        coroutine.close()  # nothing awaits it
        called = getattr(coroutine, "__qualname__", "the call")
        return f"{called} did not run: write await before {called}(...)"
    if hasattr(value, "__aiter__") or hasattr(value, "__next__") or isinstance(value, Negotiated):
        return _advice_for_stream(value, declared)
    if isinstance(value, Response):
        name = type(cast("object", value)).__name__
        return f"Return what the annotation says, or add {name} to the annotation"
    if type(value) in _SEQUENCES and value:
        return _advice_for_sequence(value, declared)
    return "Return what the annotation says, or correct the annotation"


def _advice_for_stream(value: Any, declared: str) -> str:
    if isinstance(value, Negotiated):
        return "Annotate it with Negotiated[Item], or return what the annotation says"
    if "Negotiated[" in declared:
        return "Write Negotiated(stream=...) around it, or annotate it with AsyncIterator[Item] alone"
    return "Annotate a stream with AsyncIterator[Item] or Iterator[Item], or return its items in a list"


def _advice_for_sequence(value: Sequence[Any], declared: str) -> str:
    last = value[-1]
    if isinstance(value, tuple) and type(last) is int and 100 <= last <= 599:
        status = f"JSONResponse(content=..., status_code={last})"
        return f"For another status, return {status} and annotate it with JSONResponse[{declared}]"
    first: object = value[0]
    return f"Its first item is of type {type(first).__name__}: return what the annotation says, or correct it"


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
