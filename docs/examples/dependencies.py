"""A session for each request: committed if the answer is complete, rolled back in any other case."""

import asyncio
from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Conflict, Created, Endpoint


class Book(Struct):
    title: str


class Session:
    """Stands for the session of a database: what it adds is kept when it is committed."""

    def __init__(self, kept: list[str]) -> None:
        self.kept = kept
        self.added: list[str] = []

    def add(self, title: str) -> None:
        if title in [*self.kept, *self.added]:
            raise Conflict(f"{title} is on the shelf already.")
        self.added.append(title)


class Database:
    def __init__(self) -> None:
        self._kept = ["Middlemarch"]

    async def session(self) -> AsyncIterator[Session]:
        session = Session(self._kept)
        try:
            yield session
        except BaseException as error:
            print(f"rolled back: {error}")
            raise
        self._kept.extend(session.added)
        print(f"committed: {len(session.added)} books")


class BooksEndpoint(Endpoint, path="/books"):
    async def get(self, session: Session) -> list[str]:
        return session.kept

    async def post(self, json: Book, session: Session) -> Created[Book]:
        session.add(json.title)
        return Created(content=json)

    async def put(self, session: Session) -> AsyncIterator[Book]:
        for title in ("Emma", "Persuasion", "Sanditon"):
            session.add(title)
            yield Book(title)
            await asyncio.sleep(0.2)


class App(BaseApp):
    async def _wire(self) -> None:
        database = Database()  # lives as long as the application
        self._include_dependency(database.session)  # lives as long as a request, or its stream
        self._include_endpoint(BooksEndpoint())


app = App()
