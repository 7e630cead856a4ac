"""Pages of a list, each with a link to the next one (RFC 8288)."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from jero import BaseApp, Created, Endpoint, JSONResponse


class Book(Struct):
    title: str


class Page(Struct):
    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    word: str = ""


class Links(Struct):
    link: str | None = None


@dataclass
class BooksEndpoint(Endpoint, path="/books"):
    titles: set[str]

    async def get(self, params: Page) -> JSONResponse[list[Book], Links]:
        # select title from books where title > :after and title like ... order by title limit :limit + 1
        rows = sorted(title for title in self.titles if title > params.after and params.word in title)
        page, more = rows[: params.limit], rows[params.limit :]
        links = Links()
        if more:
            links.link = f'<?{urlencode(asdict(replace(params, after=page[-1])))}>; rel="next"'
        return JSONResponse([Book(title) for title in page], headers=links)

    async def post(self, json: Book) -> Created[Book]:
        self.titles.add(json.title)
        return Created(json)


class App(BaseApp):
    async def _wire(self) -> None:
        titles = {"Emma", "Middlemarch", "Persuasion", "Sanditon & more", "Villette"}
        self._include_endpoint(BooksEndpoint(titles))


app = App()
