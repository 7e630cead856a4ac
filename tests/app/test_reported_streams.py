"""The streams of a mounted application are listed, stopped and, if the outer one wants that, reported by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, StreamOutcome, StreamStart
from jero.testing import AsyncTestClient, TestClient
from tests.app.test_mounts import Guest
from tests.application import Application


class TicksEndpoint(Endpoint, path="/ticks"):
    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._ticks())

    async def _ticks(self) -> AsyncIterator[int]:
        yield 1
        await asyncio.get_running_loop().create_future()


class ListedEndpoint(Endpoint, path="/listed"):
    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=[1, 2])


class Plain(Application):
    """Mounts applications, and keeps the reasons of the streams that it is told of. `calls`: shared by all."""

    def __init__(self, name: str, calls: list[str], *mounted: BaseApp, reports: bool = True) -> None:
        super().__init__(TicksEndpoint(), ListedEndpoint())
        self._name, self._mounted, self._reports = name, mounted, reports
        self.calls = calls

    async def _wire(self) -> None:
        await super()._wire()
        for number, app in enumerate(self._mounted):
            self._include_app(app, path=f"/{number}", reports_streams=self._reports)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.calls.append(f"{self._name}: {outcome.reason}")


class Gauged(Plain):
    async def _on_stream_start(self, start: StreamStart) -> None:
        self.calls.append(f"{self._name}: start")


class Failing(Gauged):
    async def _on_stream_start(self, start: StreamStart) -> None:
        await super()._on_stream_start(start)
        raise ValueError("start")

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        await super()._on_stream_end(outcome)
        raise ValueError("end")


CASES: list[tuple[type[Plain], type[Plain], list[str]]] = [
    (Gauged, Gauged, ["inner: start", "outer: start", "inner: completed", "outer: completed"]),
    (Gauged, Plain, ["outer: start", "inner: completed", "outer: completed"]),
    (Plain, Gauged, ["inner: start", "inner: completed", "outer: completed"]),
    (Plain, Plain, ["inner: completed", "outer: completed"]),
    (Gauged, Failing, ["inner: start", "outer: start", "inner: completed", "outer: completed"]),
    (Failing, Gauged, ["inner: start", "outer: start", "inner: completed", "outer: completed"]),
]


@pytest.mark.parametrize(("outer", "inner", "expected"), CASES)
def test_the_outer_hooks_are_called_after_those_of_the_mounted_application(
    outer: type[Plain], inner: type[Plain], expected: list[str]
) -> None:
    calls: list[str] = []
    app = outer("outer", calls, inner("inner", calls))
    for _ in range(2):  # a second startup adds nothing
        calls.clear()
        with TestClient(app) as client:
            assert client.get("/0/listed").text == "1\n2\n"
        assert calls == expected


def test_streams_are_not_reported_unless_the_outer_application_wants_it() -> None:
    calls: list[str] = []
    inner = Gauged("inner", calls)
    with TestClient(Gauged("outer", calls, inner, reports=False)) as client:
        client.get("/0/listed")
    assert calls == ["inner: start", "inner: completed"]


def test_an_application_that_ran_in_another_one_reports_to_itself_alone_afterwards() -> None:
    calls: list[str] = []
    inner = Gauged("inner", calls)
    with TestClient(Gauged("outer", calls, inner)) as client:
        client.get("/0/listed")
    calls.clear()
    with TestClient(inner) as client:
        client.get("/listed")
    assert calls == ["inner: start", "inner: completed"]


def test_an_application_that_is_mounted_twice_reports_once() -> None:
    calls: list[str] = []
    inner = Plain("inner", calls)
    with TestClient(Plain("outer", calls, inner, inner)) as client:
        client.get("/0/listed")
        client.get("/1/listed")
    assert calls == ["inner: completed", "outer: completed"] * 2


async def test_streams_of_any_depth_are_listed_stopped_and_reported() -> None:
    calls: list[str] = []
    innermost = Gauged("innermost", calls)
    app = Gauged("outer", calls, Gauged("middle", calls, innermost))
    async with AsyncTestClient(app) as client:
        async with aclosing(client.ndjson("/0/0/ticks", int)) as ticks:
            assert await anext(ticks) == 1
            [stream] = app.streams()
            assert (stream.endpoint, stream.path) == ("TicksEndpoint", "/0/0/ticks")
            assert [found.id for found in innermost.streams()] == [stream.id]
            assert app.stop_stream(stream.id)
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(ticks)
        assert app.streams() == ()
        assert not app.stop_stream(stream.id)
    names = ("innermost", "middle", "outer")
    assert calls == [*(f"{name}: start" for name in names), *(f"{name}: stopped" for name in names)]


class Reporting(BaseApp):
    def __init__(self, app: Any) -> None:
        super().__init__()
        self._guest = app

    async def _wire(self) -> None:
        self._include_app(self._guest, path="/guest", reports_streams=True)


def test_only_a_jero_application_can_report_its_streams() -> None:
    message = "_include_app: reports_streams=True, but Guest is not a BaseApp. Leave reports_streams out."
    with pytest.raises(RuntimeError) as refused, TestClient(Reporting(Guest())):
        pass
    assert message in str(refused.value)
