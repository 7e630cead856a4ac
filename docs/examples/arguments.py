"""Arguments: a parameter's name says where its value comes from, its type what the value must be."""

from typing import Annotated

from msgspec import Meta, Struct, field

from jero import BaseApp, Endpoint


class Shelf(Struct):
    shelf: int


class Search(Struct):
    word: str = ""
    tag: list[str] = []
    limit: Annotated[int, Meta(ge=1, le=100)] = 10


class Client(Struct):
    accept_language: str = "en"
    trace: str | None = field(name="X-Trace-ID", default=None)


class Preferences(Struct):
    theme: str = "light"


class Found(Struct):
    shelf: int
    search: Search
    language: str
    trace: str | None
    theme: str


class Book(Struct):
    title: Annotated[str, Meta(min_length=1)]
    authors: list[str]


class Shelved(Struct):
    shelf: int
    book: Book


class BooksEndpoint(Endpoint, path="/shelves/{shelf}/books"):
    max_body_bytes = 1_000

    async def get(
        self,
        path: Shelf,
        params: Search,
        headers: Client,
        cookies: Preferences,
    ) -> Found:
        return Found(
            shelf=path.shelf,
            search=params,
            language=headers.accept_language,
            trace=headers.trace,
            theme=cookies.theme,
        )

    async def post(self, path: Shelf, json: Book) -> Shelved:
        return Shelved(shelf=path.shelf, book=json)

    async def put(self, content: bytes) -> str:
        return f"{len(content)} bytes"


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(BooksEndpoint())


app = App()
