"""The errors of a dependency that fails when it is left: none of them hides another one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Self

import pytest

from jero import BaseApp, Endpoint, JSONResponse, NDJSONStreamingResponse
from jero.testing import AsyncTestClient
from tests.dependencies.recorded import Call, Record, RecordedApp, Session, WholeEndpoint


class Broken:
    """A context manager that is a class, and fails when it is left."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        raise self.error or RuntimeError("the rollback fails")


class BrokenEndpoint(Endpoint, path="/broken"):
    async def get(self, broken: Broken) -> str:
        raise ValueError("the handler fails")

    async def post(self, broken: Broken) -> JSONResponse[str] | NDJSONStreamingResponse[int]:
        raise ValueError("the handler fails")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_log_shows_the_error_of_the_handler_and_that_of_its_dependency(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    class BrokenApp(BaseApp):
        async def _wire(self) -> None:
            self._include_dependency(Broken)
            self._include_endpoint(BrokenEndpoint())

    async with AsyncTestClient(BrokenApp()) as client:
        assert (await client.request(method, "/broken")).status_code == 500
    assert "ValueError: the handler fails" in caplog.text
    assert "RuntimeError: the rollback fails" in caplog.text


async def test_an_error_that_a_dependency_raises_again_is_no_circle(caplog: pytest.LogCaptureFixture) -> None:
    cause = KeyError("the cause")

    class Raising(Endpoint, path="/raising"):
        async def get(self, broken: Broken) -> str:
            try:
                raise cause
            except KeyError:
                raise ValueError("the handler fails")  # noqa: B904 - its context is what is tested

    class RaisingApp(BaseApp):
        async def _wire(self) -> None:
            self._include_dependency(lambda: Broken(cause), as_=Broken)
            self._include_endpoint(Raising())

    async with AsyncTestClient(RaisingApp()) as client:
        assert (await client.get("/raising")).status_code == 500
    assert cause.__context__ is None
    assert "KeyError: 'the cause'" in caplog.text


async def test_a_commit_that_fails_after_its_request_was_cancelled_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Closing(Record):
        async def session(self) -> AsyncIterator[Session]:
            yield Session(self)
            self.note("closing")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            raise ValueError("the commit fails")

    record = Closing()
    app = RecordedApp(record, WholeEndpoint())
    async with app.lifespan():
        call = Call(app, record, "/whole").start()
        await record.until("closing")
        call.task.cancel()
        assert isinstance(await call.ended(), asyncio.CancelledError)
    assert "ValueError: the commit fails" in caplog.text
