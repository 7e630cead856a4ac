"""Startup and shutdown of mounted applications, and of an application that a host runs."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jero import BaseApp, Endpoint, SSEResponse, WiringError
from jero.http.asgi import Receive, Scope, Send
from jero.testing import AsyncTestClient
from tests.application import call, http_scope


class Guest:
    """Records its startup and shutdown in `events`. A phase fails if `messages` has a message for it."""

    def __init__(self, name: str, events: list[str], **messages: str) -> None:
        self._name = name
        self._events = events
        self._messages = messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        for phase in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{phase}"
            self._events.append(f"{phase} of {self._name}")
            if phase in self._messages:
                await send({"type": f"lifespan.{phase}.failed", "message": self._messages[phase]})
                raise RuntimeError(self._messages[phase])  # as Starlette does
            await send({"type": f"lifespan.{phase}.complete"})


class HealthEndpoint(Endpoint, path="/health"):
    async def get(self) -> str:
        return "well"


class ClockEndpoint(Endpoint, path="/clock"):
    async def get(self) -> SSEResponse[int]:
        return SSEResponse(stream=self._ticks())

    async def _ticks(self) -> AsyncIterator[int]:
        yield 1
        await asyncio.get_running_loop().create_future()


class Outer(BaseApp):
    """Mounts these guests, then opens a resource. Records in `events` when the resource is opened and closed."""

    def __init__(self, *guests: tuple[Any, str], events: list[str]) -> None:
        super().__init__()
        self._guests = guests
        self._events = events

    async def _wire(self) -> None:
        for guest, path in self._guests:
            self._include_app(guest, path=path)
        for endpoint in (HealthEndpoint(), ClockEndpoint()):
            self._include_endpoint(endpoint)
        await self._aenter(self._resource())

    @asynccontextmanager
    async def _resource(self) -> AsyncGenerator[None, None]:
        self._events.append("opened")
        try:
            yield
        finally:
            self._events.append("closed")


STARTED = ["opened", "startup of a", "startup of b"]
ENDED = ["shutdown of b", "shutdown of a", "closed"]


async def test_mounted_applications_start_in_order_of_inclusion_and_shut_down_in_reverse() -> None:
    events: list[str] = []
    outer = Outer((Guest("a", events), "/a"), (Guest("b", events), "/b"), events=events)
    for _ in range(2):
        async with AsyncTestClient(outer):
            assert events == STARTED
        assert events == STARTED + ENDED
        events.clear()


async def test_an_application_at_two_paths_starts_once() -> None:
    events: list[str] = []
    guest = Guest("a", events)
    async with AsyncTestClient(Outer((guest, "/a"), (guest, "/b"), events=events)):
        pass
    assert events == ["opened", "startup of a", "shutdown of a", "closed"]


async def test_a_failed_startup_of_a_mount_fails_the_startup_and_shuts_down_the_others() -> None:
    events: list[str] = []
    guests = (Guest("a", events), "/a"), (Guest("b", events, startup="no database"), "/b"), (Guest("c", events), "/c")
    with pytest.raises(RuntimeError, match=r"The application at /b's startup failed: no database"):
        await AsyncTestClient(Outer(*guests, events=events)).__aenter__()
    assert events == ["opened", "startup of a", "startup of b", "shutdown of a", "closed"]


async def test_a_failed_shutdown_of_a_mount_fails_the_shutdown_after_the_others() -> None:
    events: list[str] = []
    guests = (Guest("a", events), "/a"), (Guest("b", events, shutdown="it hangs"), "/b")
    client = AsyncTestClient(Outer(*guests, events=events))
    await client.__aenter__()
    with pytest.raises(RuntimeError, match=r"The application at /b's shutdown failed: it hangs"):
        await client.__aexit__()
    assert events == STARTED + ENDED


async def test_a_mounted_jero_application_is_wired_and_its_fault_is_reported() -> None:
    inner_events: list[str] = []
    inner = Outer(events=inner_events)
    async with AsyncTestClient(Outer((inner, "/inner"), events=[])) as client:
        assert inner_events == ["opened"]
        assert (await client.get("/inner/health")).text == "well"
    assert inner_events == ["opened", "closed"]
    with pytest.raises(RuntimeError, match="at /inner's startup failed: WiringError: _include_app: got"):
        await AsyncTestClient(Outer((Outer((None, "/a"), events=[]), "/inner"), events=[])).__aenter__()


def test_mounted_applications_start_with_the_first_request_if_no_server_starts_the_outer_one() -> None:
    events: list[str] = []
    outer = Outer((Guest("a", events), "/a"), (Outer(events=[]), "/inner"), events=events)

    async def send_requests() -> None:
        for path in ("/health", "/inner/health"):
            start, _ = await call(outer, http_scope(path=path))
            assert start["status"] == 200

    asyncio.run(send_requests())
    assert events[:2] == ["opened", "startup of a"]
    assert events[-1] == "closed"


async def test_a_host_starts_and_shuts_down_the_application() -> None:
    events: list[str] = []
    outer = Outer((Guest("a", events), "/a"), events=events)
    for _ in range(2):
        async with outer.lifespan():
            assert events == ["opened", "startup of a"]
            start, _ = await call(outer, http_scope(path="/health"))
            assert start["status"] == 200
        assert events == ["opened", "startup of a", "shutdown of a", "closed"]
        events.clear()


async def test_a_failed_startup_is_raised_to_the_host() -> None:
    outer = Outer((Outer, "/a"), events=[])
    with pytest.raises(WiringError, match="got Outer, a class"):
        async with outer.lifespan():
            pass


async def test_an_exception_of_the_host_shuts_down_the_application() -> None:
    events: list[str] = []
    with pytest.raises(ValueError, match="the host's"):
        async with Outer(events=events).lifespan():
            raise ValueError("the host's")
    assert events == ["opened", "closed"]


async def test_a_shutdown_by_the_host_ends_the_streams() -> None:
    outer = Outer(events=[])
    client = AsyncTestClient(outer)  # not entered: the host starts the application
    async with outer.lifespan():
        response = await client.send(client.build_request("GET", "/clock"), stream=True)
        chunks = response.aiter_text()
        assert await anext(chunks) == "data: 1\n\n"
        reading = asyncio.ensure_future(anext(chunks))
    assert (await reading).startswith("retry: ")
    await response.aclose()


async def test_an_application_that_is_started_cannot_be_started_again() -> None:
    outer = Outer(events=[])
    async with outer.lifespan():
        with pytest.raises(WiringError, match="The application is started already"):
            async with outer.lifespan():
                pass
        with pytest.raises(RuntimeError, match="The application is started already"):
            await AsyncTestClient(outer).__aenter__()
        start, _ = await call(outer, http_scope(path="/health"))
        assert start["status"] == 200


class Requested(BaseApp):
    """Gets a request while it starts up, and while it shuts down."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []

    async def _wire(self) -> None:
        await self._request()
        await self._aenter(self._resource())

    @asynccontextmanager
    async def _resource(self) -> AsyncGenerator[None, None]:
        yield
        await self._request()

    async def _request(self) -> None:
        start, _ = await call(self, http_scope())
        self.statuses.append(start["status"])


async def test_a_request_during_startup_or_shutdown_is_a_503() -> None:
    app = Requested()
    async with app.lifespan():
        pass
    assert app.statuses == [503, 503]
