"""A format of your own: CSV, as one `Framing` and one response class."""

import csv
import io
from collections.abc import AsyncIterator
from typing import ClassVar

from msgspec import Struct
from msgspec.json import Encoder
from msgspec.structs import astuple

from jero import BaseApp, Endpoint, FramedResponse, Framing


class Film(Struct):
    title: str
    year: int


def append_row(film: Film, buffer: bytearray, encoder: Encoder) -> None:
    """Appends a record of RFC 4180: quoted if necessary, ended by CRLF."""
    text = io.StringIO()
    csv.writer(text).writerow(astuple(film))
    buffer += text.getvalue().encode()


FILMS_CSV = Framing(
    content_type="text/csv; charset=utf-8; header=present",
    encode=append_row,
    opening=b"title,year\r\n",
)


class FilmsCSVResponse(FramedResponse[Film, None], frozen=True, kw_only=True):
    framing: ClassVar[Framing] = FILMS_CSV


class FilmsEndpoint(Endpoint, path="/films.csv"):
    async def get(self) -> FilmsCSVResponse:
        return FilmsCSVResponse(stream=self._films())

    async def _films(self) -> AsyncIterator[Film]:
        yield Film("Metropolis", 1927)
        yield Film('The "Blue" Angel', 1930)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(FilmsEndpoint())


app = App()
