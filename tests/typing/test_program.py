"""A program of unions, channels, runs, dependencies, forms and clients: strict checkers pass it, and it runs."""

import re
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TypeAlias, assert_type

import pytest
from msgspec import Struct, UnsetType

from jero import (
    BaseApp,
    Created,
    Endpoint,
    NDJSONStreamingResponse,
    NoContent,
    Request,
    ResumeHeaders,
    ServerSentEvent,
    SSEResponse,
    UploadFile,
)
from jero.channels import EARLIEST, Channel, Channels, Gap, MemoryStore, Subscription, subscribe
from jero.client import StreamClient
from jero.runs import RunEnd, Runs
from jero.testing import AsyncTestClient, TestClient

ROOT = Path(__file__).parents[2]


class Goal(Struct, frozen=True, tag="goal"):
    minute: int


class Whistle(Struct, frozen=True, tag="whistle"):
    half: int


Moment: TypeAlias = Goal | Whistle


class Log(Struct):
    lines: list[str]


class MatchPath(Struct):
    match_id: str


class Report(Struct):
    title: str
    photos: list[UploadFile] = []


class Received(Struct):
    title: str
    names: list[str]


class RunPath(Struct):
    run_id: str


async def moments() -> AsyncIterator[Moment]:
    yield Goal(7)
    yield Whistle(1)


@asynccontextmanager
async def log(request: Request) -> AsyncGenerator[Log, None]:
    yield Log([request.path])


class MomentsEndpoint(Endpoint, path="/matches/{match_id}/moments"):
    """Publishes what happens in a match, and streams it."""

    def __init__(self, matches: Channels[Moment]) -> None:
        self._matches = matches

    async def get(self, path: MatchPath, headers: ResumeHeaders) -> SSEResponse[Moment]:
        after = headers.last_event_id or EARLIEST
        subscription = self._matches[path.match_id].subscribe(after=after)
        assert_type(subscription, Subscription[Moment])
        return SSEResponse(stream=subscription)

    async def post(self, path: MatchPath, json: Moment, log: Log) -> Created[Log]:
        log.lines.append(await self._matches[path.match_id].publish(json))
        return Created(content=log)

    async def put(self, path: MatchPath, items: AsyncIterator[Moment]) -> AsyncIterator[Moment]:
        async for item in items:
            yield item


class NewestEndpoint(Endpoint, path="/newest"):
    """Streams two channels of different types as one."""

    def __init__(self, goals: Channel[Goal], whistles: Channel[Whistle]) -> None:
        self._goals, self._whistles = goals, whistles

    async def get(self) -> NDJSONStreamingResponse[Moment]:
        merged = subscribe(self._goals, self._whistles, after=EARLIEST)
        assert_type(merged, Subscription[Goal | Whistle])
        return NDJSONStreamingResponse(stream=merged)

    async def post(self, json: Moment) -> NoContent:
        if isinstance(json, Goal):
            await self._goals.publish(json)
        else:
            await self._whistles.publish(json)
        return NoContent()


class RunsEndpoint(Endpoint, path="/runs"):
    def __init__(self, runs: Runs[Moment]) -> None:
        self._runs = runs

    async def post(self) -> str:
        return (await self._runs.start(moments(), owner="ann")).id


class RunEndpoint(Endpoint, path="/runs/{run_id}"):
    def __init__(self, runs: Runs[Moment]) -> None:
        self._runs = runs

    async def get(self, path: RunPath, headers: ResumeHeaders) -> SSEResponse[Moment]:
        stream = await self._runs.follow(path.run_id, owner="ann", after=headers.last_event_id)
        return SSEResponse(stream=stream)


class ReportsEndpoint(Endpoint, path="/reports"):
    async def post(self, form: Report) -> Received:
        return Received(form.title, [photo.filename or "" for photo in form.photos])


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        runs = await self._aenter(Runs(store, Goal | Whistle))
        assert_type(runs, Runs[Goal | Whistle])
        matches = Channels(store, "matches", Goal | Whistle)
        assert_type(matches, Channels[Goal | Whistle])
        self._include_dependency(log)
        self._include_endpoint(MomentsEndpoint(matches))
        self._include_endpoint(NewestEndpoint(Channel(store, "goals", Goal), Channel(store, "whistles", Whistle)))
        self._include_endpoint(RunsEndpoint(runs))
        self._include_endpoint(RunEndpoint(runs))
        self._include_endpoint(ReportsEndpoint())


def test_the_synchronous_client_reads_unions() -> None:
    with TestClient(App()) as client:
        answer = client.post("/matches/7/moments", json=Goal(7))
        assert answer.json()["lines"][0] == "/matches/7/moments"
        client.post("/matches/7/moments", json=Whistle(1))
        events: Iterator[ServerSentEvent[Goal | Whistle | Gap]] = client.sse("/matches/7/moments", Goal | Whistle | Gap)
        assert [next(events).data, next(events).data] == [Goal(7), Whistle(1)]
        lines = b'{"type":"goal","minute":1}\n{"type":"whistle","half":2}\n'
        options = {"content": lines, "headers": {"Content-Type": "application/x-ndjson"}}
        echoed = client.ndjson("/matches/7/moments", Goal | Whistle, method="PUT", **options)
        assert list(echoed) == [Goal(1), Whistle(2)]
        form = client.post("/reports", data={"title": "Final"}, files=[("photos", ("a.png", b"a"))])
        assert form.json() == {"title": "Final", "names": ["a.png"]}


async def test_the_asynchronous_client_reads_a_run_with_its_end() -> None:
    async with AsyncTestClient(App()) as client:
        address = f"/runs/{(await client.post('/runs')).text}"
        found: list[Goal | Whistle | Gap | RunEnd | UnsetType] = []
        async with client.events(address, Goal | Whistle | Gap | RunEnd) as stream:
            async for event in stream:
                assert_type(event.data, Goal | Whistle | Gap | RunEnd | UnsetType)
                found.append(event.data)
        assert found == [Goal(7), Whistle(1), RunEnd(outcome="completed")]
        async for notice in StreamClient(client=client).sse(address, Goal | Whistle | Gap | RunEnd):
            if isinstance(notice.data, RunEnd):
                assert_type(notice.data, RunEnd)
                break


async def test_a_stream_client_reads_merged_channels() -> None:
    async with AsyncTestClient(App()) as client:
        for moment in (Goal(7), Whistle(1)):
            await client.post("/newest", json=moment)
        received: set[Moment] = set()
        async with aclosing(StreamClient(client=client).ndjson("/newest", Goal | Whistle)) as items:
            async for item in items:
                assert_type(item, Goal | Whistle)
                received.add(item)
                if len(received) == 2:  # the order of two channels is not promised
                    break
        assert received == {Goal(7), Whistle(1)}


def test_a_strict_checker_passes_it() -> None:
    """Checks it with mypy alone: `nox -s types` checks it with pyright."""
    pytest.importorskip("mypy")
    text = Path(__file__).read_text("utf-8").partition("def test_a_strict_checker")[0]
    assert not re.search(r"\bcast\(|# (type|pyright): ?ignore", text)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", __file__]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout
