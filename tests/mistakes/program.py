"""Runs a beginner's program, and returns how jero answers the mistake in it."""

import asyncio
import logging
from collections.abc import Sequence
from textwrap import dedent
from typing import Any, Literal, NamedTuple, TypeAlias

import httpx

from jero import BaseApp, Endpoint, WiringError
from jero.testing import AsyncTestClient

When: TypeAlias = Literal["import", "startup", "request"]

# What each program has imported, and the class of what most of them send.
PRELUDE = """
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Optional

import msgspec
import pydantic
from msgspec import Struct
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse as StarletteResponse

from jero import *
from jero.channels import Channel, Channels, MemoryStore
from jero.runs import Runs

class Movie(Struct):
    title: str
"""


class Mistake(NamedTuple):
    """Describes a mistake by a program that has it, and by the answer: `when` it comes, and its `sentence`.

    The program has an `app`, a class `App`, or one endpoint, whose first operation is then called. `HEADERS` are those
    of the request.
    """

    when: When
    program: str
    sentence: str


class Answer(NamedTuple):
    """Describes how jero answers a program: when, and with which sentence."""

    when: When
    sentence: str


def run(program: str, records: Sequence[logging.LogRecord]) -> Answer:
    """Runs a program, up to its first request. `records`: what is logged meanwhile.

    Raises `AssertionError` if the program has no mistake that jero finds.
    """
    members: dict[str, Any] = {"__name__": "program"}
    exec(PRELUDE, members)
    known = set(members)
    try:
        exec(dedent(program), members)
        app = _application(members, known)
    except (WiringError, ValueError, TypeError) as error:
        return Answer("import", str(error))
    return asyncio.run(_serve(app, members.get("HEADERS", {}), records))


def _application(members: dict[str, Any], known: set[str]) -> Any:
    if "app" in members:
        return members["app"]
    if "App" in members:
        return members["App"]()
    own = [value for name, value in members.items() if name not in known and isinstance(value, type)]
    endpoint = next(value for value in own if issubclass(value, Endpoint))

    class App(BaseApp):
        async def _wire(self) -> None:
            self._include_endpoint(endpoint())

    return App()


async def _serve(app: Any, headers: dict[str, str], records: Sequence[logging.LogRecord]) -> Answer:
    client = AsyncTestClient(app, headers=headers)
    try:
        async with app.lifespan():
            operations = [route.operation for route in app._wiring.documented]
            assert operations, "the application has no operation, and starts"
            for _ in range(2):  # some mistakes show when a request comes again
                await _call(client, operations[0].method, operations[0].template.text)
    except (WiringError, ValueError) as error:
        return Answer("startup", str(error))
    errors = [record.exc_info[1] for record in records if record.exc_info and record.exc_info[1]]
    assert errors, "jero finds no mistake"
    return Answer("request", str(errors[-1]))


async def _call(client: AsyncTestClient, method: str, path: str) -> None:
    json = {"title": "Up"} if method in ("POST", "PUT", "PATCH") else None
    try:
        response = await client.request(method, path, json=json)
    except httpx.RemoteProtocolError:  # a stream that has begun is cut
        return
    assert response.status_code in (200, 500), response.text
