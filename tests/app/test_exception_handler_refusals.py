"""Exception handlers that are refused at startup."""

import asyncio
from typing import Any

import pytest

from jero import JSONResponse, NoContent
from jero.testing import TestClient
from tests.app.shop import App, Note, RaisingEndpoint, SoldOut, answered, saying


def refused(message: str, *handlers: tuple[Any, Any]) -> None:
    with pytest.raises(RuntimeError, match=message), TestClient(App(RaisingEndpoint(SoldOut()), *handlers)):
        pass


@pytest.mark.parametrize("kind", [KeyboardInterrupt, asyncio.CancelledError, GeneratorExit, BaseException])
def test_an_exception_that_ends_a_task_or_the_program_cannot_be_handled(kind: type[BaseException]) -> None:
    expected = rf"_include_exception_handler: {kind.__name__} ends a task or the program: .* Give a subclass of Exc"
    refused(expected, (kind, saying("n")))


@pytest.mark.parametrize("thing", [SoldOut(), int, "SoldOut", None])
def test_an_object_that_is_not_an_exception_class_is_refused(thing: object) -> None:
    refused(
        r"_include_exception_handler: .* is not an exception class\. Give a subclass of Exception\.",
        (thing, saying("n")),
    )


def test_a_second_handler_of_a_class_is_refused() -> None:
    handlers = [(SoldOut, saying("n"))] * 2
    refused(r"_include_exception_handler: SoldOut has a handler already\. Include one of the two\.", *handlers)


def no_argument() -> NoContent:
    return NoContent()


def request_first(request: object, error: Exception) -> NoContent:
    return NoContent()


def three_arguments(error: Exception, request: object, other: object) -> NoContent:
    return NoContent()


def keyword_only(*, error: Exception) -> NoContent:
    return NoContent()


@pytest.mark.parametrize("handler", [no_argument, request_first, three_arguments, keyword_only])
def test_a_handler_that_does_not_take_the_exception_first_is_refused(handler: object) -> None:
    refused(
        r"_include_exception_handler: the handler of SoldOut, .*, does not take the exception as its first argument\. "
        r"Give a function that takes the exception, or the exception and then the request\.",
        (SoldOut, handler),
    )


@pytest.mark.parametrize(("handler", "kind"), [(None, "NoneType"), ("handler", "str"), (NoContent(), "NoContent")])
def test_a_handler_that_cannot_be_called_is_refused(handler: object, kind: str) -> None:
    refused(
        rf"_include_exception_handler: the handler of SoldOut is of type {kind}, which is not callable\. "
        r"Give the function itself, without parentheses\.",
        (SoldOut, handler),
    )


def test_a_handler_may_have_more_arguments_with_defaults() -> None:
    def handler(error: Exception, note: str = "n") -> JSONResponse[Note]:
        return JSONResponse(content=Note(note), status_code=409)

    assert answered(SoldOut(), (SoldOut, handler)).json() == {"note": "n"}
