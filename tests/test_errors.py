import inspect
import re
from typing import Any

import msgspec
import pytest

from jero import Conflict, Fault, HTTPError, JeroError, Problem, StreamFailed, StreamInterrupted, WiringError, errors

FAMILY = [
    (errors.BadRequest, 400, "bad-request"),
    (errors.MalformedRequest, 400, "malformed-request"),
    (errors.Unauthorized, 401, "unauthorized"),
    (errors.Forbidden, 403, "forbidden"),
    (errors.NotFound, 404, "not-found"),
    (errors.MethodNotAllowed, 405, "method-not-allowed"),
    (errors.NotAcceptable, 406, "not-acceptable"),
    (errors.Conflict, 409, "conflict"),
    (errors.Gone, 410, "gone"),
    (errors.ContentTooLarge, 413, "content-too-large"),
    (errors.UnsupportedMediaType, 415, "unsupported-media-type"),
    (errors.UnprocessableContent, 422, "unprocessable-content"),
    (errors.RequestTimeout, 408, "request-timeout"),
    (errors.TooManyRequests, 429, "too-many-requests"),
    (errors.InternalServerError, 500, "internal-server-error"),
    (errors.ServiceUnavailable, 503, "service-unavailable"),
    (errors.GatewayTimeout, 504, "gateway-timeout"),
]


class OutOfStock(HTTPError, type="out-of-stock", title="Out of stock", status=409):
    pass


class Reserved(OutOfStock, title="Reserved"):
    pass


@pytest.mark.parametrize(("error", "status", "type_"), FAMILY)
def test_an_error_has_its_status_type_and_title(error: type[HTTPError], status: int, type_: str) -> None:
    title = type_.replace("-", " ").capitalize()
    assert error().problem() == Problem(type=type_, title=title, status=status)


def test_the_table_lists_every_error() -> None:
    found = {error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, HTTPError)}
    assert found == {HTTPError, *(error for error, _, _ in FAMILY)}


def test_the_docstring_draws_the_class_tree() -> None:
    parents: list[str] = []
    drawn: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines()[2:]:
        name = re.search(r"[A-Z]\w+", line)
        assert name is not None
        depth = name.start() // 4
        parents[depth:] = [name[0]]
        drawn[name[0]] = parents[depth - 1] if depth else "Exception"
    classes = inspect.getmembers(errors, inspect.isclass)
    assert drawn == {name: error.__mro__[1].__name__ for name, error in classes if issubclass(error, JeroError)}


def test_a_subclass_inherits_the_keywords_that_it_leaves_out() -> None:
    assert OutOfStock("3 left").problem() == Problem("out-of-stock", "Out of stock", 409, "3 left")
    assert Reserved().problem() == Problem("out-of-stock", "Reserved", 409)
    assert HTTPError().problem() == Problem("internal-server-error", "Internal server error", 500)


@pytest.mark.parametrize("status", [0, 200, 399, 600])
def test_a_status_that_is_not_an_error_is_refused(status: int) -> None:
    with pytest.raises(
        WiringError, match=rf"Fine has status={status}; the status of an HTTPError is from 400 to 599\."
    ):
        type("Fine", (HTTPError,), {}, status=status)


def test_an_encoded_problem_omits_missing_fields() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Conflict().problem())) == {
        "type": "conflict",
        "title": "Conflict",
        "status": 409,
    }
    full = Conflict("why", errors=[Fault(loc=("json", 0, "a"), msg="no")]).problem()
    assert msgspec.json.decode(msgspec.json.encode(full)) == {
        "type": "conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "why",
        "errors": [{"loc": ["json", 0, "a"], "msg": "no", "type": "value_error"}],
    }


def test_an_error_has_a_readable_message() -> None:
    assert str(Conflict()) == "Conflict"
    assert str(Conflict("taken")) == "taken"
    assert str(StreamFailed(Conflict().problem())) == "the stream failed: Conflict"
    assert str(StreamFailed(Conflict("taken").problem())) == "the stream failed: taken"
    assert str(StreamInterrupted("disconnected")) == "the stream was cut short: disconnected"


def test_an_error_copies_its_headers() -> None:
    headers = {"Retry-After": "3"}
    error = Conflict(headers=headers)
    headers["Retry-After"] = "4"
    assert error.headers == {"Retry-After": "3"}
    assert Conflict().headers == {}


@pytest.mark.parametrize("detail", [404, b"text", ["text"]])
def test_a_detail_that_is_not_text_is_refused(detail: Any) -> None:
    with pytest.raises(TypeError, match=r"NotFound\(.*\): it takes a text for the client\. The status is that of"):
        errors.NotFound(detail)
