"""jero's application for `benchmarks.upload`: takes a file in a form, and answers with its size as it was read."""

from typing import ClassVar

from msgspec import Struct

from jero import BaseApp, Endpoint, FormPolicy, UploadFile


class Upload(Struct):
    file: UploadFile


class UploadsEndpoint(Endpoint, path="/uploads"):
    form_policy: ClassVar = FormPolicy(max_bytes=1 << 40)

    async def get(self) -> int:
        return 0

    async def post(self, form: Upload) -> int:
        return sum([len(chunk) async for chunk in form.file.chunks()])


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(UploadsEndpoint())


app = App()
