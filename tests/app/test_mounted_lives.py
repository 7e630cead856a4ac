"""The lives of mounted applications within the application's, and the application's within a host's."""

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
    """Notes its life in `events`; its startup, or its shutdown, fails where the message of that is given."""

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
    """Has the guests that it is given, a resource that is opened after they are included, and notes its own life."""

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


async def test_they_start_in_the_order_of_inclusion_and_end_in_reverse() -> None:
    events: list[str] = []
    outer = Outer((Guest("a", events), "/a"), (Guest("b", events), "/b"), events=events)
    for _ in range(2):
        async with AsyncTestClient(outer):
            assert events == STARTED
        assert events == STARTED + ENDED
        events.clear()


async def test_one_at_two_paths_lives_once() -> None:
    events: list[str] = []
    guest = Guest("a", events)
    async with AsyncTestClient(Outer((guest, "/a"), (guest, "/b"), events=events)):
        pass
    assert events == ["opened", "startup of a", "shutdown of a", "closed"]


async def test_a_startup_that_fails_is_the_application_s_and_ends_what_has_started() -> None:
    events: list[str] = []
    guests = (Guest("a", events), "/a"), (Guest("b", events, startup="no database"), "/b"), (Guest("c", events), "/c")
    with pytest.raises(RuntimeError, match=r"The application at /b's startup failed: no database"):
        await AsyncTestClient(Outer(*guests, events=events)).__aenter__()
    assert events == ["opened", "startup of a", "startup of b", "shutdown of a", "closed"]


async def test_a_shutdown_that_fails_is_the_application_s_and_keeps_no_other_from_ending() -> None:
    events: list[str] = []
    guests = (Guest("a", events), "/a"), (Guest("b", events, shutdown="it hangs"), "/b")
    client = AsyncTestClient(Outer(*guests, events=events))
    await client.__aenter__()
    with pytest.raises(RuntimeError, match=r"The application at /b's shutdown failed: it hangs"):
        await client.__aexit__()
    assert events == STARTED + ENDED


async def test_one_of_jero_s_own_is_wired_and_its_fault_is_named() -> None:
    inner_events: list[str] = []
    inner = Outer(events=inner_events)
    async with AsyncTestClient(Outer((inner, "/inner"), events=[])) as client:
        assert inner_events == ["opened"]
        assert (await client.get("/inner/health")).text == "well"
    assert inner_events == ["opened", "closed"]
    with pytest.raises(RuntimeError, match="at /inner's startup failed: WiringError: _include_app: got"):
        await AsyncTestClient(Outer((Outer((None, "/a"), events=[]), "/inner"), events=[])).__aenter__()


def test_where_the_first_request_begins_the_life_they_are_started_and_ended_too() -> None:
    events: list[str] = []
    outer = Outer((Guest("a", events), "/a"), (Outer(events=[]), "/inner"), events=events)

    async def ask() -> None:
        for path in ("/health", "/inner/health"):
            start, _ = await call(outer, http_scope(path=path))
            assert start["status"] == 200

    asyncio.run(ask())
    assert events[:2] == ["opened", "startup of a"]
    assert events[-1] == "closed"


async def test_a_host_runs_the_life() -> None:
    events: list[str] = []
    outer = Outer((Guest("a", events), "/a"), events=events)
    for _ in range(2):
        async with outer.lifespan():
            assert events == ["opened", "startup of a"]
            start, _ = await call(outer, http_scope(path="/health"))
            assert start["status"] == 200
        assert events == ["opened", "startup of a", "shutdown of a", "closed"]
        events.clear()


async def test_the_host_is_told_what_fails() -> None:
    outer = Outer((Outer, "/a"), events=[])
    with pytest.raises(WiringError, match="got Outer, a class"):
        async with outer.lifespan():
            pass


async def test_what_fails_in_the_host_ends_the_life_and_goes_on() -> None:
    events: list[str] = []
    with pytest.raises(ValueError, match="the host's"):
        async with Outer(events=events).lifespan():
            raise ValueError("the host's")
    assert events == ["opened", "closed"]


async def test_the_end_of_the_life_ends_the_streams() -> None:
    outer = Outer(events=[])
    client = AsyncTestClient(outer)  # not entered: it is the host that starts the application up
    async with outer.lifespan():
        response = await client.send(client.build_request("GET", "/clock"), stream=True)
        chunks = response.aiter_text()
        assert await anext(chunks) == "data: 1\n\n"
        reading = asyncio.ensure_future(anext(chunks))
    assert (await reading).startswith("retry: ")
    await response.aclose()


async def test_there_is_one_life_at_a_time() -> None:
    outer = Outer(events=[])
    async with outer.lifespan():
        with pytest.raises(WiringError, match="The application runs already"):
            async with outer.lifespan():
                pass
        with pytest.raises(RuntimeError, match="The application runs already"):
            await AsyncTestClient(outer).__aenter__()
        start, _ = await call(outer, http_scope(path="/health"))
        assert start["status"] == 200


class Asking(BaseApp):
    """Is asked while it starts up, and while it goes down."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []

    async def _wire(self) -> None:
        await self._ask()
        await self._aenter(self._resource())

    @asynccontextmanager
    async def _resource(self) -> AsyncGenerator[None, None]:
        yield
        await self._ask()

    async def _ask(self) -> None:
        start, _ = await call(self, http_scope())
        self.statuses.append(start["status"])


async def test_a_request_that_comes_too_early_or_too_late_is_asked_back() -> None:
    app = Asking()
    async with app.lifespan():
        pass
    assert app.statuses == [503, 503]
