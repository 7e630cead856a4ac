"""The files of a form (RFC 7578), as a handler reads them."""

import io
from collections.abc import AsyncGenerator
from typing import Any, BinaryIO, Final, Protocol, cast

CHUNK_BYTES: Final = 65_536


class Stored(Protocol):
    """The bytes of several files, one after the other."""

    async def read(self, start: int, size: int) -> bytes:
        """Returns at most `size` bytes from `start` on. Does not block the event loop."""
        ...

    def read_now(self, start: int, size: int) -> bytes:
        """Returns the same, and may block."""
        ...


class UploadFile:
    """A file that a client has sent in a form: the type of a field in the Struct of `form`.

    `filename`: the name that the client gave, as it was sent. These are the client's words, such as `../../etc/passwd`:
    never use them as a path. Choose a name of your own.
    `content_type`: the media type that the client gave, or `None`. The content may be something else.
    `size`: the number of bytes.

    The files of a form are in memory up to 1 MiB together, and otherwise in a temporary file that has no name. They are
    closed with the answer, or with its stream. Then reading raises `ValueError`.
    """

    __slots__ = ("_place", "_start", "_stored", "content_type", "filename", "size")

    def __init__(self, stored: Stored, start: int, size: int, *, filename: str, content_type: str | None) -> None:
        self.filename = filename
        self.content_type = content_type
        self.size = size
        self._stored = stored
        self._start = start
        self._place = 0

    def __repr__(self) -> str:
        return f"UploadFile(filename={self.filename!r}, content_type={self.content_type!r}, size={self.size})"

    async def read(self, size: int = -1) -> bytes:
        """Returns the next `size` bytes, or fewer at the end. A negative `size` returns all bytes that are left.

        Each call continues where the last one ended. Raises `ValueError` if the file is closed.
        """
        left = self.size - self._place
        data = await self._stored.read(self._start + self._place, left if size < 0 else min(size, left))
        self._place += len(data)
        return data

    async def chunks(self, size: int = CHUNK_BYTES) -> AsyncGenerator[bytes, None]:
        """Yields the whole content from its beginning, in parts of `size` bytes. The last part may be smaller.

        It is independent of `read`, and of other calls. Raises `ValueError` if the file is closed, or if `size` is less
        than 1.
        """
        if size < 1:
            raise ValueError(f"UploadFile.chunks(size={size!r}): it must be at least 1 byte.")
        for place in range(0, self.size, size):
            yield await self._stored.read(self._start + place, min(size, self.size - place))

    def open(self) -> BinaryIO:
        """Opens the content as a binary file at its beginning, for code that reads files, such as `csv` or `zipfile`.

        Its methods block: use it in a thread, as with `asyncio.to_thread`, or in a handler that is a synchronous
        generator. Each call returns a file of its own. Reading raises `ValueError` if the upload is closed.
        """
        return cast("BinaryIO", io.BufferedReader(_Opened(self._stored, self._start, self.size), CHUNK_BYTES))


class _Opened(io.RawIOBase):
    """One of the stored files, as Python's `io` reads a file."""

    def __init__(self, stored: Stored, start: int, size: int) -> None:
        self._stored = stored
        self._start = start
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(f"seek({offset}, {whence}) leads to a place before the beginning of the file")
        self._place = base + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        size = max(0, min(len(buffer), self._size - self._place))
        data = self._stored.read_now(self._start + self._place, size)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)
