"""Keeps the files of a form while its request is answered: in memory at first, then on disk.

All files of a form share one temporary file, each after the one before. So a form takes one file descriptor at most,
and a limited part of the memory, however many files it has. The temporary file has no name, except on Windows, so that
nothing of it is left even if the process is killed.
"""

import asyncio
import threading
from collections.abc import Callable
from tempfile import TemporaryFile
from typing import IO, Final, TypeVar

# The files of a form that are together larger are on disk.
MEMORY_BYTES: Final = 1_048_576
# On disk, this many bytes are written at a time: each time costs a turn of a thread.
WRITE_BYTES: Final = 262_144

R = TypeVar("R")


class Spool:
    """The contents of the files of one form. `size`: their bytes.

    `add` what arrives, `flush` if it `is_full`, and `finish` before the first `read`. `close` in any case.
    """

    def __init__(self) -> None:
        self.size = 0
        self._waiting = bytearray()  # all that there is, or the part that is not on disk yet
        self._is_on_disk = False
        self._is_closed = False
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()  # held by the thread that uses the file: a cancelled call goes on in its thread

    def add(self, data: bytes) -> None:
        """Adds bytes at the end. Does not block."""
        self._waiting += data
        self.size += len(data)

    @property
    def is_full(self) -> bool:
        """Returns whether `flush` is to be called."""
        return len(self._waiting) > (WRITE_BYTES if self._is_on_disk else MEMORY_BYTES)

    async def flush(self) -> None:
        """Writes to disk what waits in memory. Raises `OSError` if the disk is full."""
        self._is_on_disk = True
        waiting, self._waiting = self._waiting, bytearray()
        await _in_thread(lambda: self._write(waiting))

    async def finish(self) -> None:
        """Makes everything readable. Nothing can be added from now on."""
        if self._is_on_disk:
            await self.flush()

    async def read(self, start: int, size: int) -> bytes:
        """Returns at most `size` bytes from `start` on. Raises `ValueError` if the spool is closed."""
        if not self._is_on_disk:
            return self.read_now(start, size)
        return await _in_thread(lambda: self.read_now(start, size))

    def read_now(self, start: int, size: int) -> bytes:
        """Returns the same as `read`, and blocks while it reads from disk."""
        with self._lock:
            if self._is_closed:
                raise ValueError("The uploaded file is closed, because its request was answered. Read it before that.")
            if self._file is None:
                return bytes(memoryview(self._waiting)[start : start + size])
            self._file.seek(start)
            return self._file.read(size)

    async def close(self) -> None:
        """Closes and deletes the temporary file, also if the task is cancelled meanwhile."""
        if self._is_on_disk:
            await asyncio.shield(_in_thread(self._close))
        else:
            self._close()

    def _write(self, data: bytearray) -> None:
        with self._lock:
            if self._is_closed:  # the request was cancelled while this waited for a thread
                return
            if self._file is None:
                self._file = TemporaryFile()  # noqa: SIM115 - `close` closes it
            self._file.write(data)

    def _close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._waiting = bytearray()
            if self._file is not None:
                self._file.close()


def _in_thread(call: Callable[[], R]) -> "asyncio.Future[R]":
    return asyncio.get_running_loop().run_in_executor(None, call)
