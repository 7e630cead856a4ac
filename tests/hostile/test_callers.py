"""Callers and their places: nobody takes another's, and nobody has more by another name for the same address."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from jero import BaseApp, BearerAuth, Endpoint, NDJSONStreamingResponse, StreamPolicy
from jero.dispatch.stream import Admission
from jero.errors import TooManyRequests
from jero.http.asgi import HeaderPairs, Message
from jero.streaming.serve import OpenStreams
from tests.application import http_scope
from tests.servers.running import running
from tests.servers.servers import GRANIAN, HYPERCORN, UVICORN, Server

MOST = 2
FORGED: HeaderPairs = [
    (b"x-forwarded-for", b"203.0.113.%d"),
    (b"forwarded", b"for=203.0.113.%d"),
    (b"x-real-ip", b"203.0.113.%d"),
    (b"client-ip", b"203.0.113.%d"),
    (b"x-forwarded-host", b"%d.example.org"),
]


class Named(BearerAuth[str | None]):
    async def verify(self, token: str) -> str:
        return token


class Person(Struct):
    """A user that is not hashable."""

    name: str


class Robot(Struct):
    """Another, whose fields are the same."""

    name: str


class Feed(Endpoint, path="/feed"):
    async def get(self, user: str | None) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=ticks())


async def ticks() -> AsyncIterator[int]:
    yield 1
    await asyncio.get_running_loop().create_future()


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(Feed(), auth=Named())


app = App(stream_policy=StreamPolicy(max_per_caller=MOST))


class Caller:
    """Requests of one client that stay open."""

    def __init__(self, application: BaseApp) -> None:
        self._app = application
        self._requests: list[asyncio.Task[None]] = []

    async def status(self, client: tuple[str, int] | None, headers: HeaderPairs) -> int:
        """Opens a stream, and returns its status."""
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def receive() -> Message:
            message: Message = await asyncio.get_running_loop().create_future()
            return message

        async def send(message: Message) -> None:
            if not found.done():
                found.set_result(message["status"])

        scope = {**http_scope(path="/feed", headers=headers), "client": client}
        self._requests.append(asyncio.create_task(self._app(scope, receive, send)))
        return await found

    async def leave(self) -> None:
        for request in self._requests:
            request.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)


@pytest.mark.parametrize("header", FORGED, ids=lambda header: header[0].decode())
async def test_a_forged_address_gives_no_further_place(header: tuple[bytes, bytes]) -> None:
    name, value = header
    async with app.lifespan():
        caller = Caller(app)
        statuses = [await caller.status(("198.51.100.7", number), [(name, value % number)]) for number in range(4)]
        await caller.leave()
    assert statuses == [200, 200, 429, 429]


@pytest.mark.parametrize("server", [UVICORN, GRANIAN, HYPERCORN], ids=lambda server: server.name)
def test_a_forged_address_gives_no_further_place_on_a_server_that_trusts_no_client(server: Server) -> None:
    options = ("--forwarded-allow-ips", "192.0.2.1") if server is UVICORN else ()
    with (
        running(server, "tests.hostile.test_callers:app", *options) as process,
        httpx.Client(trust_env=False) as client,
    ):
        url = f"http://127.0.0.1:{process.port}/feed"
        opened: list[httpx.Response] = []
        for number in range(4):
            headers = {name.decode(): (value % number).decode() for name, value in FORGED}
            opened.append(client.send(client.build_request("GET", url, headers=headers), stream=True))
        assert [response.status_code for response in opened] == [200, 200, 429, 429]
        for response in opened:
            response.close()


@pytest.mark.parametrize("address", ["198.51.100.7", "testclient"])
async def test_a_user_called_like_an_address_takes_nothing_from_it(address: str) -> None:
    async with app.lifespan():
        hostile, honest = Caller(app), Caller(app)
        named = [(b"authorization", b"Bearer " + address.encode())]
        for number in range(MOST):
            assert await hostile.status(("192.0.2.1", number), named) == 200
        assert [await honest.status((address, number), []) for number in range(3)] == [200, 200, 429]
        await hostile.leave()
        await honest.leave()


def admission() -> Admission:
    return Admission(StreamPolicy(max_per_caller=MOST), OpenStreams())


def is_one_caller(first: tuple[Any, str], second: tuple[Any, str]) -> bool:
    """Returns whether two pairs of a user and an address share the places of one caller."""
    admitted = admission()
    for _ in range(MOST):
        admitted.admit(first[0], {"client": (first[1], 1)})
    try:
        admitted.admit(second[0], {"client": (second[1], 2)})
    except TooManyRequests:
        return True
    return False


@pytest.mark.parametrize(
    ("user", "other"),
    [
        ("198.51.100.7", None),
        (b'{"name":"a"}', Person("a")),
        (Person("a"), Robot("a")),
        (Person("a"), Person("b")),
        (["a"], "['a']"),
    ],
)
def test_users_are_callers_of_their_own(user: Any, other: Any) -> None:
    assert is_one_caller((user, "192.0.2.1"), (user, "192.0.2.2"))
    assert not is_one_caller((user, "192.0.2.1"), (other, "198.51.100.7"))
    assert not is_one_caller((other, "198.51.100.7"), (user, "192.0.2.1"))


ADDRESSES = st.integers(0, 2**64 - 1).map(
    lambda number: "2001:db8:1:2:" + ":".join(f"{number:016x}"[at : at + 4] for at in (0, 4, 8, 12))
)


@given(first=ADDRESSES, second=ADDRESSES)
def test_the_addresses_of_one_network_of_ipv6_are_one_caller(first: str, second: str) -> None:
    assert is_one_caller((None, first), (None, second))
    assert not is_one_caller((None, first), (None, first.replace("1:2", "1:3", 1)))


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("::ffff:198.51.100.7", "::ffff:198.51.100.8", False),
        ("198.51.100.7", "198.51.100.8", False),
        ("fe80::1%eth0", "fe80::2%eth0", False),
        ("::1", "::2", False),
        ("not:an:address", "not:an:other", False),
    ],
)
def test_other_addresses_are_callers_of_their_own(first: str, second: str, *, is_one: bool) -> None:
    assert is_one_caller((None, first), (None, second)) is is_one
