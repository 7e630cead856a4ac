"""A handler of an endpoint with `handler_timeout` is cancelled if it has not returned in time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import Struct

from jero import BaseApp, Endpoint, JSONResponse, NDJSONStreamingResponse, UnprocessableContent
from jero.errors import GatewayTimeout
from jero.http.asgi import Message
from jero.testing import AsyncTestClient
from tests.application import Application, http_scope
from tests.openapi.documents import decoded, operations

SOON = 0.01
NEVER = 60.0


class Work:
    """Does the work of a handler, and notes how it ends."""

    def __init__(self, result: Any = None) -> None:
        self.result = result
        self.notes: list[str] = []
        self.suppresses = False

    async def run(self) -> Any:
        try:
            if self.result is None:
                await asyncio.get_running_loop().create_future()
            if isinstance(self.result, Exception):
                raise self.result
            return self.result
        except asyncio.CancelledError:
            self.notes.append("cancelled")
            if not self.suppresses:
                raise
            return "suppressed"
        finally:
            await asyncio.sleep(0)
            self.notes.append("torn down")


class WorkEndpoint(Endpoint, path="/work"):
    handler_timeout = SOON

    def __init__(self, work: Work) -> None:
        self.work = work

    async def get(self) -> str:
        return str(await self.work.run())

    async def put(self, content: AsyncIterator[bytes]) -> str:
        async for _ in content:
            pass
        return str(await self.work.run())

    async def post(self) -> NDJSONStreamingResponse[int] | str:
        result: str | NDJSONStreamingResponse[int] = await self.work.run()
        return result


class AttentiveEndpoint(WorkEndpoint, path="/work"):
    cancel_on_disconnect = True


@pytest.fixture(params=[WorkEndpoint, AttentiveEndpoint])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_a_handler_that_takes_too_long_is_cancelled_once_and_answered_with_504(kind: Any, method: str) -> None:
    work = Work()
    async with AsyncTestClient(Application(kind(work))) as client:
        response = await client.request(method, "/work", content=b"a" if method == "PUT" else None)
    assert (response.status_code, response.json()["type"]) == (504, "gateway-timeout")
    assert response.json()["detail"] == "The handler did not return within 0.01 s."
    assert work.notes == ["cancelled", "torn down"]


async def test_a_handler_that_returns_nevertheless_is_answered(kind: Any) -> None:
    work = Work()
    work.suppresses = True
    async with AsyncTestClient(Application(kind(work))) as client:
        assert (await client.get("/work")).text == "suppressed"


@pytest.mark.parametrize("error", [UnprocessableContent("of its own"), TimeoutError("of its own")])
async def test_an_error_of_the_handler_is_its_own(kind: Any, error: Exception) -> None:
    endpoint = kind(Work(error))
    endpoint.handler_timeout = NEVER
    async with AsyncTestClient(Application(endpoint), raise_app_exceptions=False) as client:
        assert (await client.get("/work")).status_code == (422 if isinstance(error, UnprocessableContent) else 500)


async def test_a_stream_may_take_longer_than_its_handler(kind: Any) -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(2 * SOON)
        yield 2

    endpoint = kind(Work(NDJSONStreamingResponse(stream=numbers())))
    async with AsyncTestClient(Application(endpoint)) as client:
        assert (await client.post("/work")).text == "1\n2\n"


async def test_a_timeout_around_the_request_is_not_taken_for_its_own(kind: Any) -> None:
    work = Work()
    endpoint = kind(work)
    endpoint.handler_timeout = NEVER

    async def receive() -> Message:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError(message)

    application = Application(endpoint)
    async with application.lifespan():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON):
                await application(http_scope(path="/work"), receive, send)
    assert work.notes == ["cancelled", "torn down"]


class Answer(Struct):
    title: str


async def test_an_exception_handler_may_answer_it() -> None:
    async def answer(error: GatewayTimeout) -> JSONResponse[Answer]:
        return JSONResponse(content=Answer(error.title))

    class App(BaseApp):
        async def _wire(self) -> None:
            self._include_endpoint(WorkEndpoint(Work()), exception_handlers={GatewayTimeout: answer})

    async with AsyncTestClient(App()) as client:
        assert (await client.get("/work")).json() == {"title": "Gateway timeout"}


def test_the_document_lists_504_where_a_handler_has_a_limit() -> None:
    class LimitlessEndpoint(Endpoint, path="/limitless"):
        async def get(self) -> str:
            return "a"

    paths = decoded(operations(WorkEndpoint(Work()), LimitlessEndpoint()))["paths"]
    assert "504" in paths["/work"]["get"]["responses"]
    assert "504" not in paths["/limitless"]["get"]["responses"]
