"""Watches the temporary files of forms."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO


class Disk:
    """Makes the temporary files in `folder`. `threads`: those that have used the files. `before_write`: for a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[TemporaryFile] = []
        self.threads: set[int] = set()
        self.before_write: Callable[[], None] = lambda: None
        self._has_closed = threading.Condition()

    def open(self) -> "TemporaryFile":
        self.files.append(TemporaryFile(self))
        return self.files[-1]

    def is_clean(self) -> bool:
        """Returns whether all files are closed, and none is left in the folder."""
        return all(file.file.closed for file in self.files) and not list(self.folder.iterdir())

    def wait_until_clean(self, seconds: float) -> None:
        """Waits for a server in another thread. Fails if a file is still open after `seconds`."""
        with self._has_closed:
            assert self._has_closed.wait_for(self.is_clean, seconds)

    def note_closed(self) -> None:
        """Lets `wait_until_clean` look again."""
        with self._has_closed:
            self._has_closed.notify_all()


class TemporaryFile:
    """A temporary file that notes which threads use it."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.size = 0
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=disk.folder)  # noqa: SIM115 - `close` closes it

    def write(self, data: bytes) -> int:
        self._note()
        self._disk.before_write()
        self.size += len(data)
        return self.file.write(data)

    def seek(self, offset: int) -> int:
        self._note()
        return self.file.seek(offset)

    def read(self, size: int) -> bytes:
        self._note()
        return self.file.read(size)

    def close(self) -> None:
        self._note()
        self.file.close()
        self._disk.note_closed()

    def _note(self) -> None:
        self._disk.threads.add(threading.get_ident())
