"""A source that was used before is a logged 500 that names the endpoint, not an empty 200."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from jero import (
    Endpoint,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    SSEResponse,
    StreamingResponse,
    StreamOutcome,
)
from jero.testing import TestClient
from tests.application import Application


async def numbers() -> AsyncIterator[int]:
    yield 1
    yield 2


async def slow_numbers() -> AsyncIterator[int]:
    yield 1
    await asyncio.sleep(0.01)
    yield 2


def some_numbers() -> Iterator[int]:
    yield 1
    yield 2


async def lifecycle() -> AsyncGenerator[AsyncIterable[int], StreamOutcome]:
    yield numbers()


@asynccontextmanager
async def managed() -> AsyncGenerator[AsyncIterable[int], None]:
    yield numbers()


class Cursor:
    """An async iterator that ends for good."""

    def __init__(self) -> None:
        self._left = [1, 2]

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)


class Rows:
    """A synchronous iterator that takes no weak reference, and cannot be compared."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = [1, 2]

    def __eq__(self, other: object) -> bool:
        raise TypeError("compares its elements")

    def __hash__(self) -> int:
        raise TypeError("cannot be hashed")

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if not self._left:
            raise StopIteration
        return self._left.pop(0)


class Source:
    """An iterable that can be iterated again and again."""

    def __aiter__(self) -> AsyncIterator[int]:
        return numbers()


class Shared:
    """An iterator without an end, that many requests may share: each takes the next items."""

    def __init__(self) -> None:
        self._next = 0

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        self._next += 1
        if self._next % 3 == 0:
            raise RuntimeError("no third item")
        return self._next


def client_of(handler: Callable[..., Any], annotation: Any) -> TestClient:
    handler.__annotations__["return"] = annotation
    endpoint: Any = type("NumbersEndpoint", (Endpoint,), {"get": handler}, path="/")
    return TestClient(Application(endpoint()))


def returning(value: Any, annotation: Any) -> TestClient:
    async def get(self: object) -> Any:
        return value

    return client_of(get, annotation)


ONCE: list[Callable[[], Any]] = [
    numbers,
    slow_numbers,
    some_numbers,
    lifecycle,
    managed,
    Cursor,
    Rows,
    lambda: iter([1, 2]),
    lambda: iter((1, 2)),
    lambda: map(int, ["1", "2"]),
    lambda: (number for number in [1, 2]),
]


@pytest.mark.parametrize("make", ONCE)
@pytest.mark.parametrize("kind", [NDJSONStreamingResponse, JSONArrayStreamingResponse, SSEResponse, None])
def test_a_source_that_was_sent_is_not_sent_again(
    make: Callable[[], Any], kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = make()
    value, annotation = (source, AsyncIterator[int]) if kind is None else (kind(stream=source), kind[int])
    with returning(value, annotation) as client:
        assert client.get("/").status_code == 200
        caplog.clear()
        for _ in range(2):
            response = client.get("/")
            assert (response.status_code, response.json()["type"]) == (500, "internal-server-error")
    assert len(caplog.records) == 2
    assert caplog.records[0].exc_info is not None
    message = str(caplog.records[0].exc_info[1])
    assert message.startswith("NumbersEndpoint.get returned a stream whose source, ")
    assert message.endswith(
        "was used before, so its items are gone. Make the source and its response inside the handler, for each request."
    )


@pytest.mark.parametrize("make", [lambda: [1, 2], lambda: (1, 2), lambda: range(1, 3), Source, {1: 0, 2: 0}.keys])
def test_an_iterable_is_sent_again_and_again(make: Callable[[], Any]) -> None:
    with returning(NDJSONStreamingResponse(stream=make()), NDJSONStreamingResponse[int]) as client:
        assert [client.get("/").text for _ in range(3)] == ["1\n2\n"] * 3


@pytest.mark.parametrize("make", [lambda: iter(()), lambda: iter([]), lambda: (number for number in range(0)), list])
def test_a_new_source_without_items_is_sent(make: Callable[[], Any]) -> None:
    async def get(self: object) -> Any:
        return NDJSONStreamingResponse(stream=make())

    with client_of(get, NDJSONStreamingResponse[int]) as client:
        assert [(client.get("/").status_code, client.get("/").text) for _ in range(3)] == [(200, "")] * 3


async def begun() -> Any:
    source = numbers()
    await anext(source)
    return source


async def closed() -> Any:
    source: Any = numbers()
    await source.aclose()
    return source


def begun_generator() -> Iterator[int]:
    source = some_numbers()
    next(source)
    return source


def ended(source: Any) -> Any:
    for _ in source:
        pass
    return source


@pytest.mark.parametrize(
    "make",
    [
        begun,
        closed,
        begun_generator,
        lambda: ended(some_numbers()),
        lambda: ended(iter([1])),
        lambda: ended(iter((1,))),
    ],
)
def test_a_source_that_the_handler_has_iterated_is_not_sent(make: Callable[[], Any]) -> None:
    async def get(self: object) -> Any:
        source = make()
        return NDJSONStreamingResponse(stream=await source if asyncio.iscoroutine(source) else source)

    with client_of(get, NDJSONStreamingResponse[int]) as client:
        assert client.get("/").status_code == 500


def test_head_uses_a_generator_up() -> None:
    with returning(NDJSONStreamingResponse(stream=numbers()), NDJSONStreamingResponse[int]) as client:
        assert client.head("/").status_code == 200
        assert client.get("/").status_code == 500


def test_two_endpoints_cannot_send_one_source() -> None:
    source = Cursor()

    class First(Endpoint, path="/first"):
        async def get(self) -> AsyncIterator[int]:
            return source

    class Second(Endpoint, path="/second"):
        async def get(self) -> AsyncIterator[int]:
            return source

    with TestClient(Application(First(), Second())) as client:
        assert [client.get(path).status_code for path in ("/first", "/second")] == [200, 500]


def test_a_generator_is_not_shared_by_two_open_streams() -> None:
    arrived, released = threading.Event(), threading.Event()

    def waiting() -> Iterator[int]:
        yield 1
        arrived.set()
        assert released.wait(10)
        yield 2

    response = NDJSONStreamingResponse(stream=waiting())
    with returning(response, NDJSONStreamingResponse[int]) as client, client.stream("GET", "/") as first:
        assert arrived.wait(10)
        assert client.get("/").status_code == 500
        released.set()
        assert list(first.iter_lines()) == ["1", "2"]  # the second request has done it no harm


def test_an_iterator_that_did_not_end_may_be_shared() -> None:
    with returning(Shared(), AsyncIterator[int]) as client:
        received: list[str] = []
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError), client.stream("GET", "/") as response:
                received.extend(response.iter_lines())
    assert received == ["1", "2", "4", "5"]


def test_raw_bytes_are_sent_once_from_an_iterator() -> None:
    with returning(StreamingResponse(stream=iter([b"a"])), StreamingResponse) as client:
        assert [client.get("/").status_code for _ in range(2)] == [200, 500]
