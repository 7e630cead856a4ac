"""A run whose response is its stream. A client that leaves finds it again by the `Location` of the response."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from msgspec import Struct

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, ResumeHeaders, SSEResponse
from jero.channels import MemoryStore
from jero.runs import Runs

OWNER = "everybody"  # without users, the id of a run is the permission


class Question(Struct):
    text: str


class Location(Struct):
    location: str


class Word(Struct):
    text: str


class RunPath(Struct):
    run: str


async def answer(question: str) -> AsyncIterator[Word]:
    for word in f"You asked: {question}".split():
        yield Word(word)
        await asyncio.sleep(0.05)


@dataclass
class AnswersEndpoint(Endpoint, path="/answers"):
    runs: Runs[Word]

    async def post(self, json: Question) -> NDJSONStreamingResponse[Word, Location]:
        run = await self.runs.start(answer(json.text), owner=OWNER)
        stream = await self.runs.follow(run.id, owner=OWNER)
        return NDJSONStreamingResponse(stream=stream, headers=Location(f"/answers/{run.id}"))


@dataclass
class AnswerEndpoint(Endpoint, path="/answers/{run}"):
    runs: Runs[Word]

    async def get(self, path: RunPath, headers: ResumeHeaders) -> SSEResponse[Word]:
        return SSEResponse(stream=await self.runs.follow(path.run, owner=OWNER, after=headers.last_event_id))


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        runs = await self._aenter(Runs(store, Word, drain_timeout=1))
        self._include_endpoint(AnswersEndpoint(runs))
        self._include_endpoint(AnswerEndpoint(runs))


app = App()
