"""Forms: texts and files into a Struct, limits, and a stream that reads an uploaded file."""

import csv
import hashlib
import io
from collections.abc import Iterator
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from jero import BaseApp, Endpoint, FormPolicy, NDJSONStreamingResponse, UploadFile


class Message(Struct):
    name: Annotated[str, Meta(min_length=1)]
    age: int | None = None
    topics: list[str] = []


class Album(Struct):
    title: str
    photos: list[UploadFile]
    cover: UploadFile | None = None


class Stored(Struct):
    filename: str
    size: int
    sha256: str


class Table(Struct):
    table: UploadFile
    delimiter: str = ","


class MessagesEndpoint(Endpoint, path="/messages"):
    async def post(self, form: Message) -> Message:
        return form


class AlbumsEndpoint(Endpoint, path="/albums"):
    form_policy: ClassVar = FormPolicy(max_files=20, max_file_bytes=5_000_000, max_bytes=100_000_000)

    async def post(self, form: Album) -> list[Stored]:
        return [await self._stored(photo) for photo in form.photos]

    async def _stored(self, photo: UploadFile) -> Stored:
        digest = hashlib.sha256()
        async for chunk in photo.chunks():
            digest.update(chunk)
        return Stored(photo.filename, photo.size, digest.hexdigest())  # never a path: it is the client's word


class TablesEndpoint(Endpoint, path="/tables"):
    async def post(self, form: Table) -> NDJSONStreamingResponse[dict[str, str]]:
        return NDJSONStreamingResponse(stream=self._rows(form))

    def _rows(self, form: Table) -> Iterator[dict[str, str]]:  # runs in a thread, where reading may block
        with io.TextIOWrapper(form.table.open(), "utf-8", newline="") as text:
            yield from csv.DictReader(text, delimiter=form.delimiter)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(MessagesEndpoint())
        self._include_endpoint(AlbumsEndpoint())
        self._include_endpoint(TablesEndpoint())


app = App()
