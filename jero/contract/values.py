"""The values that a handler may return: their classes, read from its annotation at startup, and their mistakes."""

import builtins
import re
from collections.abc import Coroutine, Sequence
from typing import Any, Final, cast

from msgspec.json import Encoder

from jero.allowed import AllowedValues
from jero.annotations import name_of
from jero.contract.operation import Operation
from jero.contract.outputs import Output
from jero.responses.response import BODILESS, Response
from jero.responses.streaming import Negotiated, StreamingResponse
from jero.responses.whole import Accepted, BytesResponse, Created, JSONResponse, TextResponse
from jero.uncalled import given, uncalled

_SEQUENCES: Final = (list, tuple)
_OF_TEXTS: Final = {"str": "TextResponse", "bytes": "BytesResponse"}
_RESPONSES: Final = frozenset(
    kind.__name__ for kind in (JSONResponse, Created, Accepted, TextResponse, BytesResponse, StreamingResponse)
)
# Responses of other frameworks that have another name here.
_INSTEAD_OF: Final = {
    "RedirectResponse": "Redirect",
    "PlainTextResponse": "TextResponse",
    "HTMLResponse": "TextResponse",
    "FileResponse": "StreamingResponse",
}


class ReturnedValues:
    """The values that the handler of one operation may return, alone or as the content of a response.

    `exact`: the classes of plain values that are allowed without a further look. `is_deep`: as in `AllowedValues`.
    """

    __slots__ = (
        "_contents",
        "_declared",
        "_exact_contents",
        "_exact_items",
        "_plain",
        "_where",
        "_with_null",
        "_with_null_content",
        "exact",
    )

    def __init__(self, operation: Operation, *, is_deep: bool) -> None:
        outputs = operation.outputs
        self._where = f"{operation.name}.{operation.method.lower()}"
        self._declared = " | ".join(map(_declared, outputs))
        plain = [output.content for output in outputs if output.is_plain]
        self._plain = AllowedValues(plain, is_deep=is_deep) if plain else None
        self.exact = frozenset[type]() if self._plain is None else self._plain.exact
        self._exact_items = frozenset[type]() if self._plain is None else self._plain.exact_items
        self._contents: list[tuple[Any, AllowedValues]] = [
            (output.response, AllowedValues([output.content], is_deep=is_deep))
            for output in outputs
            if _has_content(output)
        ]
        # The annotations with which null could be sent. jero sends no null instead of a text, bytes or a response.
        can_be_null = any(content not in (str, bytes) for content in plain)
        self._with_null = f"{self._declared} | None" if can_be_null else None
        is_alone = len(outputs) == 1 and bool(self._contents)
        self._with_null_content = f"{self._declared.removesuffix(']')} | None]" if is_alone else None
        self._exact_contents: dict[Any, tuple[frozenset[type], frozenset[type]]] = {
            kind: (values.exact, values.exact_items) for kind, values in self._contents
        }

    def allow_plain(self, value: Any, encoder: Encoder) -> bool:
        """Returns whether the value may be sent without a response around it.

        Raises `ValidationError` as `AllowedValues` does.
        """
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
        returned = value
        if isinstance(value, JSONResponse) and any(isinstance(value, kind) for kind, _ in self._contents):
            returned = cast("JSONResponse[Any, Any]", value).content
        with_null = self._with_null if returned is value else self._with_null_content
        found, advice = given(returned, _advice(returned, self._declared, with_null))
        if returned is not value:
            found = f"{type(cast('object', value)).__name__} with {found} as its content"
        return TypeError(f"{self._where} returned {found}; its return annotation says {self._declared}. {advice}.")

    def _validate(self, values: AllowedValues, value: Any, encoder: Encoder) -> None:
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


def _advice(value: Any, declared: str, with_null: str | None) -> str:
    """Returns what to write instead of returning that value. `with_null`: the annotation that allows `None`, too."""
    if value is None and "NoContent" in declared:
        return "Write return before the response; if nothing is to be sent, return NoContent()"
    if value is None:
        null = "" if with_null is None else f", or annotate it with {with_null} to send null"
        return f"Write return before the value{null}"
    if hasattr(value, "__aiter__") or hasattr(value, "__next__") or isinstance(value, Negotiated):
        return _advice_for_stream(value, declared)
    if isinstance(value, BaseException):
        return "Write raise instead of return"
    if isinstance(value, Response):
        name = type(cast("object", value)).__name__
        return f"Return what the annotation says, or add {name} to the annotation"
    if type(value) in _SEQUENCES and value:
        return _advice_for_sequence(value, declared)
    return _advice_for_value(value, declared)


def _advice_for_value(value: Any, declared: str) -> str:
    if declared.startswith("list["):
        return "Return a list: put it in brackets, [...]"
    if isinstance(value, dict) and declared.isidentifier() and declared not in vars(builtins):
        return f"Return {declared}(...), or annotate it with dict[str, Any]"
    if isinstance(value, bytes) and declared != "str":
        return "Return the value itself, which jero encodes as JSON, or annotate it with bytes"
    name = type(cast("object", value)).__name__
    if name in _RESPONSES:
        return f"Import {name} from jero, which sends no others"
    if name.endswith("Response") and hasattr(cast("object", value), "status_code"):  # and not data of the user
        return (
            f"Return {_INSTEAD_OF.get(name, 'JSONResponse or TextResponse')}, imported from jero, which sends no others"
        )
    return "Return what the annotation says, or correct the annotation"


def _advice_for_stream(value: Any, declared: str) -> str:
    if isinstance(value, Negotiated):
        return "Annotate it with Negotiated[Item], or return what the annotation says"
    if "Negotiated[" in declared:
        return "Write Negotiated(stream=...) around it, or annotate it with AsyncIterator[Item] alone"
    return "Annotate a stream with AsyncIterator[Item] or Iterator[Item], or return its items in a list"


def _advice_for_status(status: int, declared: str) -> str:
    """Returns what to write instead of a tuple of a value and its status."""
    if status in BODILESS:
        return f"Return NoContent({'' if status == 204 else f'status_code={status}'}) and annotate it with NoContent"
    written = next((name for name in re.findall(r"\w+", declared) if name in _RESPONSES), None)
    name = written or _OF_TEXTS.get(declared, "JSONResponse")
    arguments = f"[{declared}]" if name == "JSONResponse" else ""
    annotated = "" if written is not None else f" and annotate it with {name}{arguments}"
    return f"For another status, return {name}(content=..., status_code={status}){annotated}"


def _advice_for_sequence(value: Sequence[Any], declared: str) -> str:
    last = value[-1]
    if isinstance(value, tuple) and type(last) is int and 100 <= last <= 599:
        return _advice_for_status(last, declared)
    first: object = value[0]
    if isinstance(first, Coroutine):
        called = [meant.instead for meant in map(uncalled, value) if meant is not None]
        return called[0]
    return f"Its first item is of type {type(first).__name__}: return what the annotation says, or correct it"
