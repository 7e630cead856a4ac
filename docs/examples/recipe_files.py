"""Files with ranges and entity tags: Starlette's StaticFiles, mounted."""

from pathlib import Path

from msgspec import Struct
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from jero import BaseApp, Endpoint

FOLDER = Path(__file__).parents[1] / "stylesheets"


class File(Struct):
    name: str
    size: int


class FilesEndpoint(Endpoint, path="/files"):
    async def get(self) -> list[File]:
        return [File(path.name, path.stat().st_size) for path in sorted(FOLDER.iterdir())]


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(FilesEndpoint())
        files = Starlette(routes=[Mount("/", StaticFiles(directory=FOLDER))])  # answers what StaticFiles raises
        self._include_app(files, path="/files")


app = App()
