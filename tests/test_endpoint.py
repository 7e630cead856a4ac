"""An operation's notes combine its docstring, its decorator and its endpoint."""

from typing import Any

import pytest

from jero import Conflict, Endpoint, Gone, HTTPError, NotFound, WiringError
from jero.endpoint import OperationNotes, arriving_body_limit, operation_notes, operations, read_notes
from jero.testing import TestClient
from tests.application import Application


class FilmsEndpoint(Endpoint, path="/films"):
    errors = (NotFound, Conflict)
    tags = ("films",)

    async def get(self) -> int:
        """Lists films.

        All that are there.

            And all that were.
        """
        return 1

    async def put(self) -> int:
        return 1

    @operation_notes(summary="Takes one", description="Or two.", tags=[], deprecated=True, errors=[Gone, Conflict])
    async def post(self) -> int:
        """Replaced by the decorator."""
        return 1


def notes(name: str, endpoint: Endpoint | None = None) -> OperationNotes:
    endpoint = endpoint or FilmsEndpoint()
    return read_notes(endpoint, getattr(endpoint, name), f"{type(endpoint).__name__}.{name}")


def test_the_first_line_of_the_docstring_is_the_summary() -> None:
    assert notes("get") == OperationNotes(
        summary="Lists films.",
        description="All that are there.\n\n    And all that were.",
        tags=("films",),
        deprecated=False,
        errors=(NotFound, Conflict),
    )


def test_an_operation_without_a_docstring_has_no_summary() -> None:
    assert (notes("put").summary, notes("put").description) == (None, None)


def test_notes_replace_the_docstring_and_add_errors() -> None:
    assert notes("post") == OperationNotes(
        summary="Takes one", description="Or two.", tags=[], deprecated=True, errors=(NotFound, Conflict, Gone)
    )


@pytest.mark.parametrize("errors", [NotFound, [NotFound()], [ValueError], "not found", None])
def test_errors_of_a_wrong_type_are_refused(errors: Any) -> None:
    endpoint: Any = type("FilmsEndpoint", (FilmsEndpoint,), {"errors": errors})()
    with pytest.raises(
        WiringError, match=r"^FilmsEndpoint\.get: errors is .*\. List subclasses of HTTPError: errors = "
    ):
        notes("get", endpoint)


@pytest.mark.parametrize("tags", ["films", [1], None])
def test_tags_of_a_wrong_type_are_refused(tags: Any) -> None:
    endpoint: Any = type("FilmsEndpoint", (FilmsEndpoint,), {"tags": tags})()
    with pytest.raises(WiringError, match=r'^FilmsEndpoint\.get: tags is .*\. List strings: tags = \["movies"\]\.$'):
        notes("get", endpoint)


def test_notes_of_one_operation_are_checked_too() -> None:
    wrong: Any = [int]

    class Wrong(Endpoint, path="/wrong"):
        @operation_notes(errors=wrong)
        async def get(self) -> int:
            return 1

    with pytest.raises(WiringError, match=r"^Wrong\.get: errors is "):
        notes("get", Wrong())


def test_an_error_without_a_description_is_listed() -> None:
    class Lent(HTTPError): ...

    endpoint: Any = type("FilmsEndpoint", (FilmsEndpoint,), {"errors": [Lent]})()
    assert notes("get", endpoint).errors == (Lent,)


def test_a_body_read_as_it_arrives_has_a_limit_if_the_endpoint_sets_one() -> None:
    class Bounded(Endpoint, path="/bounded"):
        max_body_bytes = 10

    class Inherited(Bounded): ...

    class AsTheDefault(Endpoint):
        max_body_bytes = Endpoint.max_body_bytes

    unbounded, own = FilmsEndpoint(), FilmsEndpoint()
    vars(own)["max_body_bytes"] = 20
    found = [arriving_body_limit(endpoint) for endpoint in (unbounded, Bounded(), Inherited(), AsTheDefault(), own)]
    assert found == [None, 10, 10, Endpoint.max_body_bytes, 20]


def test_the_operations_are_the_callable_members_of_the_endpoint_and_its_bases() -> None:
    class ShelfEndpoint(FilmsEndpoint):
        put: Any = None  # a subclass takes an operation away

        @property
        def delete(self) -> int:
            raise AssertionError("a property is not an operation, and is not run")

        def __init__(self) -> None:
            self.patch = self.post  # an instance may have an operation of its own

    endpoint = ShelfEndpoint()
    assert operations(endpoint) == {"get": endpoint.get, "post": endpoint.post, "patch": endpoint.post}


def test_an_operation_may_be_a_class_method_or_a_static_method() -> None:
    class ShelfEndpoint(Endpoint, path="/shelf"):
        @classmethod
        async def get(cls) -> str:
            return cls.__name__

        @staticmethod
        async def post(json: str) -> str:
            return json

    with TestClient(Application(ShelfEndpoint())) as client:
        assert client.get("/shelf").text == "ShelfEndpoint"
        assert client.post("/shelf", json="a book").text == "a book"
