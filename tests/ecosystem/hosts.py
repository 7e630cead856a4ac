"""The feeds mounted in other frameworks, and other frameworks mounted next to the feeds."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from jero import BaseApp, Unauthorized
from jero.auth import BearerAuth
from tests.servers.feeds import Feeds, report

in_starlette = Feeds()
starlette = Starlette(routes=[Mount("/jero", app=in_starlette)], lifespan=lambda _: in_starlette.lifespan())

in_fastapi = Feeds()
fastapi = FastAPI(lifespan=lambda _: in_fastapi.lifespan())
fastapi.mount("/jero", in_fastapi)

lazily = Starlette(routes=[Mount("/jero", app=Feeds())])


class State(TypedDict):
    """The state of a guest's lifespan."""

    name: str


async def see(request: Request) -> JSONResponse:
    """Returns the scope of a request as a guest sees it."""
    seen = {"url": str(request.url), "url_for": str(request.url_for("see", item="2")), "name": request.state.name}
    return JSONResponse({**seen, "item": request.path_params["item"], "root_path": request.scope["root_path"]})


async def raise_before(request: Request) -> JSONResponse:
    """Raises. Starlette answers with a 500, and raises the exception on."""
    raise ValueError("a guest's")


async def echo(websocket: WebSocket) -> None:
    """Sends back one message, with the path that it came by."""
    await websocket.accept()
    await websocket.send_text(f"{websocket.url.path} {websocket.state.name} {await websocket.receive_text()}")
    await websocket.close()


class Caller(Struct, frozen=True):
    """Names the caller of a guest."""

    name: str


class Tokens(BearerAuth[Caller]):
    """Admits whoever has the token."""

    async def verify(self, token: str) -> Caller:
        if token != "right":
            raise Unauthorized
        return Caller("Ada")


async def who(request: Request) -> JSONResponse:
    """Returns the name of the caller, as Starlette shows who was authenticated."""
    return JSONResponse(request.user.name)


async def greet(websocket: WebSocket) -> None:
    """Sends the name of the caller."""
    await websocket.accept()
    await websocket.send_text(websocket.user.name)
    await websocket.close()


@asynccontextmanager
async def starlette_life(app: Starlette) -> AsyncGenerator[State, None]:
    """A lifespan as a user of Starlette writes it."""
    report("started", key="starlette")
    yield State(name="starlette")
    report("stopped", key="starlette")


@asynccontextmanager
async def fastapi_life(app: FastAPI) -> AsyncGenerator[State, None]:
    """A lifespan as a user of FastAPI writes it. It fails if the environment says so."""
    if "JERO_TEST_FAIL" in os.environ:
        raise RuntimeError("no database")
    report("started", key="fastapi")
    yield State(name="fastapi")
    report("stopped", key="fastapi")


starlette_guest = Starlette(
    routes=[
        Route("/items/{item}", see, name="see"),
        Route("/", raise_before),
        WebSocketRoute("/echo", echo),
        Route("/who", who),
        WebSocketRoute("/greet", greet),
        Mount("/jero", app=Feeds()),
    ],
    lifespan=starlette_life,
)
fastapi_guest = FastAPI(lifespan=fastapi_life, title="A guest")


@fastapi_guest.get("/items/{item}")
async def item_of_fastapi(item: int, request: Request) -> dict[str, object]:
    """An operation that FastAPI validates."""
    return {"item": item, "name": request.state.name}


class Host(Feeds):
    """The feeds with guests."""

    async def _wire(self) -> None:
        await super()._wire()
        self._include_app(starlette_guest, path="/starlette")
        self._include_app(starlette_guest, path="/guarded", auth=Tokens())
        self._include_app(fastapi_guest, path="/fast/api")
        self._include_app(Inner(), path="/inner")


class Inner(BaseApp):
    """A jero application between the host and the feeds."""

    async def _wire(self) -> None:
        self._include_app(Feeds(), path="/feeds")


host = Host()
