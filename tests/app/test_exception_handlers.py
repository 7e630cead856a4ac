"""An application's own exceptions, and the answers of its exception handlers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import Struct

from jero import (
    BytesResponse,
    Conflict,
    Endpoint,
    Gone,
    HTTPError,
    JSONResponse,
    NDJSONStreamingResponse,
    Negotiated,
    NoContent,
    NotFound,
    SSEResponse,
    TextResponse,
)
from jero.testing import AsyncTestClient, TestClient
from tests.app.shop import App, Note, RaisingEndpoint, ShopError, SoldOut, SoldOutForever, answered, returning, saying
from tests.application import call, call_and_cancel, http_scope

INTERNAL = {"type": "internal-server-error", "title": "Internal server error", "status": 500}


async def numbers(error: Exception, items: int) -> AsyncIterator[int]:
    """Yields `items` items, then raises `error`."""
    for number in range(items):
        yield number
    raise error


class LinesEndpoint(Endpoint, path="/lines"):
    def __init__(self, error: Exception, items: int = 0) -> None:
        self.error = error
        self.items = items

    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=numbers(self.error, self.items))


class EventsEndpoint(Endpoint, path="/events"):
    def __init__(self, error: Exception) -> None:
        self.error = error

    async def get(self) -> SSEResponse[int]:
        return SSEResponse(stream=numbers(self.error, 0))


def failing(error: Exception) -> Callable[[Exception], JSONResponse[Note]]:
    def handler(_: Exception) -> JSONResponse[Note]:
        raise error

    return handler


@pytest.mark.parametrize(
    ("answer", "status", "content"),
    [
        (JSONResponse(content=Note("n"), status_code=409), 409, b'{"note":"n"}'),
        (TextResponse(content="n", status_code=410), 410, b"n"),
        (BytesResponse(content=b"n", status_code=404), 404, b"n"),
        (NoContent(), 204, b""),
        (Gone("n"), 410, b'{"type":"gone","title":"Gone","status":410,"detail":"n"}'),
    ],
    ids=lambda answer: type(answer).__name__,
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_response_of_a_handler_is_the_answer(
    answer: Any, status: int, content: bytes, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = answered(SoldOut(), (SoldOut, returning(answer)), method=method)
    assert (response.status_code, response.content) == (status, b"" if method == "HEAD" else content)
    assert response.headers.get("content-length", "0") == str(len(content))
    assert not caplog.records


def test_a_handler_gets_the_exception() -> None:
    def handler(error: SoldOut) -> TextResponse:
        return TextResponse(content=f"{error}", status_code=409)

    assert answered(SoldOut("three"), (SoldOut, handler)).text == "three"


def test_a_handler_may_be_asynchronous() -> None:
    async def handler(error: SoldOut) -> TextResponse:
        await asyncio.sleep(0)
        return TextResponse(content="later", status_code=409)

    assert answered(SoldOut(), (SoldOut, handler)).text == "later"


def test_a_handler_may_be_a_bound_method() -> None:
    class Catalogue:
        def sold_out(self, error: SoldOut) -> Conflict:
            return Conflict("from the catalogue")

    assert answered(SoldOut(), (SoldOut, Catalogue().sold_out)).json()["detail"] == "from the catalogue"


async def refusing_later(_: Exception) -> NoContent:
    raise Gone("raised", headers={"X-A": "1"})


@pytest.mark.parametrize("handler", [failing(Gone("raised", headers={"X-A": "1"})), refusing_later])
def test_a_handler_may_raise_an_http_error(handler: object, caplog: pytest.LogCaptureFixture) -> None:
    response = answered(SoldOut(), (SoldOut, handler))
    assert (response.status_code, response.json()["detail"], response.headers["x-a"]) == (410, "raised", "1")
    assert response.headers["content-type"] == "application/problem+json"
    assert not caplog.records


@pytest.mark.parametrize(
    ("error", "note"),
    [(SoldOutForever(), "SoldOut"), (SoldOut(), "SoldOut"), (ShopError(), "ShopError"), (KeyError("k"), "LookupError")],
)
@pytest.mark.parametrize("step", [1, -1])
def test_the_handler_of_the_nearest_class_is_called(error: Exception, note: str, step: int) -> None:
    handlers = [(kind, saying(kind.__name__)) for kind in (Exception, ShopError, SoldOut, LookupError)]
    assert answered(error, *handlers[::step]).json() == {"note": note}


def test_an_exception_with_two_bases_has_the_handler_of_its_first_base() -> None:
    class Both(SoldOut, LookupError):
        pass

    handlers = (LookupError, saying("LookupError")), (ShopError, saying("ShopError"))
    assert answered(Both(), *handlers).json() == {"note": "ShopError"}


def test_an_exception_without_a_handler_is_a_logged_500(caplog: pytest.LogCaptureFixture) -> None:
    response = answered(ValueError("secret"), (SoldOut, saying("n")))
    assert (response.status_code, response.json()) == (500, INTERNAL)
    [record] = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "secret"


def test_an_exception_that_a_handler_answers_with_500_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    response = answered(ValueError("secret"), (Exception, saying("sorry", status_code=500)))
    assert (response.status_code, response.json()) == (500, {"note": "sorry"})
    [record] = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == ("jero.requests", logging.ERROR, "GET /raise failed")
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "secret"


def test_a_handler_of_all_exceptions_is_not_called_for_http_errors() -> None:
    assert answered(NotFound("n"), (Exception, saying("n"))).json()["type"] == "not-found"


def in_another_shape(error: HTTPError) -> JSONResponse[dict[str, Any]]:
    return JSONResponse(content={"code": error.type}, status_code=error.status, raw_headers=error.headers)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/raise", 409, "conflict"),
        ("GET", "/nothing", 404, "not-found"),
        ("POST", "/raise", 405, "method-not-allowed"),
    ],
)
def test_a_handler_of_http_errors_changes_the_shape_of_all_problems(
    method: str, path: str, status: int, code: str
) -> None:
    with TestClient(App(RaisingEndpoint(Conflict()), (HTTPError, in_another_shape))) as client:
        response = client.request(method, path)
    assert (response.status_code, response.json()) == (status, {"code": code})
    assert response.headers.get("allow") == ("GET, HEAD, OPTIONS" if status == 405 else None)


@pytest.mark.parametrize("handlers", [[], [(ShopError, returning(HTTPError()))]], ids=["unexpected", "domain"])
def test_a_handler_of_http_errors_is_called_for_a_500_and_for_what_a_handler_returns(
    handlers: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    response = answered(SoldOut("secret"), (HTTPError, in_another_shape), *handlers)
    assert (response.status_code, response.json()) == (500, {"code": "internal-server-error"})
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["secret"]


def test_a_handler_of_one_http_error_is_called_for_that_error_alone() -> None:
    handlers = (NotFound, saying("gone fishing", 404)), (ShopError, returning(NotFound()))
    assert answered(SoldOut(), *handlers).json() == {"note": "gone fishing"}
    assert answered(Conflict(), *handlers).json()["type"] == "conflict"


def test_handlers_that_return_each_others_errors_are_called_once_each() -> None:
    handlers = (NotFound, returning(Gone())), (Gone, returning(NotFound()))
    assert answered(NotFound(), *handlers).json()["type"] == "not-found"


def logged_errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert {record.name for record in caplog.records} == {"jero.requests"}
    return [str(record.exc_info[1]) for record in caplog.records if record.exc_info is not None]


@pytest.mark.parametrize("error", [SoldOut("first"), Conflict("first")], ids=["domain", "problem"])
@pytest.mark.parametrize(
    ("handler", "second"),
    [
        (failing(ValueError("second")), "second"),
        (returning("nonsense"), "returned str. Return a response with a whole body, or an HTTPError."),
        (returning(None), "returned NoneType. Return a response with a whole body, or an HTTPError."),
        (returning(JSONResponse(content=object())), "Encoding objects of type object is unsupported"),
        (returning(Gone(headers={"X-A": "b\r\nc: d"})), "The value of header 'X-A' contains a control character"),
    ],
    ids=["raises", "str", "None", "unsendable body", "unsendable header"],
)
def test_a_handler_that_fails_is_a_500_with_both_errors_in_the_log(
    error: Exception, handler: Any, second: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = answered(error, (type(error), handler))
    assert (response.status_code, response.json()) == (500, INTERNAL)
    first, last = logged_errors(caplog)
    assert first == "first"
    assert second in last


@pytest.mark.parametrize("response", [NDJSONStreamingResponse, Negotiated])
async def test_a_stream_that_a_handler_returns_is_closed(response: Any) -> None:
    class Feed:
        is_closed = False

        def __aiter__(self) -> AsyncIterator[int]:
            raise NotImplementedError

        async def aclose(self) -> None:
            self.is_closed = True

    feed = Feed()
    app = App(RaisingEndpoint(SoldOut()), (SoldOut, returning(response(stream=feed))))
    async with AsyncTestClient(app) as client:
        assert (await client.get("/raise")).status_code == 500
    assert feed.is_closed


@pytest.mark.parametrize("endpoint", [LinesEndpoint(SoldOut()), EventsEndpoint(SoldOut())])
def test_a_stream_that_fails_before_its_first_byte_is_handled(endpoint: Endpoint) -> None:
    with TestClient(App(endpoint, (SoldOut, saying("sold out")))) as client:
        response = client.get(str(endpoint.path))
    assert (response.status_code, response.json()) == (409, {"note": "sold out"})


def test_a_stream_that_fails_later_is_cut_without_calling_the_handler() -> None:
    called: list[Exception] = []
    app = App(LinesEndpoint(SoldOut(), items=1), (SoldOut, called.append))
    with TestClient(app) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("/lines")
    assert not called


class Priced(Struct):
    price: complex


def test_the_encoder_of_the_application_writes_the_response_of_a_handler() -> None:
    response = JSONResponse(content=Priced(1j), status_code=409)
    encoder = msgspec.json.Encoder(enc_hook=str)
    app = App(RaisingEndpoint(SoldOut()), (SoldOut, returning(response)), encoder=encoder)
    with TestClient(app) as client:
        assert client.get("/raise").json() == {"price": "1j"}


async def test_a_cancellation_of_the_request_in_a_handler_is_raised() -> None:
    is_waiting = asyncio.Event()

    async def handler(error: Exception) -> NoContent:
        is_waiting.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    app = App(RaisingEndpoint(SoldOut()), (SoldOut, handler))
    async with AsyncTestClient(app):
        with pytest.raises(asyncio.CancelledError):
            await call_and_cancel(app, "/raise", is_waiting)


async def test_a_cancelled_error_of_a_handler_is_a_logged_500(caplog: pytest.LogCaptureFixture) -> None:
    def handler(error: Exception) -> NoContent:
        raise asyncio.CancelledError

    app = App(RaisingEndpoint(SoldOut()), (SoldOut, handler))
    async with AsyncTestClient(app) as client:
        assert (await client.get("/raise")).status_code == 500
    assert len(caplog.records) == 2


def test_a_handler_is_called_for_the_exception_inside_a_group() -> None:
    def handler(error: SoldOut) -> NoContent:
        assert isinstance(error, SoldOut)
        return NoContent()

    app = App(RaisingEndpoint(ExceptionGroup("tasks", [ExceptionGroup("more", [SoldOut()])])), (SoldOut, handler))
    with TestClient(app) as client:
        assert client.get("/raise").status_code == 204


def test_a_handler_of_groups_is_called_for_a_group() -> None:
    def handler(error: Exception) -> NoContent:
        assert isinstance(error, ExceptionGroup)
        return NoContent()

    app = App(RaisingEndpoint(ExceptionGroup("tasks", [SoldOut()])), (ExceptionGroup, handler))
    with TestClient(app) as client:
        assert client.get("/raise").status_code == 204


async def test_a_client_that_has_left_is_not_answered(caplog: pytest.LogCaptureFixture) -> None:
    class UploadEndpoint(Endpoint, path="/upload"):
        async def post(self, content: bytes) -> NoContent:
            return NoContent()

    app = App(UploadEndpoint(), (Exception, saying("n")))
    async with AsyncTestClient(app):
        assert await call(app, http_scope("POST", "/upload"), [{"type": "http.disconnect"}]) == []
    assert not caplog.records
