"""A handler with a dependency may answer with the stream of a run. The dependency is open as long as it is followed."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec import Struct

from jero import Endpoint, Negotiated, NotFound, ResumeHeaders
from jero.channels import MemoryStore
from jero.runs import Runs
from tests.dependencies.recorded import Call, Record, RecordedApp, Session

OWNER = "somebody"
SSE = [(b"accept", b"text/event-stream")]


class Slots(Struct):
    run: str


class RunEndpoint(Endpoint, path="/runs/{run}"):
    def __init__(self) -> None:
        self.runs: Runs[int] | None = None

    async def get(self, session: Session, path: Slots, headers: ResumeHeaders) -> Negotiated[int]:
        session.begin()
        if self.runs is None:
            raise NotFound
        return Negotiated(stream=await self.runs.follow(path.run, owner=OWNER, after=headers.last_event_id))


class App(RecordedApp):
    def __init__(self, record: Record) -> None:
        self.endpoint = RunEndpoint()
        super().__init__(record, self.endpoint)

    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        self.endpoint.runs = await self._aenter(Runs(store, int))
        await super()._wire()

    async def start(self, source: AsyncIterator[int]) -> str:
        assert self.endpoint.runs is not None
        return (await self.endpoint.runs.start(source, owner=OWNER)).id


class Source:
    """Yields numbers, and waits for `may_end` before it ends."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def numbers(self) -> AsyncIterator[int]:
        yield 1
        yield 2
        await self.may_end.wait()
        yield 3


@pytest.fixture
def record() -> Record:
    return Record()


async def test_the_dependency_is_committed_when_the_run_ends(record: Record) -> None:
    source, app = Source(), App(record)
    async with app.lifespan():
        call = Call(app, record, f"/runs/{await app.start(source.numbers())}", headers=SSE).start()
        await record.until("body")
        assert record.notes == ["opening", "open", "handler", "start", "body"]
        source.may_end.set()
        assert await call.ended() is None
    assert record.notes[-2:] == ["committed", "end"]
    assert b"event: end" in call.body
    assert len(set(record.owners)) == 1


async def test_a_follower_that_leaves_rolls_back(record: Record) -> None:
    source, app = Source(), App(record)
    async with app.lifespan():
        call = Call(app, record, f"/runs/{await app.start(source.numbers())}", headers=SSE).start()
        await record.until("body")
        call.leave()
        assert await call.ended() is None
        assert record.notes[-1] == "rolled back: disconnected"
        source.may_end.set()
    assert len(set(record.owners)) == 1


async def test_a_shutdown_rolls_back(record: Record) -> None:
    source, app = Source(), App(record)

    async def end_when_noted() -> None:
        await record.until("rolled back: shutdown")
        source.may_end.set()

    async with app.lifespan():
        call = Call(app, record, f"/runs/{await app.start(source.numbers())}", headers=SSE).start()
        await record.until("body")
        ending = asyncio.create_task(end_when_noted())
    assert await call.ended() is None
    assert record.notes[-3:] == ["rolled back: shutdown", "body", "end"]  # the body is a final frame
    await ending


async def test_the_end_of_an_ended_run_is_committed_before_its_204(record: Record) -> None:
    source, app = Source(), App(record)
    source.may_end.set()
    async with app.lifespan():
        path = f"/runs/{await app.start(source.numbers())}"
        first = Call(app, record, path, headers=SSE).start()
        assert await first.ended() is None
        [last] = [line for line in first.body.split(b"\n") if line.startswith(b"id:")][-1:]
        record.notes.clear()
        again = Call(app, record, path, headers=[*SSE, (b"last-event-id", last.removeprefix(b"id:").strip())]).start()
        assert await again.ended() is None
    assert (again.status, again.body) == (204, b"")
    assert record.notes == ["opening", "open", "handler", "committed", "start", "end"]


async def test_head_commits_before_its_answer(record: Record) -> None:
    source, app = Source(), App(record)
    source.may_end.set()
    async with app.lifespan():
        call = Call(app, record, f"/runs/{await app.start(source.numbers())}", "HEAD", SSE).start()
        assert await call.ended() is None
    assert (call.status, call.body) == (200, b"")
    assert record.notes == ["opening", "open", "handler", "committed", "start", "end"]
