"""SQLAlchemy: a session and a transaction for each request, and for the whole of each stream."""

from collections.abc import AsyncIterator

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from jero import BaseApp, Created, Endpoint


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "movies"
    title: Mapped[str] = mapped_column(primary_key=True)


class Movie(Struct):
    title: str


class MoviesEndpoint(Endpoint, path="/movies"):
    async def post(self, json: Movie, session: AsyncSession) -> Created[Movie]:
        session.add(Row(title=json.title))
        return Created(content=json)

    async def get(self, session: AsyncSession) -> AsyncIterator[Movie]:
        async for row in await session.stream_scalars(select(Row).order_by(Row.title)):
            yield Movie(title=row.title)


class App(BaseApp):
    async def _wire(self) -> None:
        engine = create_async_engine("sqlite+aiosqlite://")
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        self._include_dependency(async_sessionmaker(engine).begin)
        self._include_endpoint(MoviesEndpoint())


app = App()
