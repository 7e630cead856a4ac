"""Paths that no honest client sends, and root paths that a proxy removes: every server finds the same route."""

import httpx
import pytest
from fastapi import FastAPI
from msgspec import Struct
from starlette.applications import Starlette
from starlette.routing import Mount

from jero import BaseApp, Endpoint
from tests.servers.running import running
from tests.servers.servers import GRANIAN, HYPERCORN, SERVERS, UVICORN_PURE, Server
from tests.servers.wire import Answers, request


class Item(Struct):
    name: str


class ItemEndpoint(Endpoint, path="/item/{name}"):
    async def get(self, path: Item) -> str:
        return f"item {path.name}"


class UnitsEndpoint(Endpoint, path="/units/kg"):
    async def get(self) -> str:
        return "kg"


class SlotEndpoint(Endpoint, path="/{name}"):
    async def get(self, path: Item) -> str:
        return f"slot {path.name}"


class BoomEndpoint(Endpoint, path="/boom/{name}"):
    async def get(self, path: Item) -> str:
        raise RuntimeError


guest = FastAPI()


@guest.get("/orders/{order:path}")
def order(order: str) -> str:
    return order


class Inner(BaseApp):
    async def _wire(self) -> None:
        self._include_app(guest, path="/guest")
        self._include_endpoint(ItemEndpoint())


class App(BaseApp):
    async def _wire(self) -> None:
        for endpoint in (ItemEndpoint(), UnitsEndpoint(), SlotEndpoint(), BoomEndpoint()):
            self._include_endpoint(endpoint)
        self._include_app(guest, path="/guest")
        self._include_app(Inner(), path="/inner")
        self._include_app(Starlette(routes=[Mount("/deep", app=Inner())]), path="/host")


app = App()
hosting = Starlette(routes=[Mount("/mounted", app=App())])


def behind(root_path: str, server: Server) -> tuple[str, ...]:
    """Returns the options that tell the server the prefix which its proxy removes."""
    if not root_path:
        return ()
    return ("--url-path-prefix" if server is GRANIAN else "--root-path", root_path)


TARGETS = [
    ("/item/a", 200, "item a"),
    ("/item/a%2Fb", 200, "item a/b"),
    ("/item/%C3%A9%20", 200, "item é "),
    ("/units/kg", 200, "kg"),
    ("/units%2Fkg", 200, "slot units/kg"),
    ("/item/%ff", 400, "not percent-encoded UTF-8"),
    ("/guest/orders/a%2Fb", 200, '"a/b"'),
    ("/guest%2Forders/a", 404, ""),
    ("/inner/item/a%2Fb", 200, "item a/b"),
    ("/inner/guest/orders/7", 200, '"7"'),
    ("/host/deep/item/a%2Fb", 200, "item a/b"),
]


def answer(port: int, target: str) -> tuple[int, str]:
    found = httpx.get(f"http://127.0.0.1:{port}{target}")
    return found.status_code, found.text


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
@pytest.mark.parametrize("root_path", ["", "/api"])
def test_every_server_finds_the_same_routes(server: Server, root_path: str) -> None:
    with running(server, "tests.hostile.test_paths:app", *behind(root_path, server)) as process:
        for target, status, text in TARGETS:
            found = answer(process.port, target)
            assert found[0] == status, (target, found)
            assert text in found[1], (target, found)
        with process.connect() as connection:
            connection.sendall(request("xitem/a"))
            assert Answers(connection).head().status in (400, 404)


@pytest.mark.parametrize("server", [UVICORN_PURE, HYPERCORN], ids=lambda server: server.name)
@pytest.mark.parametrize("root_path", ["", "/api"])
def test_every_server_finds_the_routes_of_an_application_that_is_mounted(server: Server, root_path: str) -> None:
    with running(server, "tests.hostile.test_paths:hosting", *behind(root_path, server)) as process:
        assert answer(process.port, "/mounted/item/a%2Fb") == (200, "item a/b")
        assert answer(process.port, "/mounted/guest/orders/7") == (200, '"7"')
        assert answer(process.port, "/mounted/inner/guest/orders/7") == (200, '"7"')
