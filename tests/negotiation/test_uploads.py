"""Bodies that are read as they arrive, by each kind of handler: the responses and the refusals."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator

import httpx
import pytest
from msgspec import Struct

from jero import Endpoint, NDJSONStreamingResponse, StreamOutcome
from jero.http.asgi import Message
from jero.testing import AsyncTestClient, TestClient
from tests.application import Application, call, http_scope

NDJSON = {"content-type": "application/x-ndjson"}
LINES = b'{"number":1}\n{"number":2}\n{"number":3}\n'


class Row(Struct):
    number: int


class Summary(Struct):
    rows: int
    total: int


class Query(Struct):
    stop_after: int = 0


class RowsEndpoint(Endpoint, path="/rows"):
    """Sums up the rows, or doubles each of them as it arrives. `calls` counts the calls of the handlers."""

    max_line_bytes = 100

    def __init__(self) -> None:
        self.calls = 0

    async def post(self, items: AsyncIterator[Row], params: Query) -> Summary:
        self.calls += 1
        summary = Summary(0, 0)
        async for item in items:
            summary.rows += 1
            summary.total += item.number
            if summary.rows == params.stop_after:
                break
        return summary

    async def put(self, items: AsyncIterable[Row], params: Query) -> AsyncIterator[Row]:
        self.calls += 1
        rows = 0
        async for item in items:
            yield Row(item.number * 2)
            rows += 1
            if rows == params.stop_after:
                return

    async def patch(self, items: AsyncIterator[Row]) -> NDJSONStreamingResponse[Row]:
        first = await anext(items)

        async def rest() -> AsyncIterator[Row]:
            yield first
            async for item in items:
                yield item

        return NDJSONStreamingResponse(stream=rest())

    async def delete(self, items: AsyncIterator[Row]) -> str:
        return "not read"


class LifecycleEndpoint(Endpoint, path="/lifecycle"):
    async def post(self, items: AsyncIterator[Row]) -> AsyncGenerator[AsyncIterable[Row], StreamOutcome]:
        outcome = yield items
        assert outcome.reason == "completed"


class RawEndpoint(Endpoint, path="/raw"):
    async def post(self, content: AsyncIterator[bytes]) -> int:
        return sum([len(part) async for part in content])

    async def put(self, content: AsyncIterator[bytes]) -> AsyncIterator[int]:
        async for part in content:
            yield len(part)


class SmallEndpoint(RawEndpoint, path="/small"):
    max_body_bytes = 10


class App(Application):
    def __init__(self) -> None:
        self.rows = RowsEndpoint()
        self.outcomes: list[StreamOutcome] = []
        super().__init__(self.rows, LifecycleEndpoint(), RawEndpoint(), SmallEndpoint())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def client(app: App) -> Iterator[httpx.Client]:
    with TestClient(app) as client:
        yield client


def test_a_handler_reads_all_items(client: httpx.Client) -> None:
    assert client.post("/rows", content=LINES, headers=NDJSON).json() == {"rows": 3, "total": 6}
    assert client.post("/rows", content=b"", headers=NDJSON).json() == {"rows": 0, "total": 0}


def test_a_stream_of_items_becomes_a_stream_of_answers(client: httpx.Client) -> None:
    assert client.put("/rows", content=LINES, headers=NDJSON).text == '{"number":2}\n{"number":4}\n{"number":6}\n'
    response = client.put("/rows", content=LINES, headers={**NDJSON, "accept": "application/json"})
    assert response.json() == [{"number": 2}, {"number": 4}, {"number": 6}]


def test_a_handler_reads_the_first_item_and_its_stream_the_rest(client: httpx.Client) -> None:
    assert client.patch("/rows", content=LINES, headers=NDJSON).content == LINES


def test_a_lifecycle_generator_may_pass_on_the_items(client: httpx.Client, app: App) -> None:
    assert client.post("/lifecycle", content=LINES, headers=NDJSON).content == LINES
    assert [outcome.reason for outcome in app.outcomes] == ["completed"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("stop_after", [1, 2])
def test_a_handler_may_stop_before_the_end_of_the_body(client: httpx.Client, method: str, stop_after: int) -> None:
    def endless() -> Iterator[bytes]:
        while True:  # in large parts: the rest is read on, up to a limit in bytes
            yield LINES * 2_000

    response = client.request(method, f"/rows?stop_after={stop_after}", content=endless(), headers=NDJSON)
    assert response.status_code == 200
    assert response.json() if method == "POST" else response.text.count("\n") == stop_after


def test_a_handler_need_not_read_the_body(client: httpx.Client) -> None:
    assert client.request("DELETE", "/rows", content=LINES, headers=NDJSON).text == "not read"


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("body", "status", "type_", "loc"),
    [
        (b'{"number":"a"}\n', 422, "unprocessable-content", ["items", 1, "number"]),
        (b"\n{}\n", 422, "unprocessable-content", ["items", 2, "number"]),
        (b"{\n", 400, "malformed-request", ["items", 1]),
        (b'{"number":1,"name":"' + b"a" * 100 + b'"}', 413, "content-too-large", ["items", 1]),
        (b"[]", 422, "unprocessable-content", ["items", 1]),
        (b"\xff\n", 400, "malformed-request", ["items", 1]),
    ],
)
def test_a_refusal_before_the_response_begins_has_its_status(
    client: httpx.Client, method: str, body: bytes, status: int, type_: str, loc: list[str | int]
) -> None:
    response = client.request(method, "/rows", content=body, headers=NDJSON)
    problem = response.json()
    assert (response.status_code, problem["type"], problem["errors"][0]["loc"]) == (status, type_, loc)
    assert problem["detail"].startswith(f"Line {loc[1]}")


def test_a_refusal_of_a_later_line_has_its_status_if_the_response_is_whole(client: httpx.Client) -> None:
    response = client.post("/rows", content=LINES + b'{"number":null}\n', headers=NDJSON)
    assert response.status_code == 422
    assert response.json()["detail"] == "Line 4: Expected `int`, got `null` - at `$.number`"


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
def test_another_media_type_is_refused_before_the_handler_is_called(
    client: httpx.Client, app: App, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    for method in ("POST", "PUT"):
        response = client.request(method, "/rows", content=LINES, headers=headers)
        assert (response.status_code, response.json()["type"]) == (415, "unsupported-media-type")
        assert response.headers["accept"] == "application/x-ndjson, application/jsonl"
    assert app.rows.calls == 0


def test_raw_content_is_limited_only_if_the_endpoint_sets_a_limit(client: httpx.Client) -> None:
    large = b"a" * 2_000_000
    assert client.post("/raw", content=large).json() == len(large)
    assert client.post("/small", content=b"0123456789").json() == 10
    for method in ("POST", "PUT"):
        response = client.request(method, "/small", content=b"0123456789a")
        assert (response.status_code, response.json()["type"]) == (413, "content-too-large")
    assert client.post("/small", content=iter([b"012345678", b"9a"])).status_code == 413


async def test_both_directions_run_at_once(app: App) -> None:
    """Sends each line after the answer to the line before it."""
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def body() -> AsyncIterator[bytes]:
        while (line := await lines.get()) is not None:
            yield line

    async with AsyncTestClient(app) as client:
        await lines.put(b'{"number":0}\n')
        async with client.stream("PUT", "/rows", content=body(), headers=NDJSON) as response:
            number = 0
            async for line in response.aiter_lines():
                assert line == f'{{"number":{2 * number}}}'
                number += 1
                await lines.put(b'{"number":%d}\n' % number if number < 50 else None)
    assert number == 50
    assert [outcome.reason for outcome in app.outcomes] == ["completed"]


async def test_the_body_is_not_read_further_if_the_client_takes_no_answers(app: App) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield LINES * 1_000

    async with AsyncTestClient(app) as client:
        async with client.stream("PUT", "/rows", content=endless(), headers=NDJSON) as response:
            chunks = response.aiter_bytes()
            await anext(chunks)
            for _ in range(1_000):
                await asyncio.sleep(0)
            assert sent < 20
        assert [outcome.reason for outcome in app.outcomes] == ["disconnected"]


async def test_a_failure_in_mid_stream_ends_it_as_failed(app: App) -> None:
    refused = b'{"number":1}\n{"number":"a"}\n'
    async with AsyncTestClient(app) as client:
        accept = {"accept": "text/event-stream"}
        async with client.stream("PUT", "/rows", content=in_parts(refused), headers={**NDJSON, **accept}) as response:
            assert response.status_code == 200
            with pytest.raises(httpx.RemoteProtocolError):
                await response.aread()
        with pytest.raises(httpx.RemoteProtocolError):
            await client.put("/rows", content=in_parts(refused), headers=NDJSON)
    assert [(outcome.reason, outcome.items) for outcome in app.outcomes] == [("failed", 1)] * 2


async def in_parts(body: bytes) -> AsyncIterator[bytes]:
    """Yields line by line, with time for an answer between them."""
    for line in body.splitlines(keepends=True):
        yield line
        await asyncio.sleep(0.05)


async def test_a_client_that_leaves_while_its_body_is_read_ends_the_stream(app: App) -> None:
    answered = asyncio.Event()
    sent: list[Message] = []
    parts = iter([LINES])

    async def receive() -> Message:
        for part in parts:
            return {"type": "http.request", "body": part, "more_body": True}
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if message.get("body"):
            answered.set()

    async with AsyncTestClient(app):
        await app(http_scope("PUT", "/rows", headers=[(b"content-type", b"application/x-ndjson")]), receive, send)
    assert [message.get("body") for message in sent] == [None, b'{"number":2}\n{"number":4}\n{"number":6}\n']
    assert [(outcome.reason, outcome.error) for outcome in app.outcomes] == [("disconnected", None)]


async def test_a_client_that_leaves_before_the_end_receives_no_response(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    cut: list[Message] = [{"type": "http.request", "body": LINES, "more_body": True}, {"type": "http.disconnect"}]
    headers = [(b"content-type", b"application/x-ndjson")]
    async with AsyncTestClient(app):
        assert await call(app, http_scope("POST", "/rows", headers=headers), cut) == []
    assert not caplog.records


class StepEndpoint(Endpoint, path="/steps"):
    """Reads one line, and then waits while its stream stays open."""

    def __init__(self) -> None:
        self.has_left = asyncio.Event()

    async def post(self, items: AsyncIterator[Row]) -> AsyncIterator[Row]:
        yield await anext(items)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.has_left.set()


async def test_a_client_that_leaves_is_noticed_while_the_body_is_not_read() -> None:
    steps = StepEndpoint()
    async with AsyncTestClient(Application(steps)) as client:
        async with client.stream("POST", "/steps", content=LINES, headers=NDJSON) as response:
            assert await anext(response.aiter_lines()) == '{"number":1}'
        async with asyncio.timeout(5):
            await steps.has_left.wait()


class TaskEndpoint(Endpoint, path="/tasks"):
    """Reads its items in a task that begins before the stream."""

    async def post(self, items: AsyncIterator[Row]) -> NDJSONStreamingResponse[Row]:
        queue: asyncio.Queue[Row | None] = asyncio.Queue(1)

        async def read() -> None:
            async for item in items:
                await queue.put(item)
            await queue.put(None)

        async def stream() -> AsyncIterator[Row]:
            async with asyncio.TaskGroup():
                while (item := await queue.get()) is not None:
                    yield item
            await reading

        reading = asyncio.create_task(read())
        return NDJSONStreamingResponse(stream=stream())


async def test_a_task_of_the_handler_may_read_the_body() -> None:
    async with AsyncTestClient(Application(TaskEndpoint())) as client:
        response = await client.post("/tasks", content=in_parts(LINES), headers=NDJSON)
    assert response.content == LINES
