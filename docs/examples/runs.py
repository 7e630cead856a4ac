"""Runs: an answer goes on when its client leaves, and its owner follows it again, stops it, or asks how it is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from msgspec import Struct

from jero import Accepted, BaseApp, BearerAuth, Endpoint, Negotiated, NoContent, ResumeHeaders, Unauthorized
from jero.channels import MemoryStore
from jero.runs import Runs, RunStatus

USERS = {"ada-token": "ada", "bob-token": "bob"}


class User(Struct):
    id: str


class Users(BearerAuth[User], realm="answers"):
    async def verify(self, token: str) -> User:
        if token not in USERS:
            raise Unauthorized
        return User(id=USERS[token])


class Question(Struct):
    text: str


class AskHeaders(Struct):
    idempotency_key: str | None = None


class Started(Struct):
    id: str


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

    async def post(self, user: User, json: Question, headers: AskHeaders) -> Accepted[Started]:
        run = await self.runs.start(answer(json.text), owner=user.id, key=headers.idempotency_key, request=json)
        return Accepted(Started(run.id))


@dataclass
class AnswerEndpoint(Endpoint, path="/answers/{run}"):
    runs: Runs[Word]

    async def get(self, user: User, path: RunPath, headers: ResumeHeaders) -> Negotiated[Word]:
        return Negotiated(stream=await self.runs.follow(path.run, owner=user.id, after=headers.last_event_id))

    async def delete(self, user: User, path: RunPath) -> NoContent:
        await self.runs.stop(path.run, owner=user.id)
        return NoContent()


@dataclass
class StatusEndpoint(Endpoint, path="/answers/{run}/status"):
    runs: Runs[Word]

    async def get(self, user: User, path: RunPath) -> RunStatus:
        return await self.runs.status(path.run, owner=user.id)


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        runs = await self._aenter(Runs(store, Word, keep=600, max_duration=300))
        for endpoint in (AnswersEndpoint(runs), AnswerEndpoint(runs), StatusEndpoint(runs)):
            self._include_endpoint(endpoint, auth=Users())


app = App()
