"""Another application inside a jero application: below a path, with its own startup and shutdown."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from msgspec import Struct

from jero import BaseApp, Endpoint


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    print("the guest starts")
    yield
    print("the guest ends")


guest = FastAPI(lifespan=lifespan)


@guest.get("/orders/{order_id}")
async def order(order_id: int) -> dict[str, int]:
    return {"order": order_id}


class Book(Struct):
    title: str


class BooksEndpoint(Endpoint, path="/books"):
    async def get(self) -> list[Book]:
        return [Book(title="Emma")]


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(BooksEndpoint())
        self._include_app(guest, path="/legacy")


app = App()
