"""The answer to a client if a handler raises, or returns a value that it did not declare."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from msgspec import Struct

from jero import (
    Conflict,
    Created,
    Endpoint,
    Fault,
    Gone,
    HTTPError,
    JSONResponse,
    NDJSONStreamingResponse,
    NoContent,
    ServiceUnavailable,
    SSEResponse,
    TooManyRequests,
    Unauthorized,
)
from jero.testing import AsyncTestClient, TestClient
from tests.application import Application, call_and_cancel
from tests.naming import shown

INTERNAL = {"type": "internal-server-error", "title": "Internal server error", "status": 500}


class OutOfStock(HTTPError, type="out-of-stock", title="Out of stock", status=409):
    pass


class Secret(Exception):
    pass


class Headers(Struct):
    x_note: str


class RaisingEndpoint(Endpoint, path="/raise"):
    errors = [OutOfStock]  # noqa: RUF012 - declared as a class variable by its base

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    async def get(self) -> str:
        if self.error is not None:
            raise self.error
        return "well"


def raised(error: BaseException) -> httpx.Response:
    """Returns the answer to a request whose handler raises. The application must serve the next request."""
    endpoint = RaisingEndpoint(error)
    with TestClient(Application(endpoint)) as client:
        response = client.get("/raise")
        endpoint.error = None
        assert client.get("/raise").text == "well"
    return response


def returned(annotation: Any, value: Any) -> httpx.Response:
    """Returns the answer to a request whose handler returns `value`, with this return annotation."""

    async def get(self: object) -> Any:
        return value

    get.__annotations__["return"] = annotation
    endpoint: Any = type("MoviesEndpoint", (Endpoint,), {"get": get}, path="/")
    with TestClient(Application(endpoint())) as client:
        return client.get("/")


@pytest.mark.parametrize(
    ("error", "status", "problem", "headers"),
    [
        (
            Unauthorized(headers={"WWW-Authenticate": "Bearer"}),
            401,
            {"type": "unauthorized"},
            {"www-authenticate": "Bearer"},
        ),
        (Conflict("taken"), 409, {"type": "conflict", "detail": "taken"}, {}),
        (Gone(), 410, {"type": "gone", "title": "Gone"}, {}),
        (TooManyRequests(headers={"Retry-After": "3"}), 429, {"type": "too-many-requests"}, {"retry-after": "3"}),
        (ServiceUnavailable("later"), 503, {"type": "service-unavailable", "detail": "later"}, {}),
        (
            OutOfStock("none left", headers={"X-Left": "0"}),
            409,
            {"type": "out-of-stock", "detail": "none left"},
            {"x-left": "0"},
        ),
        (
            Conflict(errors=[Fault(loc=("json", 0), msg="taken")]),
            409,
            {"errors": [{"loc": ["json", 0], "msg": "taken", "type": "value_error"}]},
            {},
        ),
        (HTTPError("said"), 500, {**INTERNAL, "detail": "said"}, {}),
    ],
)
def test_an_http_error_is_answered_with_its_problem(
    error: HTTPError, status: int, problem: dict[str, Any], headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    response = raised(error)
    assert response.status_code == response.json()["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["content-length"] == str(len(response.content))
    assert problem.items() <= response.json().items()
    assert headers.items() <= dict(response.headers).items()
    assert not caplog.records


@pytest.mark.parametrize(
    "error",
    [
        Secret("the password is 123"),
        ValueError("the password is 123"),
        RecursionError("the password is 123"),
        OSError("the password is 123"),
        TimeoutError("the password is 123"),
        StopAsyncIteration("the password is 123"),
        ExceptionGroup("the password is 123", [Secret("the password is 123")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unexpected_exception_is_a_logged_500_that_shows_nothing(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    response = raised(error)
    assert (response.status_code, response.json()) == (500, INTERNAL)
    assert response.headers["content-type"] == "application/problem+json"
    assert "123" not in str(response.headers)
    [record] = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == ("jero.requests", logging.ERROR, "GET /raise failed")
    assert record.exc_info is not None
    assert "the password is 123" in str(record.exc_info[1])


def test_a_problem_that_cannot_be_encoded_is_a_logged_500(caplog: pytest.LogCaptureFixture) -> None:
    assert raised(Conflict("the file \udcff")).json() == INTERNAL
    assert len(caplog.records) == 1


def test_an_error_with_a_line_break_in_a_header_is_a_logged_500(caplog: pytest.LogCaptureFixture) -> None:
    response = raised(Conflict(headers={"X-A": "b\r\nSet-Cookie: c=d"}))
    assert (response.status_code, response.json()) == (500, INTERNAL)
    assert "set-cookie" not in response.headers
    assert caplog.records


async def numbers() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("annotation", "value", "found"),
    [
        (Headers, JSONResponse(content=1), "JSONResponse"),
        (NoContent, JSONResponse(content=1), "JSONResponse"),
        (JSONResponse[int], NoContent(), "NoContent"),
        (Created[int], JSONResponse(content=1), "JSONResponse"),
        (SSEResponse[int] | NoContent, NDJSONStreamingResponse(stream=numbers()), "NDJSONStreamingResponse"),
        (NoContent, None, "None"),
        (SSEResponse[int] | NoContent, None, "None"),
        (JSONResponse[int], 1, "int"),
        (NDJSONStreamingResponse[int], [1], "list"),
    ],
    ids=shown,
)
def test_an_undeclared_value_is_a_logged_500(
    annotation: Any, value: Any, found: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = returned(annotation, value)
    assert (response.status_code, response.json()) == (500, INTERNAL)
    [record] = caplog.records
    assert record.exc_info is not None
    assert f"MoviesEndpoint.get returned {found}; its return annotation says " in str(record.exc_info[1])


class Feed:
    """A stream that records whether it was closed."""

    def __init__(self) -> None:
        self.is_closed = False

    def __aiter__(self) -> AsyncIterator[int]:
        raise NotImplementedError

    async def aclose(self) -> None:
        self.is_closed = True


def test_a_stream_that_is_not_sent_is_closed() -> None:
    undeclared, unsendable = Feed(), Feed()
    assert returned(NoContent, SSEResponse(stream=undeclared)).json() == INTERNAL
    assert undeclared.is_closed
    assert (
        returned(SSEResponse[int, Headers], SSEResponse(stream=unsendable, headers=Headers("a\nb"))).json() == INTERNAL
    )
    assert unsendable.is_closed


def test_a_subclass_of_the_declared_response_is_sent() -> None:
    assert returned(JSONResponse[int], Created(content=1)).status_code == 201


@pytest.mark.parametrize(
    "value",
    [Headers(x_note="\ud800"), JSONResponse(content=object()), JSONResponse(content=1, headers=Headers("a\nb"))],
    ids=shown,
)
def test_a_value_that_cannot_be_encoded_is_a_logged_500(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    response = returned(JSONResponse[Any] | Headers, value)
    assert (response.status_code, response.json()) == (500, INTERNAL)
    assert len(caplog.records) == 1


def test_text_that_cannot_be_encoded_is_a_logged_500(caplog: pytest.LogCaptureFixture) -> None:
    assert returned(str, "\ud800").json() == INTERNAL
    assert len(caplog.records) == 1


class WaitingEndpoint(Endpoint, path="/wait"):
    """Waits, and notes that it does."""

    def __init__(self) -> None:
        self.is_waiting = asyncio.Event()

    async def get(self) -> str:
        self.is_waiting.set()
        await asyncio.get_running_loop().create_future()
        return "never"


async def test_a_cancellation_of_the_request_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = WaitingEndpoint()
    app = Application(endpoint)
    async with AsyncTestClient(app):
        with pytest.raises(asyncio.CancelledError):
            await call_and_cancel(app, "/wait", endpoint.is_waiting)
    assert not caplog.records


class Halt(BaseException):
    """An exception that is not an `Exception`."""


@pytest.mark.parametrize("error", [asyncio.CancelledError("inner"), Halt("inner"), BaseExceptionGroup("g", [Halt()])])
def test_an_exception_that_cancels_nothing_is_a_logged_500(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    response = raised(error)
    assert (response.status_code, response.json()) == (500, INTERNAL)
    [record] = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    assert record.exc_info[1].__cause__ is error


class AwaitingEndpoint(Endpoint, path="/"):
    """Awaits a task that somebody else has cancelled."""

    async def get(self) -> str:
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task
        return "never"


def test_a_handler_that_awaits_a_cancelled_task_is_a_logged_500(caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(Application(AwaitingEndpoint())) as client:
        assert client.get("/").json() == INTERNAL
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "error",
    [
        ExceptionGroup("tasks", [OutOfStock("none")]),
        ExceptionGroup("tasks", [ExceptionGroup("tasks", [OutOfStock("none"), Gone()]), Conflict()]),
    ],
)
def test_an_http_error_inside_a_group_is_answered_as_itself(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    response = raised(error)
    assert (response.status_code, response.json()["type"], response.json()["detail"]) == (409, "out-of-stock", "none")
    assert not caplog.records


def test_a_group_with_an_unexpected_exception_is_a_logged_500(caplog: pytest.LogCaptureFixture) -> None:
    assert raised(ExceptionGroup("tasks", [OutOfStock(), ValueError()])).json() == INTERNAL
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/vnd.problem+json"},
        {"content-type": "text/plain", "Content-Type": "application/vnd.problem+json"},
        {"Content-Type": "application/vnd.problem+json", "Content-Length": "3"},
    ],
)
def test_an_error_has_one_content_type_and_its_true_length(headers: dict[str, str]) -> None:
    response = raised(Conflict(headers=headers))
    assert response.headers.get_list("content-type") == ["application/vnd.problem+json"]
    assert response.headers.get_list("content-length") == [str(len(response.content))]
