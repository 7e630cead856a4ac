"""Overrides of dependencies by tasks that run at the same time: each request keeps what it has begun with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager

import pytest

from jero import BaseApp, Endpoint, Request
from jero.http.asgi import Message
from jero.testing import AsyncTestClient
from tests.application import http_scope


class Session:
    def __init__(self, name: str) -> None:
        self.name = name


async def session(request: Request) -> AsyncIterator[Session]:
    yield Session(f"{request.method} of the application")


class Sessions(Endpoint, path="/sessions"):
    async def get(self, session: Session) -> str:
        return session.name

    async def post(self, content: bytes, session: Session) -> str:
        return f"{session.name}: {content.decode()}"

    async def put(self, content: bytes, session: Session) -> AsyncIterator[str]:
        yield f"{session.name}: {content.decode()}"


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_dependency(session)
        self._include_endpoint(Sessions())


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_request_whose_body_arrives_during_an_override_keeps_its_dependencies(method: str) -> None:
    app, sent = App(), list[Message]()
    is_reading, body = asyncio.Event(), asyncio.Queue[Message]()

    async def receive() -> Message:
        is_reading.set()
        return await body.get()

    async def send(message: Message) -> None:
        sent.append(message)

    scope = http_scope(method, "/sessions", headers=[(b"content-length", b"4")])
    async with app.lifespan():
        request = asyncio.create_task(app(scope, receive, send))
        await is_reading.wait()
        with app.override(Session, Session("another")):
            body.put_nowait({"type": "http.request", "body": b"late"})
            await request
    start, *bodies = sent
    assert start["status"] == 200
    assert f"{method} of the application: late".encode() in b"".join(message["body"] for message in bodies)


async def test_overrides_that_do_not_end_in_the_order_of_their_beginning_all_end() -> None:
    app = App()

    def override(name: str) -> AbstractContextManager[None]:
        return app.override(Session, Session(name))

    async with AsyncTestClient(app) as client:

        async def used() -> str:
            return (await client.get("/sessions")).text

        first, second = override("first"), override("second")
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert await used() == "second"
        first = override("first")
        first.__enter__()
        second.__exit__(None, None, None)
        assert await used() == "first"
        first.__exit__(None, None, None)
        assert await used() == "GET of the application"
