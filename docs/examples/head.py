"""HEAD sends a download's headers without its body. None of the stream's code runs."""

from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint, StreamingResponse


class ExportHeaders(Struct):
    x_total_lines: int


class ExportEndpoint(Endpoint, path="/export"):
    async def get(self) -> StreamingResponse[ExportHeaders]:
        return StreamingResponse(
            stream=self._lines(),
            headers=ExportHeaders(x_total_lines=3),
            raw_headers={"Content-Type": "text/plain; charset=utf-8"},
        )

    async def _lines(self) -> AsyncIterator[bytes]:
        print("export begun")
        for number in range(1, 4):
            yield f"line {number}\n".encode()


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ExportEndpoint())


app = App()
