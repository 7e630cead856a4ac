"""The parts of a request before its body: path, query, headers and cookies, each into a Struct, and the whole."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from msgspec.inspect import FrozenSetType, ListType, Metadata, SetType, TupleType, UnionType, VarTupleType

from jero.annotations import hashes_numbers
from jero.binding.faults import read_fault, repeated_header
from jero.binding.hashes import check_hashes
from jero.errors import Fault, HTTPError, MalformedRequest, NotFound
from jero.http.asgi import SPACE, Scope
from jero.http.cookies import read_cookies
from jero.http.headers import SINGLE, header_name

Reader: TypeAlias = Callable[[Scope, dict[str, str]], Any]

_LISTS: Final = (ListType, SetType, FrozenSetType, TupleType, VarTupleType)
_LAST_EVENT_ID: Final = b"last-event-id"  # in UTF-8 (WHATWG HTML, section 9.2.4); other headers are in Latin-1
_NO_NAMES: Final[Mapping[str, str]] = {}


def field_reader(name: str, struct: type[Any]) -> Reader:
    """Returns a function that makes the argument called `name` from a request and the slots of its path.

    It is a Struct of the class `struct`, or the `Request`.
    """
    return _READERS[name](struct)


def _path_reader(struct: type[Any]) -> Reader:
    def read(scope: Scope, slots: dict[str, str]) -> Any:
        return convert(slots, struct, "path", NotFound)

    return read


def _params_reader(struct: type[Any]) -> Reader:
    lists, is_checked = list_fields(struct), hashes_numbers(struct)

    def read(scope: Scope, slots: dict[str, str]) -> Any:
        try:
            query = scope["query_string"].decode("ascii")
            pairs = parse_qsl(query, keep_blank_values=True, errors="strict") if query else ()
        except ValueError as error:
            raise MalformedRequest("The query string is not percent-encoded UTF-8.") from error
        return convert(gather(pairs, lists), struct, "params", MalformedRequest, is_checked=is_checked)

    return read


def _headers_reader(struct: type[Any]) -> Reader:
    lists, is_checked = list_fields(struct), hashes_numbers(struct)
    fields = msgspec.structs.fields(struct)
    sent_as = {field.encode_name: header_name(field.name, field.encode_name) for field in fields}
    names = {header.lower().encode(): encode_name for encode_name, header in sent_as.items()}
    single = {name: header for name, header in sent_as.items() if header.lower() in SINGLE}
    id_field = names.get(_LAST_EVENT_ID)

    def read(scope: Scope, slots: dict[str, str]) -> Any:
        lines = [(names[key], value.strip(SPACE)) for key, value in scope["headers"] if key in names]
        pairs = [(name, value.decode("latin-1")) for name, value in lines]
        if id_field is not None:
            pairs = [(name, _in_utf_8(name, value) if name == id_field else value) for name, value in pairs]
        values = _gather_headers(pairs, lists, single)
        return convert(values, struct, "headers", MalformedRequest, sent_as, is_checked=is_checked)

    return read


def header_fields(struct: type[Any]) -> frozenset[str]:
    """Returns the names of the headers that fill the Struct, in lower case."""
    fields = msgspec.structs.fields(struct)
    return frozenset(header_name(field.name, field.encode_name).lower() for field in fields)


def _in_utf_8(name: str, value: str) -> str:
    """Returns the text of a `Last-Event-ID`, which was read as Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError as error:
        fault = Fault(("headers", name), "Is not UTF-8")
        raise MalformedRequest("Header Last-Event-ID is not UTF-8.", errors=[fault]) from error


def _cookies_reader(struct: type[Any]) -> Reader:
    def read(scope: Scope, slots: dict[str, str]) -> Any:
        header = b"; ".join(value for key, value in scope["headers"] if key == b"cookie")
        try:
            text = header.decode()  # browsers send what a script has set in UTF-8
        except UnicodeDecodeError:
            text = header.decode("latin-1")
        return convert(read_cookies(text), struct, "cookies", MalformedRequest)

    return read


def _request_reader(request: type[Any]) -> Reader:
    return request


_READERS: Final[dict[str, Callable[[type[Any]], Reader]]] = {
    "path": _path_reader,
    "params": _params_reader,
    "headers": _headers_reader,
    "cookies": _cookies_reader,
    "request": _request_reader,
}


def gather(pairs: Iterable[tuple[str, Any]], lists: frozenset[str]) -> dict[str, Any]:
    """Returns the values by name: all of them for the fields in `lists`, the last for others that are repeated."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in lists:
            values.setdefault(name, []).append(value)
        else:
            values[name] = value
    return values


def _gather_headers(
    pairs: Iterable[tuple[str, str]], lists: frozenset[str], single: Mapping[str, str]
) -> dict[str, Any]:
    """Returns the values by name: each line of a header for the fields in `lists`, one list with commas for others.

    The standard says that several lines mean the same as one list (RFC 9110, section 5.3). `single` has the headers of
    the fields that are not lists. Raises `RepeatedHeader` if one of them has two different values.
    """
    values: dict[str, Any] = {}
    for name, value in pairs:
        lines = values.setdefault(name, [])
        is_repeated = name in single and bool(lines)
        if is_repeated and value != lines[0]:
            raise repeated_header(single[name])
        if not is_repeated or name in lists:
            lines.append(value)
    return {name: lines if name in lists else ", ".join(lines) for name, lines in values.items()}


def convert(
    values: dict[str, Any],
    struct: type[Any],
    location: str,
    refusal: type[HTTPError],
    sent_as: Mapping[str, str] = _NO_NAMES,
    *,
    is_checked: bool = False,
) -> Any:
    """Returns the Struct, made of texts, of lists of texts, and of files.

    `location`: the name of the argument. `refusal`: raised if the values do not fit. `sent_as` has the client's name of
    each field, if the detail does not contain it already. `is_checked`: values that were chosen to have the same hash
    are refused.
    """
    try:
        if is_checked:
            check_hashes(values)
        return msgspec.convert(values, struct, strict=False)
    except Exception as error:
        detail, fault = read_fault(error, location, values)
        header = sent_as.get(str(fault.loc[1])) if len(fault.loc) > 1 else None
        raise refusal(detail if header is None else f"Header {header}: {detail}", errors=[fault]) from error


def list_fields(struct: type[Any]) -> frozenset[str]:
    """Returns the names of the fields that are filled by all values of their name."""
    info = msgspec.inspect.type_info(struct)
    fields: tuple[msgspec.inspect.Field, ...] = getattr(info, "fields", ())
    return frozenset(field.encode_name for field in fields if _is_list(field.type))


def _is_list(info: msgspec.inspect.Type) -> bool:
    if isinstance(info, Metadata):
        return _is_list(info.type)
    if isinstance(info, UnionType):
        return any(_is_list(member) for member in info.types)
    return isinstance(info, _LISTS)
