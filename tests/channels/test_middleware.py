"""Streams of channels behind middleware whose `send` does more than pass the message on."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from jero.channels import Channel, MemoryStore
from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send
from jero.testing import AsyncTestClient
from tests.channels.reading import Note, publish, until
from tests.channels.visitor import Visitor, Watching


def passing_on(app: ASGIApp) -> ASGIApp:
    """Wraps the application in Starlette's middleware, which passes each message to another task."""

    async def dispatch(request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)

    return BaseHTTPMiddleware(app, dispatch)


def compressing(app: ASGIApp) -> ASGIApp:
    return GZipMiddleware(app)


def pausing(app: ASGIApp) -> ASGIApp:
    """Wraps `send` in a timeout and a pause of one turn. The timeout belongs to the task that sends."""

    async def paused(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_later(message: Message) -> None:
            async with asyncio.timeout(60):
                await asyncio.sleep(0)
                await send(message)

        await app(scope, receive, send_later)

    return paused


def timing(app: ASGIApp) -> ASGIApp:
    """Wraps `send` in a timeout, without a pause."""

    async def timed(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_now(message: Message) -> None:
            async with asyncio.timeout(60):
                await send(message)

        await app(scope, receive, send_now)

    return timed


@pytest.mark.parametrize("around", [passing_on, compressing, pausing, timing])
async def test_every_event_passes_the_middleware_once_and_in_order(around: Callable[[ASGIApp], Any]) -> None:
    async with MemoryStore() as store:
        channel = Channel(store, "notes", Note, history=1_000)
        app = Watching(channel)
        async with AsyncTestClient(app):
            visitors = [Visitor(around(app), "/events") for _ in range(5)]
            await until(lambda: channel.statistics().subscribers == 5)
            ids: list[str] = []
            for number in range(1, 60):
                ids += await publish(channel, number % 3 + 1, first=len(ids) + 1)
                for _ in range(number % 4):
                    await asyncio.sleep(0)
            await until(lambda: all(visitor.body.count(b"\n\n") == len(ids) for visitor in visitors))
            for visitor in visitors:
                sent = [line[4:].decode() for line in visitor.body.splitlines() if line.startswith(b"id: ")]
                assert sent == ids
            for visitor in visitors:
                await visitor.leave()
            assert channel.statistics().subscribers == 0
            assert {outcome.reason for outcome in app.outcomes} == {"disconnected"}
            assert {outcome.items for outcome in app.outcomes} == {len(ids)}
