"""Raw bytes: any format that you write yourself, here CSV as a download."""

import csv
import io
from collections.abc import AsyncIterator

from jero import BaseApp, Endpoint, StreamingResponse


class MoviesEndpoint(Endpoint, path="/movies.csv"):
    async def get(self) -> StreamingResponse:
        return StreamingResponse(
            stream=self._lines(),
            raw_headers={
                "Content-Type": "text/csv; charset=utf-8; header=present",
                "Content-Disposition": 'attachment; filename="movies.csv"',
            },
        )

    async def _lines(self) -> AsyncIterator[bytes]:
        yield line("title", "year")
        yield line("Metropolis", 1927)
        yield line('The "Blue" Angel', 1930)


def line(*values: object) -> bytes:
    """Returns a record of RFC 4180: quoted if necessary, ended by CRLF."""
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().encode()


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(MoviesEndpoint())


app = App()
