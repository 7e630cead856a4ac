"""Uploaded files: read in several ways, in memory up to 1 MiB together, and on disk beyond that."""

import csv
import io
import random
import threading
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jero import Endpoint, UploadFile
from jero.binding.spool import MEMORY_BYTES
from jero.testing import AsyncTestClient
from tests.application import Application
from tests.forms.bodies import Everything
from tests.forms.disk import Disk

SMALL = b"0123456789"
LARGE = random.Random(1).randbytes(3 * MEMORY_BYTES)


class Reading(Endpoint, path="/"):
    """Calls a function of the test with the form."""

    def __init__(self, read: Callable[[Everything], Awaitable[Any]]) -> None:
        self._read = read
        self.found: Any = None

    async def post(self, form: Everything) -> int:
        self.found = await self._read(form)
        return 1


async def found_in(read: Callable[[Everything], Awaitable[Any]], *contents: bytes) -> Any:
    """Sends a form with these files. Returns what `read` returns of it."""
    endpoint = Reading(read)
    files = [("files", (f"{number}.bin", content)) for number, content in enumerate(contents)]
    async with AsyncTestClient(Application(endpoint), raise_app_exceptions=True) as client:
        assert (await client.post("/", files=[("file", contents[0]), *files])).status_code == 200
    return endpoint.found


def given(form: Everything) -> UploadFile:
    assert form.file is not None
    return form.file


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["in memory", "on disk"])
class TestReading:
    async def test_read_goes_on_where_it_ended(self, content: bytes) -> None:
        async def read(form: Everything) -> list[bytes]:
            file = given(form)
            return [await file.read(4), await file.read(0), await file.read(3), await file.read(), await file.read()]

        assert await found_in(read, content) == [content[:4], b"", content[4:7], content[7:], b""]

    async def test_chunks_are_the_whole_content_each_time(self, content: bytes) -> None:
        async def read(form: Everything) -> list[list[bytes]]:
            file = given(form)
            await file.read(5)
            return [[chunk async for chunk in file.chunks(size)] for size in sizes]

        sizes = (len(content) // 2 + 2, 65_536, len(content), 10**9)
        for chunks, size in zip(await found_in(read, content), sizes, strict=True):
            assert b"".join(chunks) == content
            assert {len(chunk) for chunk in chunks[:-1]} <= {size}

    async def test_files_of_one_form_are_read_apart_and_in_turns(self, content: bytes) -> None:
        async def read(form: Everything) -> list[bytes]:
            first, second = form.files
            found = [b"", b""]
            sources = [first.chunks(1 << 20), second.chunks(1 << 20)]
            async for chunk in sources[0]:
                found[0] += chunk
                found[1] += await anext(sources[1], b"")
            return found

        assert await found_in(read, content, content[::-1]) == [content, content[::-1]]

    async def test_it_is_opened_as_a_file(self, content: bytes) -> None:
        async def read(form: Everything) -> list[Any]:
            with given(form).open() as file, given(form).open() as other:
                ends = [file.seek(-3, io.SEEK_END), file.read(), file.seek(1), file.read(2), file.seek(1, io.SEEK_CUR)]
                ends += [file.read(1), file.seek(len(content) + 5), file.read(), file.readable(), file.writable()]
                with pytest.raises(OSError, match="before the beginning"):
                    file.seek(-1)
                return [*ends, other.read()]

        size = len(content)
        expected = [size - 3, content[-3:], 1, content[1:3], 4, content[4:5], size + 5, b"", True, False, content]
        assert await found_in(read, content) == expected


async def test_a_file_is_described() -> None:
    async def read(form: Everything) -> list[Any]:
        file = form.files[0]
        return [file.filename, file.content_type, file.size, repr(file)]

    assert await found_in(read, SMALL) == [
        "0.bin",
        "application/octet-stream",
        10,
        "UploadFile(filename='0.bin', content_type='application/octet-stream', size=10)",
    ]


async def test_chunks_of_no_size_are_refused() -> None:
    async def read(form: Everything) -> str:
        with pytest.raises(ValueError, match=r"size=0\): it must be at least 1 byte") as refused:
            await anext(given(form).chunks(0))
        return str(refused.value)

    assert await found_in(read, SMALL)


async def test_modules_that_read_files_read_it() -> None:
    async def read(form: Everything) -> list[Any]:
        archive, table = form.files
        with zipfile.ZipFile(archive.open()) as opened:
            members = opened.namelist()
        return [members, list(csv.reader(io.TextIOWrapper(table.open(), newline="")))]

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "a")
    assert await found_in(read, packed.getvalue(), b"a,b\r\n1,2\r\n") == [["a.txt"], [["a", "b"], ["1", "2"]]]


@pytest.mark.parametrize(
    ("sizes", "on_disk"),
    [
        ([MEMORY_BYTES], 0),
        ([MEMORY_BYTES // 2, MEMORY_BYTES // 2], 0),
        ([MEMORY_BYTES + 1], 1),
        ([MEMORY_BYTES // 2 + 1] * 2, 1),
        ([2 * MEMORY_BYTES, 0, 1, 100_000], 1),
    ],
)
async def test_the_files_of_a_form_share_a_temporary_file(disk: Disk, sizes: list[int], on_disk: int) -> None:
    contents = [LARGE[start : start + size] for start, size in enumerate(sizes)]

    async def read(form: Everything) -> list[bytes]:
        assert len(disk.files) == on_disk
        assert [file.size for file in disk.files] == [sum(sizes)] * on_disk
        return [await file.read() for file in form.files]

    endpoint = Reading(read)
    async with AsyncTestClient(Application(endpoint), raise_app_exceptions=True) as client:
        await client.post("/", files=[("files", content) for content in contents])
    assert endpoint.found == contents
    assert disk.is_clean()


async def test_no_disk_is_used_in_the_event_loop(disk: Disk) -> None:
    async def read(form: Everything) -> int:
        return len(await given(form).read()) + sum([len(chunk) async for chunk in given(form).chunks()])

    assert await found_in(read, LARGE) == 2 * len(LARGE)
    assert disk.threads
    assert threading.get_ident() not in disk.threads


async def test_a_file_that_is_not_wanted_is_not_kept(disk: Disk) -> None:
    async def read(form: Everything) -> None:
        assert not disk.files

    async with AsyncTestClient(Application(Reading(read)), raise_app_exceptions=True) as client:
        assert (await client.post("/", files={"unknown": LARGE})).status_code == 200
