"""Forms over a network: uvicorn, httpx and curl, and a client that leaves in the middle of its upload."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from msgspec import Struct

from jero import Endpoint, FormPolicy, StreamingResponse, UploadFile
from jero.binding.spool import MEMORY_BYTES
from tests.application import Application
from tests.browser.serving import served
from tests.forms.bodies import MULTIPART, file
from tests.forms.disk import Disk
from tests.programs import needs_program

SIZE = 5 * MEMORY_BYTES
PATIENCE = 30.0


class Upload(Struct):
    file: UploadFile
    name: str = ""


class Uploads(Endpoint, path="/"):
    form_policy: ClassVar = FormPolicy(max_bytes=2 * SIZE)

    async def post(self, form: Upload) -> StreamingResponse:
        return StreamingResponse(stream=form.file.chunks(), raw_headers={"X-Name": form.name})

    async def put(self, form: Upload) -> str:
        return f"{form.name} {form.file.filename} {form.file.size}"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(Application(Uploads())) as url:
        yield url


def test_httpx_sends_a_file_and_reads_it_back_as_it_is_streamed(url: str, disk: Disk, tmp_path: Path) -> None:
    content = bytes(range(256)) * (SIZE // 256)
    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        answer = client.post(url, files={"file": ("a.bin", content)}, data={"name": "httpx"})
        refused = client.post(url, files={"file": content * 3})
    assert (answer.status_code, answer.headers["x-name"], answer.content == content) == (200, "httpx", True)
    assert refused.status_code == 413
    assert disk.files
    disk.wait_until_clean(PATIENCE)


@needs_program("curl")
def test_curl_sends_a_file(url: str, disk: Disk, tmp_path: Path) -> None:
    sent = tmp_path.with_suffix(".bin")
    sent.write_bytes(bytes(SIZE))
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "-X", "PUT", url, "-F", 'name=a"b', "-F"]
    done = subprocess.run([*command, f"file=@{sent};filename=ä.bin"], capture_output=True, check=True, encoding="utf-8")
    assert done.stdout.removeprefix('a"b ') == f"ä.bin {SIZE}"
    disk.wait_until_clean(PATIENCE)


def test_a_client_that_leaves_in_the_middle_of_its_upload_leaves_nothing(url: str, disk: Disk) -> None:
    has_written = threading.Event()
    disk.before_write = has_written.set
    host, _, port = url.removeprefix("http://").strip("/").partition(":")
    head = f"POST / HTTP/1.1\r\nHost: test\r\nContent-Type: {MULTIPART.decode()}\r\nContent-Length: {SIZE}\r\n\r\n"
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        connection.sendall(head.encode() + b"--edge\r\n" + file(b"file", b"a", bytes(2 * MEMORY_BYTES)))
        assert has_written.wait(PATIENCE)
    disk.wait_until_clean(PATIENCE)
