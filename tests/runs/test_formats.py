"""A run in every response that streams: its items, its end, and what a client is answered that comes back after it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import pytest

from jero import (
    BaseApp,
    Conflict,
    Endpoint,
    EventStreamResponse,
    HTTPError,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    Negotiated,
    ResumeHeaders,
    ServerSentEvent,
    SSEResponse,
    StreamOutcome,
)
from jero.errors import problem_of
from jero.runs import NotCompleted, Runs, RunStream
from jero.testing import AsyncTestClient
from tests.runs.reading import ANN, Item, Steered, counting, read

LINE = b'{"number":%d,"text":""}'


class Path(msgspec.Struct):
    """The id of a run in a path."""

    run_id: str


class Following(Endpoint, path="/unset"):
    """Follows runs. Each subclass has another response."""

    def __init__(self, runs: Runs[Item]) -> None:
        self._runs = runs

    async def _follow(self, path: Path, headers: ResumeHeaders) -> Any:
        return await self._runs.follow(path.run_id, owner=ANN, after=headers.last_event_id)


class Events(Following, path="/events/{run_id}"):
    async def get(self, path: Path, headers: ResumeHeaders) -> SSEResponse[Item]:
        return SSEResponse(stream=await self._follow(path, headers))

    async def post(self, path: Path, headers: ResumeHeaders) -> EventStreamResponse[Item]:
        return EventStreamResponse(stream=await self._follow(path, headers))


class Lines(Following, path="/lines/{run_id}"):
    async def get(self, path: Path, headers: ResumeHeaders) -> NDJSONStreamingResponse[Item]:
        return NDJSONStreamingResponse(stream=await self._follow(path, headers))


class Told(Following, path="/told/{run_id}"):
    async def get(self, path: Path, headers: ResumeHeaders) -> NDJSONStreamingResponse[Any]:
        return NDJSONStreamingResponse(stream=await self._follow(path, headers), on_error=self._tell)

    def _tell(self, error: Exception) -> object:
        assert isinstance(error, NotCompleted)
        return problem_of(error)


class Arrays(Following, path="/array/{run_id}"):
    async def get(self, path: Path, headers: ResumeHeaders) -> JSONArrayStreamingResponse[Item]:
        return JSONArrayStreamingResponse(stream=await self._follow(path, headers))


class Chosen(Following, path="/chosen/{run_id}"):
    async def get(self, path: Path, headers: ResumeHeaders) -> Negotiated[Item]:
        return Negotiated(stream=await self._follow(path, headers))


class Plain(Following, path="/plain/{run_id}"):
    async def get(self, path: Path, headers: ResumeHeaders) -> AsyncIterable[ServerSentEvent[Item]]:
        stream: RunStream[Item] = await self._follow(path, headers)
        return stream


class Mapped(Following, path="/mapped/{run_id}"):
    async def get(self, path: Path, headers: ResumeHeaders) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._numbers(await self._follow(path, headers)))

    async def _numbers(self, stream: AsyncIterable[ServerSentEvent[Item]]) -> AsyncIterator[int]:
        async for event in stream:
            yield event.data.number if isinstance(event.data, Item) else 0


class App(BaseApp):
    """Serves the runs in every format. Notes how its streams end."""

    def __init__(self, runs: Runs[Item], **options: Any) -> None:
        super().__init__(**options)
        self._runs = runs
        self.outcomes: list[StreamOutcome] = []

    async def _wire(self) -> None:
        for endpoint in (Events, Lines, Told, Arrays, Chosen, Plain, Mapped):
            self._include_endpoint(endpoint(self._runs))

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.outcomes.append(outcome)


@dataclass
class Served:
    """Runs, the application that serves them, and a client of it."""

    runs: Runs[Item]
    app: App
    client: AsyncTestClient

    async def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, bool]:
        """Returns the status, the body, and whether it is complete."""
        body = b""
        async with self.client.stream(method, path, headers={"Accept": "*/*", **headers}) as response:
            try:
                async for chunk in response.aiter_bytes():
                    body += chunk
            except httpx.RemoteProtocolError:
                return response.status_code, body, False
        return response.status_code, body, True


@pytest.fixture
async def served(runs: Runs[Item]) -> AsyncGenerator[Served, None]:
    app = App(runs)
    async with AsyncTestClient(app) as client:
        yield Served(runs, app, client)


def framed(count: int, end: str | None = None, first: int = 1) -> bytes:
    """Returns the event stream of a run."""
    items = b"".join(b"id: 0-%d\ndata: %b\n\n" % (number, LINE % number) for number in range(first, count + 1))
    return items if end is None else items + b"event: end\nid: 0-%d\ndata: %b\n\n" % (count + 1, end.encode())


COMPLETED = '{"outcome":"completed"}'


LINES = b"".join(LINE % number + b"\n" for number in (1, 2, 3))
ARRAY = b"[" + b",".join(LINE % number for number in (1, 2, 3)) + b"]"


@pytest.mark.parametrize("is_live", [True, False])
@pytest.mark.parametrize(
    ("request_", "accept", "expected"),
    [
        ("GET /events", "*/*", framed(3, COMPLETED)),
        ("POST /events", "*/*", framed(3, COMPLETED)),
        ("GET /lines", "*/*", LINES),
        ("GET /array", "*/*", ARRAY),
        ("GET /chosen", "text/event-stream", framed(3, COMPLETED)),
        ("GET /chosen", "application/x-ndjson", LINES),
        ("GET /chosen", "application/json", ARRAY),
        ("GET /plain", "text/event-stream", framed(3, COMPLETED)),
        ("GET /plain", "application/jsonl", LINES),
        ("GET /mapped", "*/*", b"1\n2\n3\n0\n"),
    ],
)
async def test_a_completed_run_is_a_complete_body_in_every_format(
    served: Served, request_: str, accept: str, expected: bytes, *, is_live: bool
) -> None:
    method, path = request_.split()
    source = Steered()
    run = await served.runs.start(source, owner=ANN)
    getting = served.get(f"{path}/{run.id}", method, Accept=accept)
    reading = asyncio.create_task(getting) if is_live else None
    for number in (1, 2, 3):
        source.send(Item(number))
        await source.has_written(number)
    source.end()
    await read(served.runs, run.id)
    assert await (getting if reading is None else reading) == (200, expected, True)
    assert [outcome.reason for outcome in served.app.outcomes] == ["completed"]


@pytest.mark.parametrize("error", [None, Conflict("twice")])
async def test_the_end_needs_no_validation(runs: Runs[Item], error: Exception | None) -> None:
    app = App(runs, validate_items=True)
    async with AsyncTestClient(app) as client:
        served = Served(runs, app, client)
        source = Steered()
        run = await runs.start(source, owner=ANN)
        reading = asyncio.create_task(served.get(f"/events/{run.id}"))
        source.send(Item(1), StopAsyncIteration() if error is None else error)
        for status, body, is_whole in (
            await reading,
            await served.get(f"/chosen/{run.id}", Accept="text/event-stream"),
        ):
            assert (status, is_whole) == (200, True)
            assert body.startswith(framed(1) + b'event: end\nid: 0-2\ndata: {"outcome":')
        assert (await served.get(f"/lines/{run.id}"))[1:] == (LINE % 1 + b"\n", error is None)


@dataclass
class Ending:
    """How a run ends: what its source raises, or a stop.

    `end`: the data of its end. `status`: the answer to a client of lines that got nothing. `reason`: of its stream.
    """

    error: Exception | None
    end: str
    status: int
    reason: str


ENDINGS = {
    "an error": Ending(
        RuntimeError("secret"),
        '{"outcome":"failed","problem":{"type":"internal-server-error","title":"Internal server error","status":500}}',
        500,
        "failed",
    ),
    "a refusal": Ending(
        Conflict("twice"),
        '{"outcome":"failed","problem":{"type":"conflict","title":"Conflict","status":409,"detail":"twice"}}',
        409,
        "failed",
    ),
    "a stop": Ending(None, '{"outcome":"stopped"}', 410, "stopped"),
}


async def ended(runs: Runs[Item], error: Exception | None, count: int) -> str:
    """Returns the id of a run that ended after this number of items."""
    source = Steered()
    run = await runs.start(source, owner=ANN)
    source.send(*(Item(number) for number in range(1, count + 1)))
    await source.has_written(count)
    if error is None:
        await runs.stop(run.id, owner=ANN)
    else:
        source.send(error)
    await read(runs, run.id)
    return run.id


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
async def test_a_run_that_did_not_complete_is_told_in_events_and_cut_in_other_formats(
    served: Served, caplog: pytest.LogCaptureFixture, ending: Ending
) -> None:
    run_id = await ended(served.runs, ending.error, 2)
    caplog.clear()
    lines = LINE % 1 + b"\n" + LINE % 2 + b"\n"
    assert await served.get(f"/events/{run_id}") == (200, framed(2, ending.end), True)
    assert await served.get(f"/events/{run_id}", "POST") == (200, framed(2, ending.end), True)
    assert await served.get(f"/lines/{run_id}") == (200, lines, False)
    assert await served.get(f"/array/{run_id}") == (200, b"[" + LINE % 1 + b"," + LINE % 2, False)
    assert await served.get(f"/plain/{run_id}", Accept="application/x-ndjson") == (200, lines, False)
    outcomes = served.app.outcomes
    assert [outcome.reason for outcome in outcomes] == ["completed", "completed", *[ending.reason] * 3]
    assert all(isinstance(outcome.error, NotCompleted) == (ending.reason == "failed") for outcome in outcomes[2:])
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]  # it was logged once


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
async def test_a_client_that_gets_nothing_is_answered_with_a_problem(served: Served, ending: Ending) -> None:
    run_id = await ended(served.runs, ending.error, 2)
    status, body, is_whole = await served.get(f"/lines/{run_id}", **{"Last-Event-ID": "0-2"})
    assert (status, is_whole) == (ending.status, True)
    assert msgspec.json.decode(body, type=dict[str, Any])["status"] == ending.status
    assert b"secret" not in body


async def test_a_run_over_a_limit_says_which(served: Served) -> None:
    run = await served.runs.start([Item(1), Item(2, "a" * 20_000_000)], owner=ANN)
    assert await served.get(f"/events/{run.id}") == (
        200,
        framed(1, '{"outcome":"failed","limit":"max_bytes"}'),
        True,
    )
    code, body, _ = await served.get(f"/lines/{run.id}", **{"Last-Event-ID": "0-1"})
    assert (code, b"it went over max_bytes" in body) == (500, True)


async def test_a_live_follower_is_cut_when_the_run_fails(served: Served) -> None:
    source = Steered()
    run = await served.runs.start(source, owner=ANN)
    reading = [asyncio.create_task(served.get(f"/{path}/{run.id}")) for path in ("events", "lines", "array", "told")]
    source.send(Item(1))
    await source.has_written(1)
    source.send(Conflict("twice"))
    events, lines, array, told = [await task for task in reading]
    problem = '{"type":"conflict","title":"Conflict","status":409,"detail":"twice"}'
    assert events == (200, framed(1, f'{{"outcome":"failed","problem":{problem}}}'), True)
    assert lines == (200, LINE % 1 + b"\n", False)
    assert array == (200, b"[" + LINE % 1, False)
    assert told == (200, LINE % 1 + b"\n" + problem.encode() + b"\n", True)


@pytest.mark.parametrize(
    ("path", "method"), [("events", "GET"), ("events", "POST"), ("chosen", "GET"), ("plain", "GET")]
)
async def test_an_event_stream_after_the_end_is_answered_with_204(served: Served, path: str, method: str) -> None:
    run = await served.runs.start(counting(3), owner=ANN)
    last = (await read(served.runs, run.id))[-1]
    headers = {"Last-Event-ID": str(last.id), "Accept": "text/event-stream"}
    response = await served.client.request(method, f"/{path}/{run.id}", headers=headers)
    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers
    assert served.app.outcomes == []  # it was no stream
    headers = {"Last-Event-ID": "0-3", "Accept": "text/event-stream"}
    response = await served.client.request(method, f"/{path}/{run.id}", headers=headers)
    assert (response.status_code, response.content) == (200, framed(3, COMPLETED, first=4))


async def test_other_formats_after_the_end_are_empty(served: Served) -> None:
    run = await served.runs.start(counting(3), owner=ANN)
    await read(served.runs, run.id)
    assert await served.get(f"/lines/{run.id}", **{"Last-Event-ID": "0-4"}) == (200, b"", True)
    assert await served.get(f"/array/{run.id}", **{"Last-Event-ID": "0-4"}) == (200, b"[]", True)


async def test_a_run_that_is_not_there_is_answered_before_the_stream_begins(served: Served) -> None:
    anothers = await served.runs.start(counting(3), owner="bob")
    answers = [
        await served.client.get(f"/{path}/{run}") for path in ("events", "lines") for run in (anothers.id, "unknown")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    own = await served.runs.start(counting(3), owner=ANN)
    refused = await served.client.get(f"/events/{own.id}", headers={"Last-Event-ID": "7-7"})
    assert refused.status_code == 400


async def test_a_failure_that_a_client_never_had_has_its_true_status(served: Served) -> None:
    source = Steered()
    run = await served.runs.start(source, owner=ANN)
    reading = asyncio.create_task(served.client.get(f"/lines/{run.id}"))
    await source.has_written(0)

    class OutOfStock(HTTPError, type="out-of-stock", title="Out of stock", status=409):
        pass

    source.send(OutOfStock("3 left"))
    response = await reading
    assert (response.status_code, response.json()["type"]) == (409, "out-of-stock")
