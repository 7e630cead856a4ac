"""Tests what a failed run reports: status and headers to followers, a line to the log, an outcome to its source."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from msgspec import Struct

from jero import BaseApp, Created, Endpoint, Negotiated, StreamOutcome, TooManyRequests
from jero.channels import MemoryStore
from jero.runs import Runs
from jero.testing import AsyncTestClient


class Word(Struct):
    text: str


class RunPath(Struct):
    run: str


class Started(Struct):
    run: str


class Failing(Endpoint, path="/{run}"):
    """Starts runs of one source, whatever the path of the request."""

    def __init__(self, runs: Runs[Word], words: list[str], error: Exception, outcomes: list[StreamOutcome]) -> None:
        self._runs = runs
        self._words = words
        self._error = error
        self._outcomes = outcomes

    async def post(self, path: RunPath) -> Created[Started]:
        run = await self._runs.start(self._source(), owner=path.run)
        return Created(Started(run.id))

    async def get(self, path: RunPath) -> Negotiated[Word]:
        return Negotiated(stream=await self._runs.follow(path.run, owner="me"))

    async def _source(self) -> AsyncGenerator[AsyncIterator[Word], StreamOutcome]:
        self._outcomes.append((yield self._all()))

    async def _all(self) -> AsyncIterator[Word]:
        for word in self._words:
            yield Word(word)
        raise self._error


class App(BaseApp):
    def __init__(self, error: Exception, *words: str) -> None:
        super().__init__()
        self._error = error
        self._words = list(words)
        self.outcomes: list[StreamOutcome] = []

    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        runs = await self._aenter(Runs(store, Word))
        self._include_endpoint(Failing(runs, self._words, self._error, self.outcomes))


REFUSED = TooManyRequests("Not now.", headers={"Retry-After": "7"})


@pytest.mark.parametrize("accept", ["application/x-ndjson", "application/json"])
@pytest.mark.parametrize("error", [REFUSED, ExceptionGroup("all", [REFUSED])], ids=["alone", "in a group"])
async def test_a_follower_that_was_sent_nothing_gets_the_status_and_the_headers(accept: str, error: Exception) -> None:
    async with AsyncTestClient(App(error)) as client:
        run = (await client.post("/me")).json()["run"]
        answer = await client.get(f"/{run}", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json() == {
        "type": "too-many-requests",
        "title": "Too many requests",
        "status": 429,
        "detail": "Not now.",
    }


async def test_an_event_stream_has_the_headers_in_the_data_of_its_end() -> None:
    async with AsyncTestClient(App(REFUSED)) as client:
        run = (await client.post("/me")).json()["run"]
        answer = await client.get(f"/{run}", headers={"Accept": "text/event-stream"})

    assert answer.status_code == 200
    assert '"headers":{"Retry-After":"7"}' in answer.text


async def test_an_unexpected_failure_has_no_headers_and_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with AsyncTestClient(App(ValueError("a secret"))) as client:
        run = (await client.post("/me")).json()["run"]
        answer = await client.get(f"/{run}", headers={"Accept": "text/event-stream"})

    assert '"problem":{"type":"internal-server-error"' in answer.text
    assert '"headers"' not in answer.text
    assert "a secret" not in answer.text
    assert "ValueError: a secret" in caplog.text


async def test_a_failure_that_its_problem_explains_is_logged_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncTestClient(App(REFUSED)) as client:
        run = (await client.post("/me")).json()["run"]
        await client.get(f"/{run}")

    (record,) = [record for record in caplog.records if record.name == "jero.runs"]
    assert (record.levelno, record.exc_info) == (logging.WARNING, None)
    assert record.getMessage() == f"runs: the run {run} failed after 0 items: Not now."


@pytest.mark.parametrize("words", [(), ("one",), ("one", "two")])
async def test_the_outcome_of_a_run_has_the_time_to_its_first_item(words: tuple[str, ...]) -> None:
    app = App(REFUSED, *words)
    async with AsyncTestClient(app) as client:
        run = (await client.post("/me")).json()["run"]
        await client.get(f"/{run}", headers={"Accept": "text/event-stream"})

    (outcome,) = app.outcomes
    assert (outcome.reason, outcome.error, outcome.items) == ("failed", REFUSED, len(words))
    assert (outcome.first_item_after is not None) == bool(words)
    assert outcome.first_item_after is None or 0 <= outcome.first_item_after <= outcome.duration
