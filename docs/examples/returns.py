"""Returns: a plain value, or a response with typed headers and cookies."""

from msgspec import Struct

from jero import BaseApp, BytesResponse, Cookie, Created, Endpoint, JSONResponse, NoContent

PIXEL = bytes.fromhex("47494638396101000100800000ffffff0000002c00000000010001000002024401003b")


class NoteId(Struct):
    note: int


class Note(Struct):
    text: str


class Location(Struct):
    location: str


class Counted(Struct):
    x_total: int


class NotesEndpoint(Endpoint, path="/notes"):
    def __init__(self, notes: dict[int, Note]) -> None:
        self._notes = notes

    async def get(self) -> JSONResponse[list[Note], Counted]:
        notes = list(self._notes.values())
        return JSONResponse(content=notes, headers=Counted(x_total=len(notes)))

    async def post(self, json: Note) -> Created[Note, Location]:
        number = len(self._notes) + 1
        self._notes[number] = json
        return Created(
            content=json,
            headers=Location(location=f"/notes/{number}"),
            cookies=[Cookie(name="last-note", value=str(number), max_age=3600)],
        )


class NoteEndpoint(Endpoint, path="/notes/{note}"):
    def __init__(self, notes: dict[int, Note]) -> None:
        self._notes = notes

    async def get(self, path: NoteId) -> Note | NoContent:
        return self._notes.get(path.note) or NoContent()


class HelloEndpoint(Endpoint, path="/hello"):
    async def get(self) -> str:
        return "hello"


class PixelEndpoint(Endpoint, path="/pixel.gif"):
    async def get(self) -> BytesResponse:
        return BytesResponse(content=PIXEL, raw_headers={"Content-Type": "image/gif"})


class App(BaseApp):
    async def _wire(self) -> None:
        notes: dict[int, Note] = {}
        self._include_endpoint(NotesEndpoint(notes))
        self._include_endpoint(NoteEndpoint(notes))
        self._include_endpoint(HelloEndpoint())
        self._include_endpoint(PixelEndpoint())


app = App()
