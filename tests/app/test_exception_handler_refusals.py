"""Handlers of exceptions that are refused at startup."""

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
def test_an_order_to_end_has_no_handler(kind: type[BaseException]) -> None:
    expected = rf"_include_exception_handler: {kind.__name__} is an order to end .* Give a subclass of Exception\."
    refused(expected, (kind, saying("n")))


@pytest.mark.parametrize("thing", [SoldOut(), int, "SoldOut", None])
def test_what_is_no_class_of_exceptions(thing: object) -> None:
    refused(
        r"_include_exception_handler: .* is no class of exceptions. Give a subclass of Exception\.",
        (thing, saying("n")),
    )


def test_a_class_has_one_handler() -> None:
    handlers = [(SoldOut, saying("n"))] * 2
    refused(r"_include_exception_handler: SoldOut has a handler already. Include one of them\.", *handlers)


def no_argument() -> NoContent:
    return NoContent()


def two_arguments(request: object, error: Exception) -> NoContent:
    return NoContent()


def keyword_only(*, error: Exception) -> NoContent:
    return NoContent()


@pytest.mark.parametrize("handler", [no_argument, two_arguments, keyword_only, None, "handler"])
def test_a_handler_that_does_not_take_the_exception_alone(handler: object) -> None:
    refused(
        r"_include_exception_handler: the handler of SoldOut, .*, does not take one argument\. "
        r"Give a function of the exception alone\.",
        (SoldOut, handler),
    )


def test_an_argument_with_a_default_may_follow() -> None:
    def handler(error: Exception, note: str = "n") -> JSONResponse[Note]:
        return JSONResponse(content=Note(note), status_code=409)

    assert answered(SoldOut(), (SoldOut, handler)).json() == {"note": "n"}
